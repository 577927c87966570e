# One page of commands; `make help` lists them.
PYTHON ?= python3
PORT ?= 4000
HOST ?= 127.0.0.1
CONFIG ?=
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help up test lint format types bench faults screenshots lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

up: $(VENV)/.installed ## Start everything in one process on http://127.0.0.1:4000 (CONFIG=config.yaml, PORT=, HOST=)
	@$(BIN)/tollkeeper up --host $(HOST) --port $(PORT) $(if $(CONFIG),--config $(CONFIG))

test: $(VENV)/.installed-test ## Format, lint, types, contracts, checks and the whole test suite
	@$(BIN)/python tests/run

lint: $(VENV)/.installed-test ## Ruff and the import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

format: $(VENV)/.installed-test ## Rewrite the code as ruff likes it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(VENV)/.installed-test ## mypy, strict
	$(BIN)/mypy

bench: $(VENV)/.installed-test ## Measure requests per second and core beside the known limits
	$(BIN)/python -m benchmarks.run

faults: $(VENV)/.installed-test ## The fault tests at full length: 100 kills, outages of a minute (FAULT_SEED= for the kills of another run)
	FAULT_SECONDS=60 FAULT_CYCLES=100 FAULT_OUTAGE=60 $(BIN)/python -m pytest -q -n 0 -s --timeout 0 tests/faults

screenshots: $(VENV)/.installed-test ## Take the pictures of docs/screenshots anew (needs chromium)
	$(BIN)/python -m tests.browser.screenshots

lock: $(VENV)/.installed ## Renew the three lock files (hashes, Python 3.11 to 3.13)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --upgrade $(LOCK_FLAGS) pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --upgrade $(LOCK_FLAGS) -c requirements.lock --all-extras pyproject.toml -o requirements-image.lock
	$(BIN)/uv pip compile --upgrade $(LOCK_FLAGS) -c requirements-image.lock --group test pyproject.toml -o requirements-test.lock
LOCK_FLAGS := --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

clean: ## Remove the virtual environment and caches (never the data folder)
	rm -rf $(VENV) *.egg-info build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis benchmarks/.work

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Tollkeeper needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is %d.%d. Try: make PYTHON=python3.12 up" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@$(BIN)/python -m compileall -q gateway_project alerts budgets proxy teams
	@touch $@

$(VENV)/.installed-test: requirements-test.lock $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	@touch $@
