# Everything runs in .venv, made on first use. The only network use is pip's.
VENV = .venv
BIN = $(VENV)/bin
PYTEST_ARGS =
# Test files side by side; a file stays with one process, so that its fixtures are made once. They keep the order of
# tests/conftest.py: xdist would take those with few tests last, which may be the longest. `WORKERS=0` for a debugger.
WORKERS = 2
# The first Python here that is new enough; `make PYTHON=...` names another.
PYTHON = $(shell for p in python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES = setup.cfg pyproject.toml constraints.txt

.PHONY: help demo test test-slow test-sdist lint docs bench figures peers clean
.DEFAULT_GOAL = help

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.installed  ## train digits-mlp by EP on two simulated chips, beside ideal EP and backprop
	$(BIN)/neuroep run digits-mlp --device loihi1 ecram digital-45nm --seed 0 1 2 --out runs/demo
	@echo "The report is runs/demo/report.html"

test: $(VENV)/.installed-test  ## run the suite, except the slow tests
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-test  ## run the slow tests
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

test-sdist: $(VENV)/.installed-test  ## build a source distribution and run its own suite, from where it unpacks to
	rm -rf build/sdist
	$(BIN)/python -m build --sdist --no-isolation --outdir build/sdist .
	tar -xzf build/sdist/neuroep-*.tar.gz -C build/sdist
	$(MAKE) -C build/sdist/neuroep-*/ test PYTHON=$(abspath $(BIN))/python VENV=.venv

lint: $(VENV)/.installed-test  ## check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict neuroep
	$(BIN)/lint-imports

docs: $(VENV)/.installed-docs  ## build the site, examples executed, warnings as errors
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --jobs 2 \
		--doctree-dir build/docs/doctrees docs build/docs/html
	$(BIN)/python docs/check_site.py build/docs/html

bench: $(VENV)/.installed  ## time EP beside torch backprop
	$(BIN)/neuroep bench

figures: demo  ## draw the figures of README and docs anew
	$(BIN)/neuroep life digits-mlp --device rram-hfo2 --seed 0 1 2 --out runs/life
	cp runs/life/life.png docs/figures/life.png
	$(BIN)/python examples/10_reads_of_changes.py runs
	cp runs/10_reads_of_changes.png docs/figures/reads.png
	$(BIN)/python docs/three_units.py docs/figures
	$(BIN)/neuroep bench growth --json > runs/growth.json
	$(BIN)/python docs/figures.py runs/demo docs/figures runs/growth.json

peers:  ## make the golden arrays anew in environments of their own and say what differs; needs the network
	$(PYTHON) tests/golden/peers.py

clean:  ## remove the environment, caches and builds; runs/ stays
	rm -rf docs/gallery docs/reference/names docs/sg_execution_times.rst
	rm -rf $(VENV) build dist neuroep.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "neuroep needs Python 3.11 or newer: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made $(SOURCES)
	@echo "Installing neuroep and what it needs (torch among it: this takes a while once)"
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.made $(SOURCES)
	@echo "Installing neuroep, what it needs and its test tools (torch among it: this takes a while once)"
	$(PIP_INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: $(VENV)/.made $(SOURCES)
	@echo "Installing neuroep, what it needs and what makes its site"
	$(PIP_INSTALL) --editable '.[docs]'
	@touch $@ $(VENV)/.installed
