# What people and scripts start. Every target first makes the checkout ready, which takes no time when it is.
BIN := .venv/bin
PYTHON := $(BIN)/python
PORT ?= 8000
DEMO_ARGS ?=
TEST_ARGS ?=
STORY_ARGS ?=
LOCK_ARGS ?=

MAKEFLAGS += --no-print-directory
# What was compiled is kept, whatever the shell says: the suite starts a hundred processes of the same code.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests demo run test screens axe check bench lock stripe-stories

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 8

setup: ## only the set-up: .venv from the lock, system libraries where missing
	@.ci/setup

setup-tests:
	@.ci/setup --with-browser

# `exec`, so that Ctrl-C and the exit status pass through no shell.
demo: setup ## a running house with live chargers (DEMO_ARGS=--once: one whole story, then exit)
	@exec $(PYTHON) manage.py demo $(DEMO_ARGS)

run: setup ## every process in the foreground (PORT=8000)
	@exec $(PYTHON) manage.py run --port $(PORT)

test: setup-tests ## all tests (TEST_ARGS="-k invoices")
	@exec $(PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(TEST_ARGS)

screens: setup-tests ## a picture of every page under docs/screens (SCREENS=portal: some, by their names)
	@exec $(PYTHON) -m pytest tests/integration/faces/screens.py

axe: setup-tests ## accessibility of every page, all models' too; the suite looks at some of them
	@AXE=all exec $(PYTHON) -m pytest tests/integration/faces/test_accessibility.py

bench: setup ## benchmarks, figures as JSON on stdout
	@exec $(PYTHON) -m bench

# `check --deploy` reads settings like those of a production machine and connects to nothing.
PRODUCTION := env \
	DJANGO_SETTINGS_MODULE=config.settings.production \
	SECRET_KEY=only-for-the-deploy-check-0123456789abcdefghijklmnopqrstuvwxyz \
	STATION_KEY_SECRET=only-for-the-deploy-check-0123456789abcdefghijklmnopqrstuvwxyz \
	ALLOWED_HOSTS=wattledger.example \
	PUBLIC_URL=https://wattledger.example \
	DATABASE_URL=postgres://check@127.0.0.1/check \
	REDIS_URL=redis://127.0.0.1:6379/0 \
	STRIPE_SECRET_KEY=sk_test_check \
	STRIPE_WEBHOOK_SECRETS=whsec_check \
	EMAIL_URL=smtp://127.0.0.1:25

stripe-stories: setup ## both stories against Stripe's test mode (STRIPE_SECRET_KEY=sk_test_…; STORY_ARGS=--browser)
	@DJANGO_SETTINGS_MODULE=config.settings.stories exec $(PYTHON) manage.py stripe_stories $(STORY_ARGS)

check: setup ## lint, types, import contracts, migrations, deploy check; stops at the first failure
	@echo '== ruff check' && $(BIN)/ruff check .
	@echo '== ruff format' && $(BIN)/ruff format --check .
	@echo '== mypy' && $(BIN)/mypy
	@echo '== import contracts' && $(BIN)/lint-imports
	@echo '== migrations' && $(PYTHON) manage.py makemigrations --check --dry-run
	@echo '== deploy check' && $(PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING

COMPILE := $(BIN)/pip-compile --quiet --allow-unsafe --extra=embedded --generate-hashes --strip-extras \
	--no-emit-find-links --no-emit-index-url --no-emit-trusted-host $(LOCK_ARGS)

lock: setup ## make the locks anew from pyproject.toml (LOCK_ARGS=--upgrade: with the newest versions)
	$(COMPILE) --output-file=requirements.txt pyproject.toml
	$(COMPILE) --extra=dev --constraint=requirements.txt --output-file=requirements-dev.txt pyproject.toml
