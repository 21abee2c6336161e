# The Eye. `make` alone lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
EYE := target/release/eye
CONSUMERS ?= 2
export COMPOSE ?= docker compose

.PHONY: help setup build run demo samples down test dashboard check fuzz bench bench-query bench-dashboard chaos load bins openapi compose compose-check

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing (Debian packages); starts nothing.
	@deploy/setup

build: setup ## Build the release programs into target/release.
	$(CARGO) build --release --bins

run: build ## Start the whole stack on this machine and send the brief's three sample events through it.
	@$(EYE) up --detach --consumers $(CONSUMERS)
	@deploy/samples

demo: build ## Open a small shop of which every click is an event, and say where to watch them; starts the stack where none runs.
	@$(EYE) demo --up

samples: ## Send the brief's three sample events through the running stack.
	@deploy/samples

down: ## Stop the stack that `make run` or `make demo` started; its data stay.
	@$(EYE) down

load: ## Send NDJSON files through the running stack: make load FILES="a.ndjson b.ndjson.gz".
	@$(EYE) load $(FILES)

bins:
	$(CARGO) build --bins

test: setup bins ## Set up and run every test, on private servers.
	$(CARGO) test --workspace --no-fail-fast
	@.ci/dashboard
	@.ci/clients

dashboard: ## Build the dashboard from crates/query/dashboard, after its source has changed: needs Node 20.19 or later.
	@cd crates/query/dashboard && npm ci --loglevel error && npm run --silent build

check: ## Run what CI runs: format, lints, documentation, arrows, licences, bans, sources, tests.
	@.ci/check

openapi: setup ## Write the kept OpenAPI document anew, after an endpoint has changed.
	EYE_WRITE_OPENAPI=yes $(CARGO) test --quiet -p query --test it openapi::kept

fuzz: ## Fuzz what reads bytes from outside: FUZZ_SECONDS, 600 unless told, shared by all targets.
	@deploy/setup fuzz
	@.ci/fuzz

bench: setup ## Measure us beside the limits of this machine, ONLY=name for one; an error where a goal is missed.
	$(CARGO) build --release --bins
	@target/release/bench $(ONLY)

bench-query: setup ## Measure the read endpoints at 10 thousand and EVENTS (10000000) events, ONLY=names for some; an error where a goal is missed.
	$(CARGO) build --release --bins
	@EVENTS=$(or $(EVENTS),10000000) target/release/bench queries $(ONLY)

bench-dashboard: setup ## Measure the dashboard in a browser: its first paint, and a hundred thousand points. Needs Node 20.19 or later.
	$(CARGO) build --release --bins
	@deploy/setup browser
	@cd crates/query/dashboard && npm ci --loglevel error && EYE_BIN=$(CURDIR)/$(EYE) npm run --silent figures

chaos: setup ## Break everything on purpose: all faults, then MINUTES=20 of them at random; SEED, RATE, OVERLOAD_MINUTES, ONLY=row.
	$(CARGO) build --profile chaos --bins --package e2e --package gateway --package consumer --package query --package cli
	@target/chaos/chaos

compose: ## Build the images and start the whole stack in containers (COMPOSE=podman-compose for podman).
	$(COMPOSE) up --build --detach

compose-check: ## Check the stack in containers for real, beside one that runs: 10 minutes and more.
	@deploy/check-compose
