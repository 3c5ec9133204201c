# The only commands a newcomer needs:  make demo | test | lint | bench | docs
# PYTHON chooses the interpreter (3.11 or later) of the virtual environment in .venv; PROFILE, how the package is
# compiled: release, or fast, which takes half the time and runs nearly as fast,
# or dev, which shares what it compiles with clippy and the Rust tests. What makes a release is at the end: wheel, sdist,
# check-wheel, audit, licenses. COMPATIBILITY is the oldest C library that a wheel runs with, TARGET its Rust target.

PYTHON ?= python3
PROFILE ?= release
COMPATIBILITY ?= manylinux_2_17
TARGET ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --requirement pyproject.toml
# The versions are locked, so what is in the cache already is right. Asked again, some registries answer that a source
# package was modified, and it would be compiled anew: two minutes for KenLM.
install = $(INSTALL) --offline $(1) 2>/dev/null || $(INSTALL) $(1)
RUST_SOURCES := $(shell find rust Cargo.toml Cargo.lock -type f -not -path '*/target/*' -not -path 'rust/fuzz/*' -not -path 'rust/loom/*')

.PHONY: demo test test-rust test-python test-exhaustive lint lint-rust lint-python format bench bench-compare soak fuzz sanitize
.PHONY: valgrind loom constraints clean
.PHONY: docs docs-serve wheel sdist check-wheel check-wheel-contents check-pages check-sdist licenses audit audit-offline lint-workflows
.DELETE_ON_ERROR:

demo: $(VENV)/.package $(VENV)/.extra-demo
	$(BIN)/ferrolm demo

test: test-rust test-python

test-rust:
	cargo test --locked --quiet --workspace

test-python: $(VENV)/.package $(VENV)/.extra-test
	$(BIN)/python -m pytest --numprocesses auto

# What repeats other tests on more material.
test-exhaustive: $(VENV)/.package $(VENV)/.extra-test
	$(BIN)/python -m pytest --numprocesses auto -m exhaustive

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

# The guide, into site/; a missing page, a link or an anchor that leads nowhere, a public name that no page describes: all fail.
docs: $(VENV)/.package $(VENV)/.extra-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-serve: $(VENV)/.package $(VENV)/.extra-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

# Which ratios to peers fell since the runs before, of those that `make bench` or benches/run.py stored on this machine.
bench-compare:
	$(PYTHON) benches/run.py --compare

# What takes long, see docs/hardening.md: make soak MINUTES=60, make fuzz SECONDS=60 (which needs nightly Rust).
MINUTES ?= 60
SECONDS ?= 60
soak: $(VENV)/.package $(VENV)/.extra-test
	$(BIN)/python tests/soak/run.py --minutes $(MINUTES)

fuzz:
	$(PYTHON) rust/fuzz/run.py --seconds $(SECONDS)

# The Rust tests under a sanitizer (address or thread, nightly Rust) or under valgrind; CRATES chooses some of the crates.
# ThreadSanitizer has to see the standard library's locks too, which are compiled anew: rustup component add rust-src.
SANITIZER ?= address
CRATES ?=
STANDARD_LIBRARY = $(if $(filter thread,$(SANITIZER)),-Zbuild-std)
PACKAGES = $(foreach crate,$(CRATES),--package ferrolm-$(crate))
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
sanitize:
	RUSTFLAGS="-Zsanitizer=$(SANITIZER) -Cunsafe-allow-abi-mismatch=sanitizer" CARGO_TARGET_DIR=target/$(SANITIZER) \
	  cargo +nightly test --locked --quiet --tests $(STANDARD_LIBRARY) --target $(HOST) $(PACKAGES)

valgrind:
	CARGO_TARGET_$(shell echo $(HOST) | tr 'a-z-' 'A-Z_')_RUNNER="valgrind --quiet --error-exitcode=9" \
	  cargo test --locked --quiet --tests $(PACKAGES)

# Every order in which threads may meet at the lock-free list of the pools.
loom:
	cargo test --locked --quiet --release --manifest-path rust/loom/Cargo.toml

# Take the newest versions that pyproject.toml allows.
constraints: $(BIN)/uv
	{ echo '# Versions that CI and the Makefile use. Made by: make constraints'; \
	  { $(BIN)/uv pip compile --quiet pyproject.toml --all-extras --python-version 3.11 --no-header --no-annotate; \
	    $(BIN)/uv pip freeze --python $(BIN)/python | grep -E '^(uv|maturin)=='; } | sort; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) target dist

# Zig links against the symbols of an old C library, and across CPUs: no container is needed.
wheel: $(VENV)/.extra-packaging
	rm -f dist/*.whl
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/maturin build --release --locked --zig --compatibility $(COMPATIBILITY) \
	  $(if $(TARGET),--target $(TARGET)) --out dist

sdist: $(BIN)/uv
	rm -f dist/*.tar.gz
	$(BIN)/maturin sdist --out dist

# TESTS=all takes half an hour; see tools/check_wheel.py.
TESTS ?= core
check-wheel:
	$(PYTHON) tools/check_wheel.py dist/*.whl --tests $(TESTS)

check-wheel-contents:
	$(PYTHON) tools/check_wheel.py dist/*.whl --tests none

# Each how-to page from top to bottom, in an environment of its own; see tools/check_pages.py.
check-pages: $(BIN)/uv
	$(PYTHON) tools/check_pages.py dist/*.whl

# Builds a wheel from dist/*.tar.gz alone and tries it.
check-sdist:
	$(PYTHON) tools/check_wheel.py dist/*.tar.gz

# The texts that go into the wheel, after a change of Cargo.lock.
licenses:
	$(PYTHON) tools/third_party_licenses.py

# Needs: cargo install --locked cargo-deny
audit: audit-offline
	cargo deny --locked check advisories
	$(BIN)/pip-audit --no-deps --disable-pip --requirement constraints.txt

# What needs no list of advisories: licences, sources, bans, the workflows.
audit-offline:
	cargo deny --locked check licenses bans sources
	$(PYTHON) tools/third_party_licenses.py --check
	$(MAKE) lint-workflows

lint-workflows: $(VENV)/.extra-packaging
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

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
