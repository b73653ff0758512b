# Thin verbs. Each does its own set-up, and is quick when nothing changed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export PYTHONPATH := $(CURDIR)

.PHONY: help setup demo test lint format audit synth bench lock clean

help: ## Say what each verb does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(BIN)/.done node_modules/.done ## Install everything, pinned, into .venv and node_modules

# The package installer, which installs and locks the others.
$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "setup: Nunchi needs Python 3.11 or newer; name one with make PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

$(BIN)/.done: requirements.txt pyproject.toml | $(BIN)/uv
	@echo "setup: Python packages into .venv (a minute the first time)"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

node_modules/.done: package-lock.json $(BIN)/.done
	@echo "setup: the CDK's command line into node_modules"
	@npm ci --silent --no-progress
	@touch $@

PHOTO ?=
demo: setup ## Photos all the way from upload to label, here (PHOTO=mine.jpg for your own)
	@nunchi demo $(if $(PHOTO),"$(PHOTO)")

test: setup ## All tests: unit, property, moto, and end to end over the local cloud
	@pytest

lint: setup ## Format, rules, types, imports, shell
	@ruff format --check --quiet .
	@ruff check --quiet .
	@mypy
	@lint-imports --no-logo
	@shellcheck shell/*.sh .ci/run .ci/audit
	@echo "lint: clean"

format: setup ## Put every file into shape
	@ruff format . && ruff check --fix-only .

audit: setup ## Known weaknesses of what is locked; offline the lock alone, and it says so
	@.ci/audit

synth: setup ## CloudFormation templates into cdk.out (no AWS account, no network)
	@cdk synth --quiet && cfn-lint --ignore-checks W3005 -- cdk.out/*.template.json && ls -l cdk.out/*.template.json

bench: setup ## Measure: the path, the worker, the dispatch Lambda
	@python -m bench

lock: | $(BIN)/uv ## Compile the pins again after editing a requirements.in
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes -c requirements.txt worker/requirements.in -o worker/requirements.txt

clean: ## Forget what setup installed and what ran here
	@rm -rf .venv node_modules cdk.out .nunchi
