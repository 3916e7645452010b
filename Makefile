# Two commands are enough: `make demo` shows what pulmo does, `make test` that it does it right.
#   PYTHON=python3.13   another interpreter (3.11 or newer)        GPU=1   TensorFlow with its CUDA libraries

# The one named, else Kaggle's Python, else 3.11: on the path, else one of pyenv's, whose commands on the path run only
# where they are chosen.
PYENV := $(or $(shell pyenv root 2>/dev/null),$(HOME)/.pyenv)
runs = $(shell $(1) -c 'print("yes")' 2>/dev/null)
found = $(firstword $(foreach python,$(1) $(wildcard $(PYENV)/versions/*/bin/$(1)),$(if $(call runs,$(python)),$(python))))
override PYTHON := $(firstword $(foreach name,$(or $(PYTHON),python3.12 python3.11 python3),$(call found,$(name))))
VERSION := $(if $(PYTHON),$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'))
BIN := .venv/bin
PYTEST := $(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/pip --disable-pip-version-check install --quiet

# The competitions that `make rehearse` rehearses.
NAMES ?= $(patsubst src/pulmo/competitions/%/config.toml,%,$(wildcard src/pulmo/competitions/*/config.toml))

.PHONY: demo test test-slow rehearse test-lowest test-backends setup

demo: setup
	@$(BIN)/pulmo demo

test: .venv/tools-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -m "not slow" --durations 20

# Whole runs, killed ones, clusters, browsers, networks that must learn; CI runs both.
test-slow: .venv/tools-installed
	$(PYTEST) -m slow --durations 20

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

# The least versions of pyproject.toml's ranges, under the least Python; `make test PYTHON=python3.13` takes the newest.
LOWEST_TESTS ?= tests/scoring tests/pipeline tests/imaging tests/models
test-lowest: .venv-lowest/installed
	@.venv-lowest/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --pythonwarnings default $(LOWEST_TESTS)

# Named by the version, since an environment of another Python is made anew.
INSTALLED := .venv/installed-$(VERSION)$(if $(GPU),-gpu)
setup: $(INSTALLED)

$(INSTALLED): requirements.txt pyproject.toml
	@$(if $(PYTHON),$(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "pulmo needs Python 3.11 or newer: install python3.12, or name one: make PYTHON=…" >&2; exit 1; }
	@echo "Installing into .venv with Python $(VERSION) (about two minutes) …"
	@$(PYTHON) -m venv $(if $(wildcard .venv/installed-$(VERSION)*),,--clear) .venv
	@$(PIP) --requirement requirements.txt --editable '.[pretrained]' $(if $(GPU),'tensorflow[and-cuda]')
	@touch $@

.venv/tools-installed: $(INSTALLED) requirements-dev.txt
	@$(PIP) --requirement requirements-dev.txt --constraint requirements.txt
	@touch $@

.venv-lowest/installed: tests/lowest.py pyproject.toml requirements-dev.txt
	@$(or $(call found,python3.11),$(PYTHON)) -m venv --clear .venv-lowest
	@.venv-lowest/bin/python tests/lowest.py > .venv-lowest/constraints.txt
	@.venv-lowest/bin/pip --disable-pip-version-check install --quiet --constraint .venv-lowest/constraints.txt \
		--requirement requirements-dev.txt --editable .
	@touch $@

.venv-backends/installed: requirements.txt requirements-backends.txt pyproject.toml
	@$(PYTHON) -m venv .venv-backends
	@.venv-backends/bin/pip --disable-pip-version-check install --quiet --requirement requirements.txt \
		--requirement requirements-backends.txt --editable .
	@touch $@
