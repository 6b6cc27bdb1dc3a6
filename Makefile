# `make run` starts ViveSphere, `make test` proves it. Every step leaves a stamp in .make/ and runs again only when what
# it was made from has changed; removing .venv or .make/ is always safe.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
UI := src/vivesphere/admin
# File names of the page may hold a dollar sign (routes with a parameter), which make would take for a variable.
UI_SOURCES := $(subst $$,$$$$,$(shell find $(UI)/ui \( -name node_modules -o -name dist \) -prune -o -type f -print))
WORKERS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
NAMES ?=

.PHONY: help install run test lint tests bench soak prove docs baseline lock fmt migration chromium

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 18

run: install ## start the server on 127.0.0.1:8000, installing what is missing
	@exec $(BIN)/vivesphere serve

install: .make/package $(UI)/static/index.html

.venv/pyvenv.cfg:
	@for python in $(PYTHON) python3.11 python3; do \
	  if "$$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making .venv with $$("$$python" --version)"; exec "$$python" -m venv .venv; \
	  fi; \
	done; \
	echo "ViveSphere needs Python 3.11 or newer with its venv module. Install it (Debian: apt-get install python3.11-venv)," \
	  "or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
	exit 2

.make/runtime: requirements/build.lock requirements/runtime.lock .venv/pyvenv.cfg
	@mkdir -p $(@D)
	@echo "Installing what the server needs"
	@$(PIP) install --require-hashes -r requirements/build.lock -r requirements/runtime.lock
	@touch $@

.make/package: pyproject.toml .make/runtime
	@echo "Installing ViveSphere and building its page"
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.make/dev: requirements/dev.lock .make/runtime
	@echo "Installing what the tests need"
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

$(UI)/static/index.html: hatch_build.py $(UI_SOURCES) | .make/runtime
	@echo "Building the page"
	@$(BIN)/python hatch_build.py
	@touch $@

chromium:
	@.ci/install-chromium

test: install .make/dev chromium ## lint and run every test, with the coverage gates
	@$(MAKE) --no-print-directory lint >.make/lint.log 2>&1 & lint=$$!; \
	trap 'kill $$lint 2>/dev/null || true' INT TERM; \
	status=0; $(MAKE) --no-print-directory tests || status=$$?; \
	wait $$lint || status=$$?; \
	echo; echo "== lint"; cat .make/lint.log; \
	[ $$status -eq 0 ] && echo "Everything passes." || echo "Something failed; see above." >&2; \
	exit $$status

lint: .make/dev ## formatting, lint rules, types, import contracts, secrets
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --no-verify --baseline .secrets.baseline
	$(BIN)/mypy

tests: install .make/dev
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n $(WORKERS) --dist=worksteal --cov --cov-report=
	$(BIN)/python tests/coverage_gates.py

bench: install .make/dev ## the benchmarks beside their peers; NAMES="events" runs some
	@$(BIN)/python -m benchmarks $(NAMES)

soak: install .make/dev ## the property tests with a hundred times as many examples, and a hundred kills of the server, its bus and the database commands
	$(BIN)/python -m pytest -n $(WORKERS) -m hypothesis --hypothesis-profile=soak
	VIVESPHERE_TEST_KILLS=100 VIVESPHERE_TEST_SEED=$$RANDOM $(BIN)/python -m pytest tests/e2e/test_chaos.py tests/e2e/test_bus_crash.py tests/kernel/db/test_writer_crash.py
	VIVESPHERE_TEST_TMPFS=$$([ "$$(id -u)" != 0 ] || echo 1) $(BIN)/python -m pytest tests/e2e/test_full_disk.py

prove: install .make/dev ## take each part of the kernel out in turn; the end-to-end test that must notice fails
	@$(BIN)/python -m tests.prove_kernel

docs: install ## write docs/reference/ and the page's client anew from the code
	$(BIN)/python -m docs.generate
	$(BIN)/python hatch_build.py client

baseline: install .make/dev ## write down what is promised today; a breaking change needs REASON="why"
	@$(BIN)/python -m tests.contracts.record $(if $(REASON),"$(REASON)")

lock: .venv/pyvenv.cfg ## pin what *.in and pyproject.toml ask for, with hashes; UPGRADE=--upgrade renews all
	@.ci/lock $(UPGRADE)

fmt: .make/dev ## format, and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

migration: install ## a new database migration: make migration MESSAGE="add personas"
	@test -n "$(MESSAGE)" || { echo 'Name it: make migration MESSAGE="add personas"' >&2; exit 2; }
	$(BIN)/alembic -c migrations/alembic.ini revision --autogenerate -m "$(MESSAGE)"
