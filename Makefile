# Everything a newcomer needs: `make demo`, then `make test`.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
DATA ?= ../shared/data

.PHONY: setup demo demo-invoices test test-long check real real-otel bench bench-peers bench-trials clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

demo: setup
	$(BIN)/python -m examples.refund_desk.demo

demo-invoices: setup
	$(BIN)/python -m examples.invoices.demo

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest -m "not long" -n 2 --dist worksteal

test-long: setup
	$(BIN)/python -m pytest -m long

real: setup
	$(BIN)/python -m real --data $(DATA) $(if $(CHECKS),--checks $(CHECKS)) $(if $(SUITES),--suites $(SUITES))

# A gigabyte of backends, installed once: telemetry as others read it.
real-otel: setup
	test -f build/demo/journal.db || $(BIN)/python -m examples.refund_desk.demo
	$(BIN)/python -m real.backends --env .venv-backends

bench: setup
	$(BIN)/python -m bench

bench-peers: setup
	$(BIN)/python bench/peers/setup.py .venv-peers
	$(BIN)/python -m bench.run_peers --env .venv-peers
	$(BIN)/python -m bench

# Trials a second beside Inspect AI, which does not resolve together with the other peers.
bench-trials: setup
	$(BIN)/python bench/peers/setup.py .venv-inspect --requirements bench/peers/requirements-inspect.txt
	$(BIN)/python -m bench.trials --env .venv-inspect

clean:
	rm -rf $(VENV) .venv-peers .venv-inspect .venv-backends .venv-dojo build .holdfast
