# What can be done here. `make help` lists it.

.DEFAULT_GOAL := help
.PHONY: help run reset test integration faults failover upgrade months lint format bench conformance fuzz observability attacks poolers manifests verify

TEST_SERVICES := .dev/test

# cargo-nextest where it is installed, cargo test elsewhere.
NEXTEST := $(shell command -v cargo-nextest >/dev/null 2>&1 && echo yes)
ifdef NEXTEST
UNIT := cargo nextest run --locked --workspace --filterset 'not package(integration-tests)'
INTEGRATION := cargo nextest run --locked --workspace --filterset 'package(integration-tests)'
else
UNIT := cargo test --locked --workspace --exclude integration-tests
INTEGRATION := cargo test --locked --package integration-tests
endif

FAULTS := cargo run --locked --quiet --package integration-tests --bin faults --

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## build and serve, with a private PostgreSQL and Redis and a demonstration in them
	@deploy/run

reset: ## delete the data of `make run`
	@deploy/services reset .dev/run

test: ## unit tests against mocked ports: no service is needed
	$(UNIT)

integration: ## tests against a real PostgreSQL and Redis, which this starts and stops
	cargo build --locked --workspace --bins
	@FAST=1 deploy/services up $(TEST_SERVICES)
	@set -e; trap 'deploy/services down $(TEST_SERVICES)' EXIT; \
	export $$(deploy/services urls $(TEST_SERVICES) | sed 's/^/TEST_/') \
		TEST_POSTGRES_PROGRAMS=$$(deploy/services programs $(TEST_SERVICES)) \
		TEST_REDIS_SERVER=$$(deploy/services redis $(TEST_SERVICES)); \
	set -x; $(INTEGRATION); $(FAULTS) --short

faults: ## a storm of orders through two replicas, while everything around them breaks in turn
	cargo build --locked --workspace --bins
	@export TEST_POSTGRES_PROGRAMS=$$(deploy/services programs $(TEST_SERVICES)) \
		TEST_REDIS_SERVER=$$(deploy/services redis $(TEST_SERVICES)); \
	set -x; $(FAULTS)

months: ## the tests that are about orders, kept month by month, in a schema of the shop's own
	@tests/months/run

upgrade: ## this release takes over from the one before, under a storm of orders
	@tests/upgrade/run

failover: ## the same while PostgreSQL, on three nodes under Patroni, changes its primary
	cargo build --locked --workspace --bins
	@export TEST_REDIS_SERVER=$$(deploy/services redis $(TEST_SERVICES)); set -x; $(FAULTS) --ha

lint: ## format, clippy, docs, who may depend on whom, and known faults of libraries
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	@long=$$(find crates -name '*.rs' -exec awk 'END { if (NR > 400) print FILENAME ": " NR " lines" }' {} \;); \
		[ -z "$$long" ] || { printf 'no file has more than 400 lines, but\n%s\n' "$$long" >&2; exit 1; }
	@for test in $$(grep -o '`[a-z0-9]*_[a-z0-9_]*`' SECURITY.md | tr -d '`' | grep -v '^pg_' | sort -u); do \
		grep -rq "fn $$test\b" crates tests || { echo "SECURITY.md names a test that there is not: $$test" >&2; exit 1; }; \
	done
	@unproven=$$(grep -n '^| .*| *|$$' SECURITY.md | grep -v ':| | | |$$'); \
		[ -z "$$unproven" ] || { printf 'SECURITY.md does not say what proves\n%s\n' "$$unproven" >&2; exit 1; }
	RUSTDOCFLAGS='--deny warnings --allow rustdoc::private-intra-doc-links' cargo doc --locked --workspace --no-deps --document-private-items
	deploy/cargo-deny --locked check bans licenses sources
	deploy/cargo-deny --locked --manifest-path crates/domain/Cargo.toml check bans
	@if timeout 60 deploy/cargo-deny --locked fetch db >/dev/null 2>&1; then \
		deploy/cargo-deny --locked check advisories; \
	else \
		echo '· the database of advisories cannot be reached: known faults of libraries were not looked for' >&2; \
	fi

format: ## format the code
	cargo fmt --all

bench: ## measure it as ratios to pgbench, psql and bare actix-web (needs wrk); PARTS says what
	@deploy/bench/run

conformance: ## hold the API to its OpenAPI document, and its parsers for a moment to what fuzzers make up
	@tests/fuzz/run --short
	@tests/conformance/run

fuzz: ## let fuzzers make up what the parsers read, for FUZZ_SECONDS=600 each (needs a C++ compiler)
	@tests/fuzz/run

observability: ## hold the dashboard and the alerts to a live scrape (Prometheus, fetched on Debian)
	@deploy/observability/check

attacks: ## attack it: sqlmap in every place of every operation, slow clients beside a customer
	@cargo build --locked --workspace --bins
	@tests/attacks/run

manifests: ## hold the files for Kubernetes and Compose to their schemas (Python 3)
	@deploy/kubernetes/check

poolers: ## the tests of `make integration` with PgBouncer in between, in both of its modes
	@tests/poolers/run

verify: lint test integration ## what CI runs, which adds conformance, observability, poolers, months, upgrade, failover and manifests
