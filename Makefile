# Two commands are enough: `make demo` shows what pulmo does, `make test` that it does it right.
#   PYTHON=python3.12   another interpreter (3.11 or newer)        GPU=1   TensorFlow with its CUDA libraries

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check install --quiet

.PHONY: demo test setup

demo: setup
	@$(BIN)/pulmo demo

test: .venv/tools-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses 2 --dist loadfile

setup: .venv/installed$(GPU)

.venv/installed$(GPU): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pulmo needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	@echo "Installing into .venv (about two minutes) …"
	@$(PYTHON) -m venv .venv
	@$(PIP) --requirement requirements.txt --editable . $(if $(GPU),'tensorflow[and-cuda]')
	@touch $@

.venv/tools-installed: .venv/installed$(GPU) requirements-dev.txt
	@$(PIP) --requirement requirements-dev.txt
	@touch $@
