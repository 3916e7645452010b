# Two commands are enough: `make demo` shows what pulmo does, `make test` that it does it right.
#   PYTHON=python3.12   another interpreter (3.11 or newer)        GPU=1   TensorFlow with its CUDA libraries

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check install --quiet

# The competitions that `make rehearse` rehearses.
NAMES ?= $(patsubst kernels/%/infer/kernel.py,%,$(wildcard kernels/*/infer/kernel.py))

.PHONY: demo test rehearse test-backends setup

demo: setup
	@$(BIN)/pulmo demo

test: .venv/tools-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses 2 --dist loadfile

# Each competition's Kaggle kernel, built from its demo run and run as Kaggle would, in one environment with the versions
# of Kaggle's image.
rehearse: setup
	@for name in $(NAMES); do \
		$(BIN)/pulmo demo $$name && $(BIN)/pulmo $$name kernel build --run demo && $(BIN)/pulmo $$name kernel rehearse \
		|| exit 1; \
	done

# Networks under TensorFlow, JAX and torch, in an environment of its own; not part of `make test`.
test-backends: .venv-backends/installed
	@.venv-backends/bin/python tests/backends.py

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

.venv-backends/installed: requirements.txt requirements-backends.txt pyproject.toml
	@$(PYTHON) -m venv .venv-backends
	@.venv-backends/bin/pip --disable-pip-version-check install --quiet --requirement requirements.txt \
		--requirement requirements-backends.txt --editable .
	@touch $@
