# The only commands a newcomer needs:  make demo | test | lint | bench
# PYTHON chooses the interpreter (3.11 or later) of the virtual environment in .venv; PROFILE, how the package is
# compiled: release, or fast, which takes half the time and runs nearly as fast,
# or dev, which shares what it compiles with clippy and the Rust tests.

PYTHON ?= python3
PROFILE ?= release
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --requirement pyproject.toml
# The versions are locked, so what is in the cache already is right. Asked again, some registries answer that a source
# package was modified, and it would be compiled anew: two minutes for KenLM.
install = $(INSTALL) --offline $(1) 2>/dev/null || $(INSTALL) $(1)
RUST_SOURCES := $(shell find rust Cargo.toml Cargo.lock -type f -not -path '*/target/*' -not -path 'rust/fuzz/*')

.PHONY: demo test test-rust test-python lint lint-rust lint-python format bench soak fuzz constraints clean
.DELETE_ON_ERROR:

demo: $(VENV)/.package $(VENV)/.extra-demo
	$(BIN)/ferrolm demo

test: test-rust test-python

test-rust:
	cargo test --locked --quiet --workspace

test-python: $(VENV)/.package $(VENV)/.extra-test
	$(BIN)/python -m pytest --numprocesses auto

lint: lint-rust lint-python

lint-rust: $(VENV)/.package
	cargo fmt --all --check
	PYO3_PYTHON=$(abspath $(BIN)/python) cargo clippy --locked --quiet --workspace --all-targets -- -D warnings

lint-python: $(VENV)/.package $(VENV)/.extra-lint
	$(BIN)/ruff format --check
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest ferrolm._rust --mypy-config-file pyproject.toml

format: $(VENV)/.extra-lint
	cargo fmt --all
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/.package $(VENV)/.extra-bench
	$(BIN)/python benches/run.py --update-readme

# What takes long, see docs/hardening.md: make soak MINUTES=60, make fuzz SECONDS=60 (which needs nightly Rust).
MINUTES ?= 60
SECONDS ?= 60
soak: $(VENV)/.package $(VENV)/.extra-test
	$(BIN)/python tests/soak/run.py --minutes $(MINUTES)

fuzz:
	$(PYTHON) rust/fuzz/run.py --seconds $(SECONDS)

# Take the newest versions that pyproject.toml allows.
constraints: $(BIN)/uv
	{ echo '# Versions that CI and the Makefile use. Made by: make constraints'; \
	  { $(BIN)/uv pip compile --quiet pyproject.toml --all-extras --python-version 3.11 --no-header --no-annotate; \
	    $(BIN)/uv pip freeze --python $(BIN)/python | grep -E '^(uv|maturin)=='; } | sort; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) target

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv maturin

# The package itself, installed in place: Python changes are live, Rust changes rebuild it.
$(VENV)/.package: $(BIN)/uv pyproject.toml $(RUST_SOURCES)
	$(call install)
	PIP_QUIET=1 $(BIN)/maturin develop --profile $(PROFILE) --locked --quiet
	touch $@

# What an extra of pyproject.toml brings.
$(VENV)/.extra-%: $(BIN)/uv pyproject.toml constraints.txt
	$(call install,--extra $*)
	touch $@
