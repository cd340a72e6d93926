# Everything a person or CI does with Moln. Needs Rust, Node 20, Python 3.11 and make; the rest is installed into
# .venv, tests/node/node_modules and target/.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3.11
CARGO_JOBS ?= $(shell nproc)
CARGO = cargo --locked
MOLN = target/release/moln
LOGS = target/test-logs
PROTOCOL_TESTS = target/protocol-tests
# Where tests keep the languages of functions: fetched once, before tests run side by side.
CACHE = XDG_CACHE_HOME=$(abspath target/cache)

.PHONY: help run build runtimes test check test-rust test-black-box test-node bench support models pins clean-data

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

run: build .venv/ready ## build Moln, start it on http://127.0.0.1:4566 with its data in ./data, deploy the queue tutorial
	@exec tools/run.sh

build: ## the release binary, target/release/moln
	$(CARGO) build --release --bin moln --jobs $(CARGO_JOBS)

# The pip of .venv fetches boto3 where the machine's Python has none of its own.
runtimes: build .venv/ready ## the languages of functions, for the tests: target/cache
	PATH="$(CURDIR)/.venv/bin:$$PATH" $(CACHE) $(MOLN) runtimes install --all

test: ## everything CI checks; ends with the runners' summaries
	@tools/test.sh

check: .venv/ready ## formatting, clippy without a warning, licences and sources of dependencies
	cargo fmt --all --check
	$(CARGO) clippy --workspace --all-targets --jobs $(CARGO_JOBS) -- -D warnings
	.venv/bin/ruff check --quiet tests tools
	.venv/bin/ruff format --quiet --check tests tools
	.venv/bin/python tools/licences.py
	if command -v cargo-deny >/dev/null; then cargo deny --offline check bans licenses sources; fi

test-rust: $(PROTOCOL_TESTS)/ready runtimes ## unit and crate tests
	$(CACHE) MOLN_PROTOCOL_TESTS=$(abspath $(PROTOCOL_TESTS)/protocols) $(CARGO) test --workspace --jobs $(CARGO_JOBS)

test-black-box: build runtimes target/official/.ready tests/deploy/serverless3/node_modules/.ready target/sam-cli/.ready ## boto3, AWS CLI, raw clients, kill -9 and bad input against the release binary
	cd tests && $(CACHE) ../.venv/bin/pytest -n $(CARGO_JOBS) -m "not alone"
	cd tests && $(CACHE) ../.venv/bin/pytest -m alone

test-node: build tests/node/node_modules/.ready ## the AWS SDKs for JavaScript against the release binary
	cd tests/node && node --test --test-reporter=spec

bench: build ## figures of this machine beside its limits (see bench/README.md)
	$(CARGO) build --release -p moln-bench --jobs $(CARGO_JOBS)
	target/release/moln-bench compare --promises bench/promises.txt $(BENCH)

support: .venv/ready ## write the README's support table from the code
	$(CARGO) run --quiet -p moln-codegen -- support > target/support.md
	.venv/bin/python tools/readme.py target/support.md

models: .venv/ready $(PROTOCOL_TESTS)/ready ## refresh models/ from the pinned botocore
	$(CARGO) run --quiet -p moln-codegen -- models --from $(abspath $(PROTOCOL_TESTS)/data)

pins: ## resolve tests/requirements.in and tests/node/package.json again
	tools/pins.sh

clean-data: ## forget everything `make run` stored
	rm -rf data

.venv/ready: tests/requirements.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r tests/requirements.txt
	touch $@

# AWS's own runtimes, which functions of the tests bring along.
target/official/.ready: tools/official_runtimes.sh $(wildcard tests/lambda/official/*/*) | .venv/ready
	tools/official_runtimes.sh
	touch $@

tests/node/node_modules/.ready: tests/node/package-lock.json
	cd tests/node && npm ci --no-audit --no-fund --loglevel=error
	touch $@

# The Serverless Framework 3, which the tests deploy with.
tests/deploy/serverless3/node_modules/.ready: tests/deploy/serverless3/package-lock.json
	cd tests/deploy/serverless3 && npm ci --no-audit --no-fund --loglevel=error
	touch $@

# The SAM CLI has a Python environment of its own: it wants other versions than the tests.
target/sam-cli/.ready: tests/deploy/sam/requirements.txt
	rm -rf target/sam-cli
	$(PYTHON) -m venv target/sam-cli
	target/sam-cli/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
	touch $@

# The public Smithy protocol cases travel in botocore's source archive, as do the API models.
$(PROTOCOL_TESTS)/ready: tests/requirements.txt | .venv/ready
	rm -rf $(PROTOCOL_TESTS) && mkdir -p $(PROTOCOL_TESTS)
	.venv/bin/python tools/botocore_source.py $(PROTOCOL_TESTS)
	touch $@
