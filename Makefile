# Every target sets up .venv/ here as far as it needs it, from the versions in constraints.txt.
# Needed beforehand: Python 3.11 or newer, make, and a package registry that pip can reach.
# Better with: Chromium and Node 20 with npm, for the tests that drive a browser and the official JavaScript clients.
#
#   make demo                        run the tour without a browser, and say what happened
#   make lab                         open it in JupyterLab
#   make test                        everything that must hold; make test ARGS=tests/values while working on a room
#   make check                       format, lint, types, import contracts
#   make cases                       which acceptance cases are covered; ARGS=--brief for counts
#   make pictures                    the pictures that the pages show, again, with Chromium, into docs/pictures/
#   make docs                        the site, notebooks executed, into .build/docs/html; ARGS=--no-notebooks is quicker
#   make fuzz                        inputs found by coverage, a minute for each harness; ARGS=-max_total_time=600
#   make bench                       measure against the peers; ARGS=W1 for one workload
#   make clean                       remove .venv/, .build/ and every cache
#
# PYTHON=python3.13 make test        another interpreter (for a new .venv/)

PYTHON ?=
ARGS ?=
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --constraint constraints.txt --build-constraint constraints.txt --editable
TOUR := notebooks/01-tour.ipynb
# Where npm puts the official JavaScript clients, and the one file of theirs that notebooks show pages with.
WEB := .build/web
CONVEX_JS := $(WEB)/node_modules/convex/dist/browser.bundle.js

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo lab test check format cases pictures docs fuzz bench clean

help:
	@sed -n 's/^#   \(make\)/  \1/p' Makefile

demo: $(VENV)/.has-lab
	@$(BIN)/python notebooks/execute.py $(or $(ARGS),$(TOUR))

lab: $(VENV)/.has-lab $(WEB)/.installed
	@[ ! -f $(CONVEX_JS) ] || export NBCONVEX_CONVEX_JS='$(CURDIR)/$(CONVEX_JS)'; \
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS) $(wildcard $(TOUR))

# One file or folder runs in this process; everything is spread over JOBS, file by file, for a file's tests share a browser.
test: $(VENV)/.has-test $(WEB)/.installed
	@$(BIN)/python -m pytest $(if $(findstring tests/,$(ARGS)),,-n $(JOBS) --dist loadfile) $(ARGS)

check: $(VENV)/.has-lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.has-lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

cases: $(VENV)/.has-test
	@$(BIN)/python -m tests.cases_report $(ARGS)

pictures: $(VENV)/.has-pictures $(WEB)/.installed
	@$(BIN)/python -m pytest --pictures $(or $(ARGS),tests/notebook/test_picture_gallery.py)

docs: $(VENV)/.has-docs
	@$(BIN)/python docs/site/build.py $(ARGS)

# What is found to be interesting is kept in .build/fuzz/, and the next run sets out from there.
fuzz: $(VENV)/.has-test $(VENV)/.has-fuzz
	@$(BIN)/python -m tests.fuzz.frames $(or $(ARGS),-max_total_time=60)
	@$(BIN)/python -m tests.fuzz.bodies $(or $(ARGS),-max_total_time=60)

bench: $(VENV)/.has-bench
	@$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) .build dist .coverage htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +


# The first Python of 3.11 or newer: the one asked for, or python3, or a newer one that stands beside an old python3.
$(VENV)/.has-pip: constraints.txt
	@set -e; for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	    echo "nbconvex needs Python 3.11 or newer; '$(or $(PYTHON),python3)' is `$(or $(PYTHON),python3) --version 2>&1 || true`." >&2; \
	    echo "Install one, or name it: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; \
	fi; \
	if [ ! -x $(BIN)/python ]; then \
	    echo "Making $(VENV)/ with `"$$found" --version`"; \
	    "$$found" -m venv $(VENV) || { rm -rf $(VENV); \
	        echo "That Python cannot make virtual environments (Debian: apt-get install python3-venv)." >&2; exit 1; }; \
	fi
	@$(PIP) install --constraint constraints.txt --upgrade pip
	@touch $@

$(VENV)/.has-lab $(VENV)/.has-test $(VENV)/.has-docs $(VENV)/.has-fuzz $(VENV)/.has-bench: $(VENV)/.has-%: $(VENV)/.has-pip pyproject.toml constraints.txt
	@echo "Installing nbconvex and what 'make' needs for '$*' into $(VENV)/ (the first time takes a minute or two)"
	@$(INSTALL) '.[$*]'
	@touch $@

$(VENV)/.has-lint: $(VENV)/.has-pip pyproject.toml constraints.txt
	@echo "Installing nbconvex and what 'make' needs for 'lint' into $(VENV)/ (the first time takes a minute)"
	@$(INSTALL) '.[charts]' --group lint
	@touch $@

$(VENV)/.has-pictures: $(VENV)/.has-test
	@$(INSTALL) '.[test]' --group pictures
	@touch $@

# The official JavaScript clients, once, in the versions of tests/web/package.json. A machine without npm, or without a
# registry that npm can reach, does without: one line says so, and the tests that want them skip.
$(WEB)/.installed: tests/web/package.json
	@mkdir -p $(WEB); \
	without="the tests with the official JavaScript clients will skip."; \
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
	    echo "There is no Node with npm: $$without"; \
	elif ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then \
	    echo "Node `node --version` is older than 20.19: $$without"; \
	else \
	    echo "Installing the official JavaScript clients into $(WEB)/ (the first time takes half a minute)"; \
	    rm -rf $(WEB)/node_modules; cp tests/web/package.json $(WEB)/package.json; \
	    if npm install --prefix $(WEB) --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error >$(WEB)/npm.log 2>&1; then \
	        touch $@; \
	    else \
	        cat $(WEB)/npm.log >&2; rm -rf $(WEB)/node_modules; echo "npm could not install them: $$without"; \
	    fi; \
	fi
