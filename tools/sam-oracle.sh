#!/usr/bin/env bash
# Records what the public SAM translator makes of crates/deploy/tests/sam/*.yaml, for the tests to compare with.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet aws-sam-translator==1.115.0 pyyaml==6.0.3
"$scratch/venv/bin/python" tools/sam_oracle.py crates/deploy/tests/sam/*.yaml
