# Every target does its own set-up, can be repeated, and is quick when nothing changed.
# Another interpreter: make clean, then make lab PYTHON=python3.12. Options of the command: make run ARGS="02 --jobs 2"

PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
COURSE := $(BIN)/course

.PHONY: help lab run test test-all again yardstick faults check build lock clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1: /'

lab: .venv/data.stamp  ## Set up the course and open JupyterLab on the first chapter
	$(COURSE) lab $(ARGS)

run: .venv/data.stamp  ## Set up the course, execute every chapter, write the report
	$(COURSE) run $(ARGS)

# Trainings are cut to seconds here; their claims are held by the ledger, and by test-all where an input has changed.
test: .venv/dev.stamp .venv/data.stamp  ## Lint, check, every notebook with trainings cut (no network), unit tests, stored outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(COURSE) check
	$(BIN)/python tools/isolated.py $(COURSE) run --data bundled --param SMOKE=true --jobs 2
	$(BIN)/python tools/isolated.py --online $(BIN)/python -m pytest -n 2 --dist loadscope

test-all: test  ## Everything that `make test` does, then what changed and one chapter measured in full, the browser, full data
	$(COURSE) run --data bundled --changed
	$(COURSE) run --data full --changed
	$(COURSE) run --data bundled --again
	$(BIN)/python -m pytest tests/full tests/browser

again: .venv/data.stamp  ## Measure the chapter with the oldest record again, and record it: commit the ledger afterwards
	$(COURSE) run --data bundled --again --record

faults: .venv/dev.stamp .venv/data.stamp  ## Plant faults in a copy, one after the other: does `make test` turn red at each?
	$(BIN)/python tools/plant_faults.py $(ARGS)

yardstick: .venv/learner.stamp  ## Time a minute of the course's typical work: seconds of this machine, at this hour
	$(BIN)/python tools/yardstick.py

check: .venv/dev.stamp  ## Say what is stale: editions, claims, exercises, figures without a text
	$(COURSE) check

build: .venv/dev.stamp  ## Derive notebooks/ and solutions/ from chapters/
	$(COURSE) build

lock: .venv/dev.stamp  ## Resolve both requirement files again, for all platforms
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra lab pyproject.toml -o requirements.txt --upgrade
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra lab --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt --upgrade

clean:  ## Remove the environment, caches and reports; your own notebooks in my_notebooks/ stay
	rm -rf .venv reports build *.egg-info .pytest_cache .ruff_cache

# Each stamp is newer than what was installed from; an interrupted step leaves none.
.venv/python.stamp:
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(0 if ok else "Python %d.%d does not fit: the course needs 3.11, 3.12 or 3.13. Pass one: make lab PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/learner.stamp: .venv/python.stamp requirements.txt pyproject.toml
	@echo "Installing the course's packages (a few minutes the first time) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/dev.stamp: .venv/learner.stamp requirements-dev.txt
	@echo "Installing what the tests need ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@# The version on Colab, aside: the tests of the widgets run with it, too.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv/ipywidgets7 "ipywidgets==7.7.*" ipython-genutils
	@touch $@

# What the network does not give has a bundled stand-in (all but BERT's weights, which only chapter 07 needs), so a failed
# fetch never stops the set-up, nor delays the next one: `course data fetch` tries again. A new set is fetched when its
# module comes.
.venv/data.stamp: .venv/learner.stamp $(wildcard course_utils/datasets/*.py) course_utils/weights.py
	$(COURSE) data fetch || true
	@touch $@
