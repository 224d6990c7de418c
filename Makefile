# The commands of this repository; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= python3
export UV_LINK_MODE ?= copy

# uv comes from PyPI into a small environment of its own where the machine has none.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen

help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

.uv/bin/uv:
	$(PYTHON) -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9'

setup: $(filter .uv/bin/uv,$(UV))  ## install the locked dependencies into .venv
	$(UV) sync --frozen --quiet
