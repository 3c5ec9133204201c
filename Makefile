# The only commands a newcomer needs:  make demo | test | lint | bench
# PYTHON chooses the interpreter (3.11 or later) of the virtual environment in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt
RUST_SOURCES := $(shell find rust Cargo.toml Cargo.lock -not -path '*/target/*' -type f 2>/dev/null)

.PHONY: demo test test-rust test-python lint format bench constraints clean
.DELETE_ON_ERROR:

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv

# One stamp per extra: the package (release build) with that extra's dependencies.
$(VENV)/.installed-%: $(BIN)/uv pyproject.toml constraints.txt $(RUST_SOURCES)
	$(UV) --editable '.[$*]'
	touch $@

demo: $(VENV)/.installed-demo
	$(BIN)/ferrolm demo

test: test-rust test-python

test-rust:
	cargo test --locked --quiet

test-python: $(VENV)/.installed-test
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-lint
	cargo fmt --all --check
	PYO3_PYTHON=$(abspath $(BIN)/python) cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff format --check
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest ferrolm._rust --mypy-config-file pyproject.toml

format: $(VENV)/.installed-lint
	cargo fmt --all
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/.installed-bench
	$(BIN)/python benches/run.py

clean:
	rm -rf $(VENV) target

# Take the newest versions that pyproject.toml allows.
constraints: $(BIN)/uv
	{ echo '# Versions that CI and the Makefile use. Made by: make constraints'; \
	  { $(BIN)/uv pip compile --quiet pyproject.toml --all-extras --python-version 3.11 --no-header --no-annotate; \
	    $(BIN)/uv pip freeze --python $(BIN)/python | grep '^uv=='; } | sort; } > constraints.new
	mv constraints.new constraints.txt
