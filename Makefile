# Every target makes what it needs: .venv is built from the hashed pins of requirements.lock when it is missing or older than they are.
SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The demo starts from nothing each time, apart from any home of yours.
DEMO := build/demo
SUPPORTED := 3.11 to 3.13

.PHONY: help demo test test-scheduler test-container check docs bench lock system-packages clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Run the whole job on the bundled input; ends by saying where the report and the database are
	@rm -rf $(DEMO)
	@$(BIN)/handoff run --landing demo/landing --policy demo/policy.yaml --as-of "$$(cat demo/as_of)" --home $(DEMO)
	@ls $(DEMO)/reports/report-weekly.html $(DEMO)/handoff.duckdb >/dev/null
	@printf '\nReport:   %s\nDatabase: %s\n' $(DEMO)/reports/report-weekly.html $(DEMO)/handoff.duckdb

# A file of tests stays with one process, so that what its tests share is made once.
test: $(READY) ## Pass the tests, one process a core; what is skipped says why
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile

test-scheduler: $(READY) ## Kill server, worker, runs and dispatches of a real scheduler for MINUTES (15) of cron runs; nothing may be lost, or there twice
	@PYTHONPATH=. $(BIN)/python tests/scheduler/chaos.py --minutes $(or $(MINUTES),15)

test-container: $(READY) ## Carry out deploy/Containerfile and every unit's command on this machine, without an engine (Linux, as root)
	@$(BIN)/python tests/deploy/as_container.py

check: $(READY) ## Lint, and hold the layers to the import rules
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/lint-imports --no-cache --no-logo

docs: $(READY) ## Write the generated pages: dictionary, cookbook, command line, scanners, agreement with a peer, identity, registers, trackers
	@$(BIN)/python -m warehouse.dictionary --write
	@$(BIN)/python -m warehouse.cookbook --write
	@$(BIN)/python -m flows.commands.page --write
	@$(BIN)/python tests/transforms/scanners/agreement.py --write
	@$(BIN)/python tests/transforms/scanners/catalogue.py --write
	@$(BIN)/python tests/identity/measure.py --write
	@$(BIN)/python tests/transforms/registers/catalogue.py --write
	@$(BIN)/python tests/transforms/trackers/tracker_page.py --write

bench: $(READY) ## Time each stage on 100,000 generated observations and write docs/benchmarks.md
	@$(BIN)/python tests/benchmarks/bench.py --write

lock: ## Resolve pyproject.toml anew into requirements.lock (needs uv and a package index)
	@uv pip compile pyproject.toml --extra dev --universal --generate-hashes --only-binary :all: -q \
		-o requirements.lock --custom-compile-command "make lock"

# Chromium is for the report's browser tests alone: without it they are skipped, and say so.
system-packages: ## Install Chromium and its driver for the report's browser tests (Debian, as root)
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then \
		echo "system-packages: chromium and chromedriver are here"; \
	elif [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "system-packages: not root, or no apt-get: install Chromium and chromedriver yourself; until then the browser tests are skipped"; \
	elif ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends chromium chromium-driver; }; then \
		echo "system-packages: apt-get failed, see above: the browser tests are skipped" >&2; \
	fi

clean: ## Remove what was generated, but no home (.handoff) and not .venv
	@rm -rf build dist .pytest_cache .ruff_cache .hypothesis
	@find flows transforms expectations warehouse tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The first interpreter that fits; pip where there is no uv. Wheels only: to build one would fetch what no hash covers. The project itself
# comes last, editable, without dependencies or a build environment of its own: what builds it (hatchling, editables) is in the lock too.
FITS := 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
$(READY): requirements.lock pyproject.toml
	@set -euo pipefail; \
	uv=$$(command -v uv || true); python=; \
	for name in python3 python3.13 python3.12 python3.11 python; do \
		if "$$name" -c $(FITS) 2>/dev/null; then python=$$(command -v "$$name"); break; fi; \
	done; \
	if [ -z "$$python$$uv" ]; then echo "make: no Python $(SUPPORTED) on the PATH, and no uv to get one: install either" >&2; exit 1; fi; \
	echo "make: $(VENV) from requirements.lock, with $$([ -n "$$uv" ] && echo uv || echo pip)"; \
	if ! $(BIN)/python -c $(FITS) 2>/dev/null || { [ -z "$$uv" ] && ! $(BIN)/python -m pip --version >/dev/null 2>&1; }; then \
		rm -rf $(VENV); \
		if [ -n "$$uv" ]; then uv venv -q --python "$${python:-3.13}" $(VENV); \
		elif ! "$$python" -m venv $(VENV); then \
			rm -rf $(VENV); echo "make: $$python cannot make an environment: install its venv package, or uv" >&2; exit 1; \
		fi; \
	fi; \
	if [ -n "$$uv" ]; then \
		uv pip sync -q --python $(BIN)/python --require-hashes --only-binary :all: requirements.lock; \
		uv pip install -q --python $(BIN)/python --no-build-isolation --no-deps --editable .; \
	else \
		$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -r requirements.lock; \
		$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps --editable .; \
	fi
	@touch $@
