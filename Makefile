# One entry point for people and for CI. Every target makes or refreshes the virtual environment it needs by itself;
# nothing has to be installed or activated first but a Python of a supported version.

PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 3000

BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
EXTRAS := pipeline,aws,celery,k8s,language,qa,dev
TORCH  := $(shell sed -n 's/^\(torch==[^ ;]*\).*/\1/p' requirements.lock)

# What an activated environment leaves behind must not steer the installation into it.
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONHOME

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo ui test test-all check format docs bench lock clean

help: ## Show this list
	@echo "Usage: make TARGET [VARIABLE=value ...]"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "  %-10s %s\n", $$1, $$2 }'
	@echo
	@echo "PYTHON=python3.12 chooses the interpreter when the environment is made (3.11 to 3.13; default: python3)."

demo: $(STAMP) ## Make a synthetic twin of a demo table, or of yours: DATA=table.csv [ROWS=1000]
	@mkdir -p dagster_home
	@DAGSTER_HOME="$(CURDIR)/dagster_home" $(BIN)/python -m synth_pipeline.demo $(if $(DATA),--data "$(DATA)") $(if $(ROWS),--rows "$(ROWS)")

ui: $(STAMP) ## Open the pipeline in the browser at http://127.0.0.1:3000 [PORT=3000]
	@mkdir -p dagster_home
	@echo "Starting; when ready: http://127.0.0.1:$(PORT) (Ctrl-C stops it)"
	@echo "Tables dropped into $${SYNTH_INBOX:-dagster_home/storage/synth/inbox} become datasets and are made by themselves"
	@DAGSTER_HOME="$(CURDIR)/dagster_home" $(BIN)/python -W 'ignore:Function `dev_command` is superseded' \
		-m dagster dev -w workspace.yaml -h 127.0.0.1 -p $(PORT)

# One process per core, each with whole files: fixtures such as trained models are then made once.
# One thread in each, too: threads that wait for cores which the other processes use double the time. `test-all` has them.
test: $(STAMP) ## Run the tests, but not the slow ones [ARGS="-k name"]
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile -m "not slow" $(ARGS)

test-all: $(STAMP) ## Run all tests [ARGS="-k name"]
	@$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile $(ARGS)

check: $(STAMP) ## Check format, lint, types, layers, the examples in docstrings, and the documentation and its links
	@step() { echo "== $$1"; name="$$1"; shift; "$$@" || failed="$$failed $$name"; }; failed=; \
	step format $(BIN)/python -m ruff format --check .; \
	step lint $(BIN)/python -m ruff check .; \
	step types $(BIN)/python -m mypy; \
	step layers $(BIN)/lint-imports --no-logo; \
	step doctests $(BIN)/python -m pytest -q --doctest-modules synth_engine synth_pipeline; \
	step docs env NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build; \
	[ -z "$$failed" ] || { echo "These checks failed:$$failed" >&2; exit 1; }

format: $(STAMP) ## Format the code and repair what the linter can repair
	@$(BIN)/python -m ruff format .
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m ruff format -q .

docs: $(STAMP) ## Show the documentation at http://127.0.0.1:8000 [PORT=8000]
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve -q -a 127.0.0.1:$(if $(filter command line,$(origin PORT)),$(PORT),8000)

bench: $(STAMP) ## Measure this engine beside others and write docs/benchmarks.md; hours [ARGS="--datasets census --keep"]
	@$(BIN)/python -m benchmarks.run $(ARGS)

lock: | $(BIN)/python ## Bring requirements.lock in line with pyproject.toml [ARGS=--upgrade] [TORCH=torch==x.y.z]
	@$(BIN)/python -m pip install -qq --disable-pip-version-check uv
	@echo "$(TORCH)" > $(VENV)/torch.txt && cp requirements.lock $(VENV)/new.lock
	@$(BIN)/python -m uv pip compile -q pyproject.toml --all-extras --universal --python-version 3.11 --no-emit-index-url \
		--no-header --no-annotate -c $(VENV)/torch.txt -o $(VENV)/new.lock $(ARGS) > /dev/null
	@# torch brings its GPU libraries itself, and its CPU build needs none
	@grep -v -E '^(nvidia|cuda|triton)\b' $(VENV)/new.lock > requirements.lock
	@echo "requirements.lock pins $$(wc -l < requirements.lock | tr -d ' ') packages"

clean: ## Remove the environment, caches and build leftovers; results stay
	@rm -rf build dist ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path "./.venv*" -prune -exec rm -rf {} +
	@if [ -f $(VENV)/pyvenv.cfg ]; then rm -rf $(VENV); fi

venv: $(STAMP)

# torch goes first and by pip: pip sees the CPU builds that a machine may offer (find-links), uv keeps what is there.
$(STAMP): pyproject.toml requirements.lock | $(BIN)/python
	@echo "Installing into $(VENV) (the first time takes some minutes) ..."
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(BIN)/python -m ensurepip > /dev/null
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c requirements.lock $(TORCH)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check uv || true
	@$(BIN)/python -m uv pip install -q --python $(BIN)/python -c requirements.lock -e '.[$(EXTRAS)]' || { \
		echo "uv could not install it; trying with pip, which takes longer ..."; \
		$(BIN)/python -m pip install -qq --disable-pip-version-check -c requirements.lock -e '.[$(EXTRAS)]'; }
	@touch $@
	@echo "Installed."

$(BIN)/python:
	@command -v "$(PYTHON)" > /dev/null || { echo "No '$(PYTHON)' here. Name a Python 3.11 to 3.13: make PYTHON=python3.12 ..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "'$(PYTHON)' is $$("$(PYTHON)" -V 2>&1), but Python 3.11 to 3.13 is needed. Name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@"$(PYTHON)" -m venv $$([ -f $(VENV)/pyvenv.cfg ] && echo --clear) $(VENV)
