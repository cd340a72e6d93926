#!/usr/bin/env bash
# Builds what functions on AWS's own runtimes bring along, for tests/lambda/test_official_clients.py, into target/official.
# Needs npm, a C++ compiler and cargo; cmake comes from PyPI, and Node's headers come from npm, with Node itself.
set -euo pipefail
cd "$(dirname "$0")/.."
sources=$PWD/tests/lambda/official
pip=$PWD/.venv/bin/pip
mkdir -p target/official/node
cd target/official

cargo build --quiet --locked --manifest-path "$sources/rust/Cargo.toml" --target-dir rust

cd node
home=$PWD
cp "$sources"/node/package*.json .
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
"$pip" install --quiet --disable-pip-version-check --upgrade --target tools cmake==3.31.6
node=$(echo "$home"/node_modules/node-linux-*)
# The client's own install scripts: they build curl and aws-lambda-cpp, which it carries, and its addon.
(
    cd node_modules/aws-lambda-ric
    export PATH=$home/tools/cmake/data/bin:$PATH npm_config_nodedir=$node
    npm run preinstall && npm run postinstall
) >build.log 2>&1 || { tail -n 40 build.log >&2; exit 1; }
rm -rf task
mkdir -p task/node_modules/@aws
cp -r node_modules/@aws/lambda-invoke-store task/node_modules/@aws/
cp -r node_modules/aws-lambda-ric task/node_modules/
cp "$node/bin/node" task/
rm -rf node_modules tools
