#!/usr/bin/env bash
# Starts Moln in the foreground with its data in ./data, deploys the queue tutorial, says what to do next.
# Ctrl-C stops it; what was stored is there again at the next start. MOLN_LISTEN, MOLN_DATA and MOLN_BIN choose other
# places and another binary.
set -euo pipefail
cd "$(dirname "$0")/.."

listen=${MOLN_LISTEN:-127.0.0.1:4566}
data=${MOLN_DATA:-data}
binary=${MOLN_BIN:-target/release/moln}
url=http://$listen
# Functions in Python find boto3; where the machine's Python has no pip to fetch it with, that of .venv does.
export PATH="$PWD/.venv/bin:$PATH"
# In a process group of its own: of a Ctrl-C it gets one signal, from here, and not the terminal's besides, upon which
# it would stop at once instead of cleanly.
set -m
"$binary" serve --data "$data" --listen "$listen" &
moln=$!
set +m
export NO_PROXY=* no_proxy=*
trap 'kill -TERM "$moln" 2>/dev/null || true; wait "$moln" || true; exit 0' INT TERM
trap 'kill -TERM "$moln" 2>/dev/null || true' EXIT

for _ in $(seq 100); do
    if .venv/bin/python tools/healthy.py "$url"; then break; fi
    if ! kill -0 "$moln" 2>/dev/null; then
        wait "$moln"   # its own message is on the terminal; its code is ours
    fi
    sleep 0.1
done

echo
# What cannot be deployed (a runtime that cannot be fetched now) is told; the server runs all the same.
for step in step-1 step-2; do
    "$binary" deploy "systems/queue-tutorial/$step" --endpoint "$url" || true
done
address() {
    "$binary" info "systems/queue-tutorial/$1" --endpoint "$url" --json 2>/dev/null |
        .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["endpoints"][0]["url"])' 2>/dev/null || echo "$url"
}
one=$(address step-1) two=$(address step-2)

cat <<TEXT

Moln is running on $url, its data is in $data. In another terminal:

  curl -X POST $one -H 'Content-type: application/json' -d '{"input": 1}'      # 2
  curl -X POST $one -H 'Content-type: application/json' -d '{"input": "x"}'    # 400, and why
  for i in \$(seq 100); do curl -sX POST $two -H 'Content-type: application/json' -d "{\"input\": \$i}"; echo; done
  export AWS_DEFAULT_REGION=ap-northeast-2
  target/release/moln logs tutorial-step-2-dev-jobsWorker --filter result

  eval "\$(target/release/moln env)"        # points the AWS CLI and SDKs here
  target/release/moln doctor               # what this machine gives: sandbox, runtimes, disk

docs/queue-tutorial.md and README.md go on from there. Ctrl-C stops Moln; it goes on where it was at the next start.
TEXT
wait "$moln"
