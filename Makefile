# kubevitals. On a fresh machine with Python >= 3.11 and make: `make run`, `make test`.

# a version or a program; empty: the newest at hand
PYTHON ?=
# how long `make fuzz` looks, in seconds; FUZZ_ARGS="TARGET --seed N" repeats
SECONDS ?= 60
PYTHONS := 3.11 3.12 3.13 3.14 3.15
BIN := .venv/bin
ARGS ?= --simulate

.DEFAULT_GOAL := help
.PHONY: help setup run look frontend test test-all fuzz soak check e2e-tools e2e record format bench lock clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with pinned, hashed dependencies
	@tools/setup-venv .venv requirements/dev.txt $(PYTHON)

run: setup ## serve a simulated cluster on http://127.0.0.1:8080; ARGS="--context prod" serves a real one
	@$(BIN)/kubevitals serve $(ARGS)

look: setup ## open the terminal screen on a simulated cluster; ARGS="--context prod" looks at a real one
	@$(BIN)/kubevitals screen $(ARGS)

frontend: ## build the page from frontend/; needs Node 20 or newer with npm
	cd frontend && npm ci --ignore-scripts && npm run build

test: setup ## run the fast tests, on as many processes as the machine has cores
	$(BIN)/python -m pytest -q -n auto

test-all: setup ## run them on every Python from 3.11 to 3.15 at hand
	@failed=; for version in $(PYTHONS); do \
		tools/test-python $$version || failed="$$failed $$version"; \
	done; [ -z "$$failed" ] || { echo "the tests failed on Python$$failed" >&2; exit 1; }

fuzz: setup ## fuzz requests, answers, files and command lines; SECONDS=60, FUZZ_ARGS="TARGET --seed N"
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(FUZZ_ARGS)

soak: setup ## run the attacks on the services that take minutes
	$(BIN)/python -m pytest -q tests/soak

e2e-tools: setup ## build the real control plane for the tests, once (about 20 minutes, needs Go)
	$(BIN)/python -m tests.e2e.build_tools

e2e: setup ## run the tests against a real API server and metrics-server
	$(BIN)/python -m pytest tests/e2e

record: setup ## store what the real API server answers as fixtures of the fast tests
	$(BIN)/python -m tests.e2e.record

check: setup ## lint, types, layers; of the page too, where there is Node
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	tools/check-tree
	tools/check-frontend

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
