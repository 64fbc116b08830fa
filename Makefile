# Thin names for what .ci/ does; `make help` lists them.

.PHONY: help demo test check fuzz openapi fmt

help:
	@echo "make demo     a running Linli with an invented town in it, no service needed"
	@echo "make test     everything: format, lints, all tests on SQLite, PostgreSQL and Redis, generated requests"
	@echo "make check    format, hygiene and lints only, in a minute"
	@echo "make fuzz     generated requests against a demo server"
	@echo "make openapi  write api/openapi/*.json from the code"
	@echo "make fmt      format the code"
	@echo ".ci/with-services COMMAND    run COMMAND beside a private Redis and PostgreSQL"

demo:
	cargo run --release -- demo

test:
	@.ci/test

check:
	@.ci/check

fuzz:
	@.ci/fuzz

openapi:
	cargo run --quiet -- openapi

fmt:
	cargo fmt --all
