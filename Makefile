# `make run` and `make test` are all that a fresh machine needs. Outputs go to a cache outside the
# checkout when one is writable, so that checkouts share them.
ifndef CARGO_TARGET_DIR
cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sillage
ifeq ($(shell mkdir -p $(cache)/target 2>/dev/null && test -w $(cache)/target && echo yes),yes)
export CARGO_TARGET_DIR := $(cache)/target
else
export CARGO_TARGET_DIR := $(CURDIR)/target
endif
endif
bin := $(CARGO_TARGET_DIR)/release/sillage
pure := -p sillage-wire -p sillage-sdk-core -p sillage-model -p sillage-engine -p sillage-ledger

tested := SILLAGE_BIN=$(CARGO_TARGET_DIR)/debug/sillage
python := $(CARGO_TARGET_DIR)/python

# What the web tag is made of: the binding's own source and the core of the SDK.
js := bindings/js
tag_folders := $(wildcard $(js)/src $(js)/core sdk/core/src sdk/wire/src)
tag_inputs := $(shell find $(tag_folders) -name target -prune -o -print) Cargo.lock Cargo.toml sdk/core/Cargo.toml \
    sdk/wire/Cargo.toml $(wildcard $(addprefix $(js)/,build.mjs package.json package-lock.json tsconfig.json))

.PHONY: run test test-kotlin test-python test-api test-personalize lint pure build tag bindings sdk-targets bench \
    overload rivals size torture devices mutants fuzz help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

run: build ## the main job on real events, embedded, with a terminal view
	@$(bin) demo

build: tag
	cargo build --release --locked -p sillage-server

tag: ## the web tag, which the binary carries; made again only if its source changed
	@.ci/setup run
	@$(MAKE) --no-print-directory $(js)/dist/manifest.json

$(js)/dist/manifest.json: $(tag_inputs) $(js)/node_modules/.package-lock.json
	cd $(js) && node build.mjs
	@touch $@

$(js)/node_modules/.package-lock.json: $(js)/package-lock.json
	cd $(js) && npm ci --no-audit --no-fund
	@touch $@

test: tag ## every test: units, worlds against the oracle, the real binary, a real Redis, a browser, a JVM, Python
	@.ci/setup test
	cargo build --locked $(pure) --target wasm32v1-none
	cargo build --locked -p sillage-server
	$(MAKE) --no-print-directory test-kotlin test-python test-api test-personalize
	$(tested) cargo test --locked --workspace --features sillage-e2e/bindings
	cd $(js) && $(tested) npm test

bindings: ## what Kotlin, Swift and Python need of the native library, generated and built for this machine
	bindings/generate

test-kotlin: bindings
	$(tested) mvn -B -ntp -f bindings/kotlin/pom.xml -Dmaven.test.redirectTestOutputToFile=true \
	    verify $$(.ci/androidx)

test-python: bindings $(python)/installed
	$(tested) $(python)/bin/python -m pytest -q bindings/python/tests

test-personalize: tag ## five languages and two OpenFeature providers ask Redis which hero a page shows
	cargo build --locked -p sillage-server
	$(tested) examples/personalize/run

test-api: ## whether Swift parses, and Kotlin, Swift and Python have the same names and defaults
	tests/api/run

$(python)/installed: bindings/python/requirements-test.txt
	python3 -m venv $(python)
	$(python)/bin/pip install --quiet --disable-pip-version-check $(addprefix -r ,$^)
	@touch $@

sdk-targets: ## the native library for Android and iOS, and what it weighs
	bindings/targets

lint: tag ## format, clippy, types and docs, all without warnings
	@.ci/setup test
	cd $(js) && npm run --silent check
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

bench: build ## events per second beside bare servers, in one run
	cargo build --release --locked -p sillage-bench
	$(CARGO_TARGET_DIR)/release/sillage-bench --collector $(bin)

overload: build ## ten times what the collector can take; a hot project and a hot person beside others
	cargo build --release --locked -p sillage-bench
	$(CARGO_TARGET_DIR)/release/sillage-bench overload --collector $(bin)
	$(CARGO_TARGET_DIR)/release/sillage-bench overload --collector $(bin) --tenants --seconds 20
	$(CARGO_TARGET_DIR)/release/sillage-bench overload --collector $(bin) --hot-person --seconds 10

rivals: ## what other web trackers weigh and cost a page, beside ours as it was built last
	npm ci --prefix tests/web/rivals --ignore-scripts --no-audit --no-fund --silent
	npm run --prefix tests/web/rivals --silent measure

size: ## what the SDK's core weighs, alone in a library
	cd tests/size && cargo build --release --locked
	@stat -c '%s bytes, stripped: %n' $(CARGO_TARGET_DIR)/release/libsillage_size.so
	@cargo tree -p sillage-sdk-core -e normal

torture: build ## all that tries to break the collector, for about MINUTES (60); needs root
	@.ci/setup test
	cargo build --locked -p sillage-e2e -p sillage-sim -p sillage-device-sim
	cargo build --release --locked -p sillage-bench
	tests/torture $(or $(MINUTES),60)

devices: ## ten thousand worlds of devices, networks and a collector against the SDK's core
	cargo run --locked --profile test -p sillage-device-sim --bin devices -- --seeds 10000

mutants: ## bugs of one line in the SDK's core and in the collector, and what notices each
	cargo run --locked -p sillage-mutants -- --suite core
	cargo run --locked -p sillage-mutants -- --suite collector

FUZZ_SECONDS ?= 600
fuzz: ## FUZZ_SECONDS (ten minutes) of each fuzz target, from the kept corpora; needs a nightly compiler and cargo-fuzz
	tests/fuzz/run $(FUZZ_SECONDS)
