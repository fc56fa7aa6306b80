# GPUBroker. `make demo` runs the market on real input, `make test` passes the tests; each sets
# up all that it needs on a machine with Python 3.11 and make.

# Distributions build Python with profiles of its use, others often without: ours runs a fifth faster.
# Flink runs Python inside its JVM, so it takes one with its shared library (Debian: libpython3.11).
PYTHON ?= $(or $(shell /usr/bin/python3.11 -c 'import ctypes, ensurepip; ctypes.CDLL("libpython3.11.so.1.0"); print("/usr/bin/python3.11")' 2>/dev/null),python3.11)
BIN := .venv/bin
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

.PHONY: help demo up down status test test-unit lint format differential bench bench-latency bench-telemetry faults requirements

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | column -t -s $$'\t'

demo: .venv/.runtime ## Start the market, replay real supply and demand, check the result
	@$(BIN)/gpubroker demo $(DEMO)

up: .venv/.runtime ## Start the market
	@$(BIN)/gpubroker up

down: .venv/.runtime ## Stop the market; its state stays in .gpubroker/
	@$(BIN)/gpubroker down

status: .venv/.runtime ## Show each server's state, port, memory and uptime
	@$(BIN)/gpubroker status

test: lint ## Check the code and run every test, on servers of the tests' own
	$(BIN)/pytest --cov --cov-report=term:skip-covered --cov-fail-under=80 $(TESTS)

test-unit: .venv/.dev ## Run the tests that need no server
	$(BIN)/pytest -m "not stack" -n 2 $(TESTS)

lint: .venv/.dev ## Check format, style, types, import arrows and generated files
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.generate --check

format: .venv/.dev ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

differential: .venv/.dev ## Compare the book with its referee over 2,000,000 random commands
	$(BIN)/python -m tests.differential $(DIFFERENTIAL)

bench: .venv/.dev ## Measure the book in process, then order to trade on the running market
	$(BIN)/python -m tests.bench.book
	$(MAKE) bench-latency

bench-latency: .venv/.dev ## Measure order to trade at 1,000 orders/s for 60 s
	$(BIN)/gpubroker up
	$(BIN)/python -m tests.bench.latency $(or $(BENCH),--rate 1000 --seconds 60)

bench-telemetry: .venv/.dev ## Measure what a reading costs, then 20,000 a second on a market of their own
	$(BIN)/python -m tests.bench.telemetry
	$(BIN)/python -m tests.bench.rollup
	$(BIN)/python -m tests.bench.readings $(BENCH)

faults: .venv/.dev ## Kill everything, one after another, under load, and check what came of it
	$(BIN)/gpubroker up
	$(BIN)/python -m tests.faults.kills $(FAULTS)

requirements: .venv/.dev ## Resolve the requirements anew, hashes included
	$(BIN)/uv pip compile -q --upgrade --generate-hashes --python-version 3.11 --no-header \
		pyproject.toml --extra stack --extra dev -o requirements/dev.txt
	$(BIN)/uv pip compile -q --upgrade --generate-hashes --python-version 3.11 --no-header \
		pyproject.toml --extra stack -c requirements/dev.txt -o requirements/runtime.txt
	echo uv | $(BIN)/uv pip compile -q --upgrade --generate-hashes --no-header - -o requirements/uv.txt

# The environment. Packages come by hash; the project itself is installed in place.
define install
	$(BIN)/uv pip install --require-hashes -r $(1)
	$(BIN)/uv pip install --no-deps --no-build-isolation --quiet -e .
	@touch $@
endef

.venv/.runtime: requirements/runtime.txt pyproject.toml | .venv/bin/uv
	$(call install,$<)

.venv/.dev: requirements/dev.txt pyproject.toml | .venv/bin/uv
	$(call install,$<)
	@touch .venv/.runtime

.venv/bin/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Python 3.11 is needed; say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
