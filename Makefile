# Tidemark: `make demo` and `make test` set up everything they need from Python (3.11 to 3.13), make and git.
SHELL := /bin/bash
# The first that runs: a version manager's names are on the path for versions that it does not have.
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13; do $$each -c '' 2>/dev/null && echo $$each && exit; done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MARKERS = $(if $(SLOW),,-m "not slow" -n $(WORKERS) --dist loadfile)
# Processes of the quick tests, each with a Spark of its own; those that are slow start servers, and go one by one.
WORKERS ?= 2
LOCK = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet --upgrade
SOURCES := src blocks tasks flows cli sandbox tests benchmarks .ci

# Compiling Prefect and pandas anew takes every process several seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test mutate lint contracts sbom advisories terraform docs format locks bench clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create .venv with the locked dependencies, a Java and the jars

$(STAMP): requirements/dev.txt requirements/bootstrap.txt pyproject.toml src/tidemark/spark/jars.lock src/tidemark/spark/ConditionalPutLogStore.java
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: Tidemark needs Python 3.11, 3.12 or 3.13; found $$($(PYTHON) --version 2>&1)"; \
	    echo "  next      install it, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv pip install --quiet --no-deps --require-hashes -r requirements/dev.txt
	VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m tidemark.spark.jars
	$(BIN)/python -m tidemark.spark.archive
	@touch $@

demo: setup ## Run the main job twice on the local sandbox, and say where to look
	$(BIN)/python -m sandbox.demo

test: setup ## Run the test suite (SLOW=1: also what starts servers and whole runs; TESTS=tests/unit: a part; TZ=America/New_York: there)
	$(BIN)/python -m pytest $(MARKERS) $(TESTS)

mutate: setup ## Put small faults into the code; fails where tests notice less than 90 % (PATHS=src/tidemark/write, FAULTS=20 a file, SEED=1)
	$(BIN)/python -m tests.support.mutation $(PATHS) $(if $(FAULTS),--per-file $(FAULTS)) $(if $(SEED),--seed $(SEED))

lint: setup ## Check style, types, borders between the packages, the image and the configuration
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/tidemark validate

BASE ?= origin/main
contracts: setup ## Fail where a contract breaks readers or sources, and its version does not say so (BASE=origin/main)
	$(BIN)/tidemark contract diff $(BASE) --versioned

sbom: setup ## Write what Tidemark is made of (packages, jars) into build/sbom.json, as CycloneDX
	@mkdir -p build
	$(BIN)/python .ci/sbom.py > build/sbom.json

advisories: sbom ## Ask OSV about all of it, and fail for what .ci/advisories.json does not know
	$(BIN)/python .ci/advisories.py build/sbom.json

terraform: ## Check infra/terraform: format, validity, the modules' own tests (needs terraform)
	infra/terraform/check

docs: ## Build the documentation as a site into build/site, links checked
	test -x build/docs-venv/bin/mkdocs || $(PYTHON) -m venv build/docs-venv
	build/docs-venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	NO_MKDOCS_2_WARNING=1 build/docs-venv/bin/mkdocs build --quiet
	@echo "build/site/index.html"

format: setup ## Format the code
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

locks: ## Resolve the dependencies anew into requirements/*.txt, for every Python that is supported
	$(LOCK) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(LOCK) pyproject.toml requirements/build.in --extra dev --override requirements/overrides.in -o requirements/dev.txt
	$(LOCK) pyproject.toml --extra snowflake --extra redshift --constraint requirements/dev.txt --override requirements/overrides.in -o requirements/runtime.txt
	$(LOCK) requirements/datacontract.in -o requirements/datacontract.txt
	$(LOCK) requirements/dqx.in -o requirements/dqx.txt
	$(LOCK) requirements/dbt.in -o requirements/dbt.txt
	$(LOCK) requirements/duckdb.in -o requirements/duckdb.txt
	$(LOCK) requirements/docs.in -o requirements/docs.txt

bench: setup ## Measure the loads against bare Spark (takes about half an hour)
	$(BIN)/python -m benchmarks

clean: ## End the sandbox and remove what runs have left
	-test -x $(BIN)/tidemark && $(BIN)/tidemark sandbox down
	rm -rf .tidemark build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
