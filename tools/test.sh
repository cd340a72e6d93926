#!/usr/bin/env bash
# All tests in order, each step's output also in target/test-logs; stops at the first step that fails.
# The last lines are the runners' own summaries.
set -euo pipefail
cd "$(dirname "$0")/.."

logs=target/test-logs
rm -rf "$logs"
mkdir -p "$logs"

step() {
    printf '\n=== %s\n' "$1"
    local started=$SECONDS
    if ! make --no-print-directory "$1" 2>&1 | tee "$logs/$1.log"; then
        summary
        printf '\nFAILED: make %s\n' "$1"
        exit 1
    fi
    printf '=== %s: %s s\n' "$1" $((SECONDS - started))
}

summary() {
    printf '\n=== summaries\n'
    local log
    for log in "$logs"/*.log; do
        # cargo test, pytest, node --test
        grep -hE '^test result:|^=+ .*(passed|failed|error).* in .*=+$|^(ℹ|#) (tests|pass|fail) [0-9]+$' "$log" || true
    done
}

for name in check runtimes test-rust test-black-box test-node; do
    step "$name"
done
summary
