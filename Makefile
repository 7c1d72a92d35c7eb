# kubevitals. On a fresh machine with Python >= 3.11 and make: `make run`, `make test`.

PYTHON ?= $(shell tools/find-python)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?= --simulate

.DEFAULT_GOAL := help
.PHONY: help setup run look test check e2e-tools e2e record format bench lock clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with pinned, hashed dependencies

$(READY): requirements/dev.txt requirements/runtime.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "kubevitals needs Python 3.11 or newer, and none was found on PATH" >&2; exit 1; }
	tools/setup-venv "$(PYTHON)" $(VENV)
	@touch $@

run: setup ## serve a simulated cluster on http://127.0.0.1:8080; ARGS="--context prod" serves a real one
	@$(BIN)/kubevitals serve $(ARGS)

look: setup ## look at it on one screen; ARGS="--context prod" looks at a real one
	@$(BIN)/kubevitals overview $(ARGS)

test: setup ## run all tests, on every Python from 3.11 to 3.14 at hand
	tools/test-pythons

e2e-tools: setup ## build the real control plane for the tests, once (about 20 minutes, needs Go)
	$(BIN)/python -m tests.e2e.build_tools

e2e: setup ## run the tests against a real API server and metrics-server
	$(BIN)/python -m pytest tests/e2e

record: setup ## store what the real API server answers as fixtures of the fast tests
	$(BIN)/python -m tests.e2e.record

check: setup ## lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	tools/check-tree

format: setup ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure against kubectl and the official client; BENCH_ARGS=--quick, --service, --layers or --real
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

lock: setup ## compile requirements/*.in to *.txt
	tools/lock

clean: ## remove what setup and tests made
	rm -rf .venv* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
