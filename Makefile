PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# A runner that has no `python3.11` under that name may still be Python 3.11 or newer as `python3`.
FOUND := $(shell command -v $(PYTHON) 2>/dev/null || command -v python3)

# Tests start some hundred processes, and uv compiles nothing when it installs: where this is set, each of them
# would compile all that it imports anew (the API: 4 s of CPU instead of 1).
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test test-browser tour test-unit lint core train chaos chaos-long bench bench-peers docs lock clean

setup: $(STAMP)

# uv comes from PyPI into a small environment of its own, then installs the locked dependencies.
$(STAMP): requirements.lock pyproject.toml
	@echo "Setting up .venv (first time: downloads about 300 MB)"
	@$(FOUND) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "SafeRoom needs Python 3.11 or newer: set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x .boot/bin/uv || { $(FOUND) -m venv .boot && .boot/bin/python -m pip -q install 'uv>=0.8'; }
	@test -x $(BIN)/python || .boot/bin/uv venv -q --python $(FOUND) $(VENV)
	.boot/bin/uv pip sync --python $(BIN)/python --require-hashes requirements.lock
	.boot/bin/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: setup
	@$(BIN)/saferoom demo $(ARGS)

# Three processes, of which one computes with what the others leave: tests/lanes.py. ARGS="-n 0": one.
test: setup
	@$(MAKE) --no-print-directory -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync) lint core
	$(BIN)/python -m pytest -n 3 --max-worker-restart=0 --hypothesis-profile=thorough $(ARGS)

# Needs Chromium (apt-get install chromium); without it every test is skipped, and says so.
test-browser: setup
	@.boot/bin/uv pip install -q --python $(BIN)/python --no-deps --require-hashes -r tests/browser/requirements.txt
	$(BIN)/python -m pytest -m browser tests/browser $(ARGS)

# The pictures of docs/tour.md, made anew on the simulated site.
tour: setup
	@.boot/bin/uv pip install -q --python $(BIN)/python --no-deps --require-hashes -r tests/browser/requirements.txt
	$(BIN)/python -m tests.browser.tour $(ARGS)

# Every line of the pure core runs under its own tests.
core: setup
	$(BIN)/coverage run --source=reid.domain,reid.journeys -m pytest -q tests/unit/domain tests/component/domain tests/unit/journeys
	$(BIN)/coverage report --fail-under=100 --skip-covered

train: setup
	$(BIN)/python -m producers.training.train $(ARGS)

chaos: setup
	$(BIN)/python -m benchmarks.chaos --frames 100000 --kills 30 --pace 3 $(ARGS)

# Half an hour or more.
chaos-long: setup
	$(BIN)/python -m benchmarks.chaos --frames 1000000 --kills 300 --per-message 50 --pace 4 \
		--json docs/results/chaos-long.json $(ARGS)

# Beside limits and peers: docs/performance.md. QUICK=1: within 8 minutes; ARGS="--only NAME".
bench: setup
	$(BIN)/python -m benchmarks.bench $(if $(QUICK),--quick) $(ARGS)

# What some benches are measured beside, where it is there: faiss and usearch, and Quix Streams in an
# environment of its own.
bench-peers: setup
	.boot/bin/uv pip install -q --python $(BIN)/python -c requirements.lock faiss-cpu usearch
	@test -x .boot/quix/bin/python || .boot/bin/uv venv -q --python $(FOUND) .boot/quix
	.boot/bin/uv pip install -q --python .boot/quix/bin/python quixstreams msgspec numpy

docs: setup
	$(BIN)/saferoom docs

# Units alone, without a server: some 20 s on two cores.
test-unit: setup
	$(BIN)/python -m tests.unit $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# After a change of dependencies in pyproject.toml.
lock: setup
	.boot/bin/uv pip compile -q --universal --generate-hashes --no-annotate --extra dev pyproject.toml --upgrade -o requirements.lock

clean:
	rm -rf $(VENV) .boot
