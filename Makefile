# One verb, one job; each makes what it needs and is quick the second time.
#
#   make demo       watch commands protect a program, and the numbers arrive at a collector (about 25 s)
#   make test       the suite: what may share the machine on two workers, then what must be alone
#   make test-all   the suite on every further interpreter at hand (3.12, 3.13, free-threaded 3.13)
#   make test-wheel the suite against the built and installed wheel, the source tree out of the way
#   make bench      the price of everything, and the ratios that were promised
#   make lint       ruff, mypy --strict, stubtest on the native modules
#   make clean      remove what was built; make distclean: the virtual environments too
#
# Variables: PYTHON (the interpreter .venv is made of), PYTEST_ARGS, DEMO_ARGS, BENCH_ARGS, HYSTRIXPY_FT_PYTHON.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The first interpreter that is new enough and complete: Debian splits venv off, pyenv's shims may lead nowhere.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$python; break; }; done)

VENV ?= .venv
BIN := $(VENV)/bin
NATIVE := $(shell find src_ext -name '*.pyx' -o -name '*.pxd' -o -name '*.h') setup.py
STUBBED := $(basename $(notdir $(wildcard hystrixpy/_native/*.pyi)))
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq

.PHONY: demo test test-serial test-all test-wheel bench lint clean distclean native

demo: $(VENV)/.otlp $(VENV)/.native
	$(BIN)/python -m hystrixpy.demo $(DEMO_ARGS)

test: $(VENV)/.test $(VENV)/.native
	@VENV=$(VENV) bash .ci/suite $(PYTEST_ARGS)

test-all: export HYSTRIXPY_FT_PYTHON := $(HYSTRIXPY_FT_PYTHON)
test-all:
	@bash .ci/test-all

test-wheel: $(VENV)/.dev
	@VENV=$(VENV) bash .ci/test-wheel $(PYTEST_ARGS)

# Each file in a process of its own, so that none runs in what another one left.
bench: $(VENV)/.bench $(VENV)/.native
	rm -rf build/bench
	mkdir -p build/bench
	for file in bench/bench_*.py; do \
	  $(BIN)/python -m pytest $$file -p no:xdist -q -W ignore -o python_files='bench_*.py' -o timeout=600 \
	    --benchmark-json=build/bench/$$(basename $$file .py).json $(BENCH_ARGS); \
	done
	$(BIN)/python bench/compare.py build/bench/*.json

lint: $(VENV)/.dev $(VENV)/.native
	$(BIN)/ruff check --output-format concise .
	$(BIN)/python -m mypy
	$(if $(STUBBED),$(BIN)/python -m mypy.stubtest --allowlist .ci/stubtest-allowlist $(STUBBED:%=hystrixpy._native.%))

native: $(VENV)/.native

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	rm -f hystrixpy/_native/*.so .venv*/.native
	find hystrixpy tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv*

# --- virtual environments. A stamp per set of extras, renewed when pyproject.toml changes.

$(VENV)/.base: pyproject.toml
	@test -n "$(PYTHON)" || { echo "hystrixpy needs Python 3.11 or newer with venv; name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'setuptools>=77' 'cython>=3.1' wheel
	@touch $@

# The Python half is installed in place; the native half is built by .native, in parallel and only where it changed.
$(VENV)/.otlp $(VENV)/.test $(VENV)/.bench $(VENV)/.dev: $(VENV)/.%: $(VENV)/.base
	HYSTRIXPY_WITHOUT_NATIVE=1 $(PIP) --no-build-isolation --editable '.[$*]'
	@touch $@

$(VENV)/.native: $(VENV)/.base $(NATIVE)
	$(BIN)/python setup.py -q build_ext --inplace
	@touch $@
