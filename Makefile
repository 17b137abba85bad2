# `make app` shows the product, `make test` proves it. Both start from a bare clone.
VENV ?= .venv
PORT ?= 8501
WORKSPACE ?= workspace
# The first Python that is new enough; say PYTHON=/path/to/python to choose another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt
# Two test processes share two cores; more threads in each would only get in each other's way.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.DEFAULT_GOAL := help
.PHONY: help venv app test test-all screenshots lint format bench wheel clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

venv: $(VENV)/.app ## Make the environment in .venv

app: $(VENV)/.app ## Prepare the example workspace and serve the dashboard on 127.0.0.1
	@$(BIN)/personalab --workspace $(WORKSPACE) app --demo --port $(PORT)

test: lint ## Run the checks and the fast tests (under five minutes)
	@scripts/get_chromium.sh
	@$(TEST) -m "not slow"

test-all: lint ## Run the checks and every test, as CI does
	@scripts/get_chromium.sh
	@$(TEST)

screenshots: $(VENV)/.dev ## Make docs/pictures anew, one picture of every page
	@scripts/get_chromium.sh
	@$(BIN)/python scripts/make_screenshots.py

lint: $(VENV)/.dev ## Check format, style, types and floors
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev ## Format the code and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## Run the benchmarks and print their ratios
	@missed=; for script in $$(grep -l __main__ benchmarks/*.py); do \
		name=$$(basename $$script .py); echo "== $$name"; \
		$(BIN)/python -m benchmarks.$$name || missed="$$missed $$name"; done; \
	test -z "$$missed" || { echo "Targets missed by:$$missed" >&2; exit 1; }

wheel: $(VENV)/.app ## Build the wheel into dist/
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls dist/*.whl

clean: ## Remove what was built (the environment and the workspace stay)
	@rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; say which one: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e '.[eval]'
	@$(BIN)/python -m compileall -q personalab_core
	@touch $@

$(VENV)/.dev: $(VENV)/.app
	$(PIP) -e '.[eval,dev,all-providers]'
	@$(PIP) -e '.[dlib]' || echo "The extra 'dlib' could not be installed here; its tests will be skipped."
	@touch $@
