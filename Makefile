# Each target sets up .venv by itself, once, and again when pyproject.toml or constraints.txt change.

VENV := .venv
INSTALLED := $(VENV)/.installed
CANDIDATES := python3.11 python3.12 python3.13 python3.14 python3
# A found name may be a shim that cannot run, or lack what makes virtual environments: so each is tried.
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTEST_MARKERS := not slow and not gpu and not cyborg and not dist and not integration and not browser

# Tests that show whether other versions do the same: the protocol, learners, runs, exact replays of CybORG.
LANE_TESTS := tests/core tests/learn tests/runs tests/test_api.py tests/parity/replay/test_replay.py
# What pyproject.toml requires, a line each.
REQUIRED := import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
    print(*project["dependencies"], *sum(map(project["optional-dependencies"].get, ("train", "test")), []), sep="\n")

.PHONY: help demo test test-browser test-lowest test-newest lint format docs dist clean

help:
	@echo "make demo    train a blue team on CAGE Challenge 4, judge it, and show what it does"
	@echo "make test    run the tests that are neither slow nor need special equipment"
	@echo "make test-browser"
	@echo "             run the tests of pages in a real browser (apt install chromium chromium-driver)"
	@echo "make test-lowest, test-newest"
	@echo "             protocol, learners, runs and replays with the lowest and the newest of all that is needed"
	@echo "make lint    check style, format and types"
	@echo "make format  mend what of that can be mended"
	@echo "make docs    build the documentation's site in build/site"
	@echo "make dist    build the wheel and the sdist into dist/, install the wheel elsewhere, and use it"
	@echo "make clean   remove the environment and all caches"

demo: $(INSTALLED)
	$(VENV)/bin/garrison demo

test: $(INSTALLED)
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile -m "$(PYTEST_MARKERS)"

# AXE_CORE=/path/to/axe.min.js has axe-core look at the pages too.
test-browser: $(INSTALLED)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[test-browser]'
	$(VENV)/bin/python -m pytest -m browser tests/view tests/serve

# PYTHON=/path/to/python chooses another one.
PYTHON_lowest := python3.11
PYTHON_newest := python3.13

test-lowest test-newest: test-%:
	@$(or $(PYTHON),$(PYTHON_$*)) -c "$(SUITABLE)" || \
	    { echo "$(or $(PYTHON),$(PYTHON_$*)) cannot run here: make $@ PYTHON=/path/to/another" >&2; exit 1; }
	$(or $(PYTHON),$(PYTHON_$*)) -m venv .cache/venv-$*
	.cache/venv-$*/bin/python -c '$(REQUIRED)' | sed 's/>=/$(if $(filter lowest,$*),==,>=)/' >.cache/$*.txt
	.cache/venv-$*/bin/python -m pip install --quiet --upgrade --constraint .cache/$*.txt '.[train,test]'
	.cache/venv-$*/bin/python -m pip list
	.cache/venv-$*/bin/python -m pytest -m "$(PYTEST_MARKERS)" $(LANE_TESTS)

lint: $(INSTALLED)
	$(VENV)/bin/python -m ruff check
	$(VENV)/bin/python -m ruff format --check
	$(VENV)/bin/python -m pyright --pythonpath $(VENV)/bin/python

format: $(INSTALLED)
	$(VENV)/bin/python -m ruff check --fix
	$(VENV)/bin/python -m ruff format

docs: $(INSTALLED)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(VENV)/bin/python docs/gather.py
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" zensical build --strict --clean --config-file build/zensical.toml
	@echo "To read it: $(VENV)/bin/python -m http.server --directory build/site"

dist: $(INSTALLED)
	rm -rf dist
	$(VENV)/bin/python -m build --no-isolation --outdir dist
	GARRISON_DIST=dist $(VENV)/bin/python -m pytest tests/distribution

clean:
	rm -rf $(VENV) .cache build dist .hypothesis .pytest_cache .ruff_cache

# PYTHON=/path/to/python chooses one by hand.
$(INSTALLED): pyproject.toml constraints.txt
	@if ! test -x $(VENV)/bin/pip; then \
	    for python in $(or $(PYTHON),$(CANDIDATES)); do \
	        if "$$python" -c "$(SUITABLE)" >/dev/null 2>&1; then found="$$python"; break; fi; \
	    done; \
	    if test -z "$$found"; then \
	        echo "Garrison needs Python 3.11 or newer with the modules venv and ensurepip." >&2; \
	        echo "None of these is that: $(or $(PYTHON),$(CANDIDATES))." >&2; \
	        echo "Install one (on Debian and Ubuntu: apt install python3-venv), or name it: make PYTHON=..." >&2; \
	        exit 1; \
	    fi; \
	    echo "Creating $(VENV) with $$("$$found" --version)"; \
	    "$$found" -m venv --clear $(VENV); \
	fi
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[train,serve,test,test-adapters,dev]'
	@touch $@
