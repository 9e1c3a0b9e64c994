# Every task of the project. `make` alone lists them.
SHELL := /bin/bash
export PATH := $(PATH):$(CURDIR)/.tools/bin
.DEFAULT_GOAL := help
.PHONY: help demo test distributed bench national check openapi advisories

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## four agencies' samples in, the count out, then serve on a free port (ONCE=1: end after the report; TLS=1: over mutual TLS)
	@scripts/install.sh
	@cargo build --release --quiet --locked
	@$${CARGO_TARGET_DIR:-target}/release/saphan demo $(if $(ONCE),--once) $(if $(TLS),--tls)

test: ## everything that must hold: format, lints, tests, licences
	@scripts/install.sh test
	cargo fmt --check
	cargo clippy --all-targets --all-features --locked --quiet -- -D warnings
	cargo deny --log-level error check bans licenses sources
	cargo test --locked

distributed: ## every test of the store on a PostgreSQL with Citus (DATABASE_URL=postgres://…; docs/operations.md)
	@test -n "$(DATABASE_URL)" || { echo "say where: make distributed DATABASE_URL=postgres://USER@COORDINATOR/DATABASE" >&2; exit 1; }
	@scripts/install.sh test
	SAPHAN_TEST_DISTRIBUTED=1 SAPHAN_TEST_DATABASE_URL='$(DATABASE_URL)' \
		cargo test --locked --features citus-tests --lib store:: -- postgres distributed --test-threads 4
	SAPHAN_TEST_DISTRIBUTED=1 SAPHAN_TEST_DATABASE_URL='$(DATABASE_URL)' \
		cargo test --locked --features citus-tests --test it -- postgres:: engines:: --test-threads 2

bench: ## rows a second, peak memory, into docs/benchmarks.md (PEERS=1: others beside it; POSTGRES=1: beside COPY; ROWS=200000: quick)
	@scripts/install.sh test
	@python3 -B scripts/bench/$(if $(POSTGRES),postgres,run).py

national: ## a whole round through the gateway, held against its truth (LEARNERS=12000000: the nation; DATABASE=postgres)
	@scripts/install.sh $(if $(DATABASE),test)
	@python3 -B scripts/bench/national.py

check: ## configuration, standards, code lists and mappings: all faults at once
	@scripts/install.sh
	@cargo run --release --quiet --locked -- check

openapi: ## write openapi/saphan.json from the code
	@cargo run --quiet --locked -- openapi > openapi/saphan.json.new && mv openapi/saphan.json.new openapi/saphan.json

advisories: ## known faults in the dependencies (fetches the public database)
	@scripts/install.sh test
	cargo deny --log-level error check advisories
