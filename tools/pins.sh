#!/usr/bin/env bash
# Writes the exact versions of everything the tests bring along.
set -euo pipefail
cd "$(dirname "$0")/../tests"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3.11 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet -r requirements.in
{
    echo '# Exact versions of all that requirements.in brings along. Written by `make pins`.'
    "$scratch/venv/bin/pip" freeze --all | grep -v '^pip=='
} > requirements.txt
(cd node && npm install --package-lock-only --no-audit --no-fund)
