# GPUBroker. `make demo` runs the market on real input, `make test` passes the tests; each sets
# up all that it needs on a machine with Python 3.11 and make.

# Distributions build Python with profiles of its use, others often without: ours runs a fifth faster.
# Flink runs Python inside its JVM, so it takes one with its shared library (Debian: libpython3.11).
PYTHON ?= $(or $(shell /usr/bin/python3.11 -c 'import ctypes, ensurepip; ctypes.CDLL("libpython3.11.so.1.0"); print("/usr/bin/python3.11")' 2>/dev/null),python3.11)
BIN := .venv/bin
# A market is 18 programs, a test run some hundred: each would compile all of Python's modules anew.
unexport PYTHONDONTWRITEBYTECODE
# Tests that need no server, so several can run at once.
UNIT := not stack and not browser
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

.PHONY: help demo up down status test test-unit lint format differential sim sim-mutants fuzz same-key bench bench-latency bench-telemetry bench-feeds faults requirements frontend frontend-dev frontend-check frontend-types chromium test-browser

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | column -t -s $$'\t'

demo: .venv/.runtime ## Start the market, replay real supply and demand, check the result
	@$(BIN)/python -m stack.page build --optional
	@$(BIN)/gpubroker demo $(DEMO)

up: .venv/.runtime ## Start the market
	@$(BIN)/python -m stack.page build --optional
	@$(BIN)/gpubroker up

down: .venv/.runtime ## Stop the market; its state stays in .gpubroker/
	@$(BIN)/gpubroker down

status: .venv/.runtime ## Show each server's state, port, memory and uptime
	@$(BIN)/gpubroker status

test: lint frontend-check chromium frontend ## Check the code and run every test, on servers of the tests' own
	$(BIN)/pytest -m "$(UNIT)" -n 2 --cov --cov-report=term:skip-covered --cov-fail-under=80
	$(BIN)/pytest -m "not ($(UNIT))" --durations=25 --durations-min=5

test-unit: .venv/.dev ## Run the tests that need neither server nor network, in less than a minute
	$(BIN)/pytest -m "$(UNIT) and not slow" -n 2 $(TESTS)

test-browser: frontend-check chromium frontend ## Run the page's tests in Chromium, on a market in memory and on a real one
	$(BIN)/pytest -m browser tests/browser $(TESTS)

lint: .venv/.dev ## Check format, style, types, import arrows and generated files
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.generate --check

format: .venv/.dev ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

frontend: .venv/.runtime ## Build the web page, if its sources changed
	@$(BIN)/python -m stack.page build

frontend-dev: .venv/.runtime ## Serve the page at port 28100 with hot reload, on the running market
	@$(BIN)/python -m stack.page develop

frontend-check: .venv/.dev ## Check the page's types, style and generated files, run its own tests
	@$(BIN)/python -m stack.page check

frontend-types: .venv/.dev ## Write the page's types anew from the API's OpenAPI document
	@$(BIN)/python -m stack.page types

chromium: .venv/.dev ## Install Chromium for the browser tests, where that can be done
	@$(BIN)/python -m tests.browser.chromium

differential: .venv/.dev ## Compare the book with its referee over 2,000,000 random commands
	$(BIN)/python -m tests.differential $(DIFFERENTIAL)

sim: .venv/.dev ## Run the market in one process, on virtual time, under faults: SEEDS=1000 of them
	$(BIN)/python -m tests.sim --seeds $(or $(SEEDS),1000) $(SIM)

sim-mutants: .venv/.dev ## See that the simulator finds each broken variant of the market
	$(BIN)/python -m tests.sim --mutants

fuzz: .venv/.dev ## Shoot at the API in process with CASES=10000 requests that nobody should send
	$(BIN)/python -m tests.fuzz --cases $(or $(CASES),10000) $(FUZZ)

same-key: .venv/.dev ## Send 50 equal orders at once with one key, ROUNDS=1000 times, on the running market
	$(BIN)/gpubroker up
	$(BIN)/python -m tests.faults.same_key --rounds $(or $(ROUNDS),1000)

bench: .venv/.dev .venv/peers/.installed ## Measure beside others and write docs/benchmarks.md: BENCH='--only books'
	$(BIN)/python -m tests.bench $(or $(BENCH),--write docs/benchmarks.md)

bench-latency: .venv/.dev ## Measure order to trade at 1,000 orders/s for 60 s
	$(BIN)/gpubroker up
	$(BIN)/python -m tests.bench.latency $(or $(BENCH),--rate 1000 --seconds 60)

bench-telemetry: .venv/.dev ## Measure what a reading costs, then 20,000 a second on a market of their own
	$(BIN)/python -m tests.bench.telemetry
	$(BIN)/python -m tests.bench.rollup
	$(BIN)/python -m tests.bench.readings $(BENCH)

bench-feeds: .venv/.dev ## Measure 10,000 connections to the feeds, on ports in memory
	$(BIN)/python -m tests.bench.feeds $(BENCH)

faults: .venv/.dev ## Break a market in every way, RUNS=3 times in a row, and audit it; FAULT=name for one
	$(BIN)/python -m tests.faults --runs $(or $(RUNS),3) $(if $(FAULT),--only $(FAULT)) \
		--write docs/reliability.md $(FAULTS)

requirements: .venv/.dev ## Resolve the requirements anew, hashes included
	$(BIN)/uv pip compile -q --upgrade --generate-hashes --python-version 3.11 --no-header \
		pyproject.toml --extra stack --extra dev -o requirements/dev.txt
	$(BIN)/uv pip compile -q --upgrade --generate-hashes --python-version 3.11 --no-header \
		pyproject.toml --extra stack -c requirements/dev.txt -o requirements/runtime.txt
	$(BIN)/uv pip compile -q --upgrade --generate-hashes --python-version 3.11 --no-header \
		requirements/peers.in -o requirements/peers.txt
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

# What the order book is measured beside needs other versions than Flink does.
.venv/peers/.installed: requirements/peers.txt | .venv/bin/uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/peers
	$(BIN)/uv pip install --quiet --python .venv/peers --require-hashes -r $<
	@touch $@

.venv/bin/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Python 3.11 is needed; say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
