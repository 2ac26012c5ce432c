# Commands of biomech-xr. `make` alone lists them; every one sets the project up first where that is not done yet.
#
#   PY           the Python to build with (3.11 or newer)             make setup PY=python3.12
#   VENV         where the virtual environment goes                   make test VENV=/tmp/env
#   TORCH        version of torch                                     make setup TORCH=2.13.0
#   TORCH_INDEX  package index for torch alone (CUDA, ROCm, CPU)      make setup TORCH_INDEX=https://...
#   SAMPLES      folder of real sample files for demo and test        make demo SAMPLES=~/samples
#   PEERS        environment of the libraries that benchmarks compare with (make peers)
#   WORKERS      processes that run the tests                         make test WORKERS=4
#   STORE        URL of the demo's store, else into demo/             make demo STORE=gs://bucket/demo
#   OUT, PEOPLE  folder of `make sources`, people a source           make sources OUT=/tmp/sources PEOPLE=4
#   ARGS         passed on to pytest, the demo or a benchmark         make test ARGS="tests/store -x"
#
# SAMPLES is ../shared/samples where that exists. Without samples the demo synthesizes all its input, and the tests that
# need a real file skip and say so.

PY ?= python3
VENV ?= .venv
TORCH ?= 2.13.0
TORCH_INDEX ?=
SAMPLES ?= $(firstword $(wildcard ../shared/samples))
ARGS ?=
OUT ?= sources
PEOPLE ?= 2
WORKERS ?= 2
PEERS ?= .venv-peers
STORE ?=

# What installs the rest: the installer and the build backend. All else is hash-locked in requirements/lock.txt.
TOOLS := uv==0.13.8 hatchling==1.33.0 editables==0.6

BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
BENCHMARKS := $(filter parse processing storage order loader training,$(basename $(notdir $(wildcard tests/benchmarks/*.py))))
CHAOS := $(wildcard tests/chaos/test_*.py)
BIOMECH_XR_SAMPLES ?= $(abspath $(SAMPLES))
export BIOMECH_XR_SAMPLES
export BIOMECH_XR_PEERS = $(abspath $(PEERS))

.DELETE_ON_ERROR:
.PHONY: help setup demo sources test check lint types layers format bench chaos docs lock peers clean

help:
	@echo "make setup | demo | sources | test | check | format | bench | chaos | docs | lock | peers | clean   (see the head of Makefile)"

setup: $(STAMP)

# torch first and through pip: its index is the user's choice, so it stays out of the lock. Then the lock, then us.
$(STAMP): pyproject.toml requirements/lock.txt Makefile
	@command -v $(PY) >/dev/null || \
	  { echo "setup: $(PY) not found. Install Python 3.11 or newer, or name one: make setup PY=python3.12" >&2; exit 2; }
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "setup: $(PY) is older than Python 3.11. Name a newer one: make setup PY=python3.12" >&2; exit 2; }
	@$(PY) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "setup: $(PY) has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PY) -m venv --clear $(VENV)
	@echo "setup: torch $(TORCH)"
	@$(PIP) $(TOOLS) || \
	  { echo "setup: $(TOOLS) could not be installed (see above). Is a package index reachable?" >&2; exit 1; }
	@$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==$(TORCH) || \
	  { echo "setup: torch $(TORCH) could not be installed (see above). Other version: TORCH=...; other index: TORCH_INDEX=..." >&2; exit 1; }
	@echo "setup: requirements/lock.txt"
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/lock.txt || \
	  { echo "setup: the locked packages could not be installed (see above). Nothing is lost: run make setup again." >&2; exit 1; }
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@
	@echo "setup: done, $(VENV)"

demo: $(STAMP)
	$(BIN)/python -m pipelines.demo pipelines/configs/demo.yaml $(if $(STORE),store=$(STORE)) \
	  $(if $(SAMPLES),samples=$(abspath $(SAMPLES))) $(ARGS)

# Every source in one go: a synthetic tree in its true format, parsed, and the store read back whole.
sources: $(STAMP)
	@test -d $(OUT)/raw || $(BIN)/biomech-xr synth all --out $(OUT)/raw --patients $(PEOPLE) --minutes 0.3
	$(BIN)/python -m pipelines.parse pipelines/configs/sources.yaml raw_root=$(OUT)/raw store=$(OUT)/store $(ARGS)
	$(BIN)/biomech-xr check $(OUT)/store

# One thread a worker: the workers are the parallelism, and threads of BLAS and OpenMP would fight for the same cores.
test: $(STAMP)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow and not gpu" $(ARGS)

check: lint types layers

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMP)
	$(BIN)/mypy --strict

layers: $(STAMP)
	$(BIN)/lint-imports --no-logo

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Optional, for `make bench`: a peer that is not there is printed as not run.
peers: $(STAMP)
	@test -d $(PEERS) || $(BIN)/uv venv --quiet --python $(BIN)/python $(PEERS)
	@$(BIN)/python -m pip --python $(PEERS)/bin/python install --quiet --disable-pip-version-check \
	  $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==$(TORCH)
	@$(BIN)/uv pip install --quiet --python $(PEERS)/bin/python --no-deps -r requirements/peers.txt
	@echo "peers: done, $(PEERS)"

ifneq ($(BENCHMARKS),)
bench: $(STAMP)
	@mkdir -p bench
	@for name in $(BENCHMARKS); do \
	  echo "bench: tests.benchmarks.$$name -> bench/$$name.json"; \
	  $(BIN)/python -m tests.benchmarks.$$name --json bench/$$name.json $(ARGS) || exit 1; \
	done
else
bench: $(STAMP)
	@echo "bench: no benchmark exists yet. They will be tests/benchmarks/{parse,processing,storage,loader,training}.py."
endif

ifneq ($(CHAOS),)
chaos: $(STAMP)
	$(BIN)/python -m pytest $(CHAOS) $(ARGS)
else
chaos: $(STAMP)
	@echo "chaos: no long fault run exists yet. They will be tests/chaos/; short ones are part of make test."
endif

docs: $(STAMP)
	@$(BIN)/biomech-xr datasets --pages .
	@$(BIN)/python -m docs.figures
	@echo "docs: the pages are Markdown, start at docs/index.md. Pages of sources and figures are up to date with the code."

lock: $(STAMP)
	$(BIN)/uv pip compile --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	  --extra cloud --extra readers --extra report --extra dev pyproject.toml requirements/torch-needs.in \
	  -o requirements/lock.txt
	$(BIN)/uv pip compile --python-version 3.11 --no-emit-index-url --no-annotate \
	  --overrides requirements/peers-torch.txt requirements/peers.in requirements/torch-needs.in \
	  -o requirements/peers.txt

clean:
	rm -rf $(VENV) $(PEERS) demo sources bench site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
