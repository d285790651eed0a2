# Everything that is downloaded or built goes to target/; `make clean` takes all of it away.
# Needed: Rust (rustup reads rust-toolchain.toml), Go 1.26 or newer, Python 3.10 or newer.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

HELM_VERSION := 4.3.1
CARGO_DENY_VERSION := 0.20.2

TOOLS := target/tools
VENV := target/venv
ALIBABA_VENV := target/venv-alibaba
# A stamp's name carries the checksum of what it was made from, so that a change makes it again.
checksum = $(shell cat $(1) | cksum | cut -d' ' -f1)
CONTROL_PLANE_SOURCES := $(wildcard tests/control-plane/*)
CONTROL_PLANE := $(TOOLS)/.control-plane-$(call checksum,$(CONTROL_PLANE_SOURCES))
PYTHON := $(VENV)/.requirements-$(call checksum,tests/aws/requirements.txt)
ALIBABA_PYTHON := $(ALIBABA_VENV)/.requirements-$(call checksum,tests/alibaba/requirements.txt)
HELM := $(TOOLS)/.helm-$(HELM_VERSION)
CARGO_DENY := $(TOOLS)/.cargo-deny-$(CARGO_DENY_VERSION)

##@ Every day

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the operator
	cargo build --locked

.PHONY: demo
demo: demo-build ## See it work, from manifests to two clouds and back, and clean up
	@target/debug/demo

.PHONY: demo-keep
demo-keep: demo-build ## The same, and leave cluster, cloud and operator running to play with
	@target/debug/demo --keep

# Built together, so that dependencies are built once for both.
.PHONY: demo-build
demo-build: tools
	cargo build --locked --package tenantry --package demo --package alibaba-emulator

.PHONY: test
test: test-unit test-alibaba test-it demo ## Run all tests, the quick ones first; the demo is the last of them

.PHONY: test-unit
test-unit: ## Run the tests that need no other process (seconds)
	cargo test --locked --lib --bins
	cargo test --locked --package alibaba-signature

.PHONY: test-alibaba
test-alibaba: $(ALIBABA_PYTHON) ## Run the emulator of Alibaba Cloud's own tests, official clients among them (seconds)
	cargo test --locked --package alibaba-emulator

.PHONY: test-it
test-it: tools ## Run the tests on a real control plane, a strict AWS and a strict Alibaba Cloud (minutes)
	cargo build --locked --package alibaba-emulator
	cargo test --locked --test '*'

.PHONY: lint
lint: ## Check format, clippy, and that crds/ is what the types say
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	@$(MAKE) crds-check

.PHONY: fmt
fmt: ## Format the code
	cargo fmt --all

.PHONY: crds
crds: ## Generate crds/ and the chart's copies from the types
	cargo run --locked --quiet -- crds --dir crds
	@rm -rf charts/tenantry/files/crds && cp -r crds charts/tenantry/files/crds

.PHONY: reference
reference: ## Generate docs/reference.md from the types and the tests
	UPDATE_DOCS=1 cargo test --locked --quiet --test it reference::

.PHONY: crds-check
crds-check:
	@mkdir -p target && rm -rf target/crds && mkdir target/crds
	@cargo run --locked --quiet -- crds --dir target/crds
	@for made in target/crds/*; do \
		diff -u "crds/$${made##*/}" "$$made" || { echo "crds/ is not what the types say: run 'make crds'" >&2; exit 1; }; \
	done

.PHONY: bench
bench: tools ## Count calls, seconds and memory for 100 tenants, as docs/performance.md shows them
	cargo bench --locked

.PHONY: clean
clean: ## Remove everything that was built or downloaded
	rm -rf target

##@ What the others use

.PHONY: tools
tools: $(CONTROL_PLANE) $(PYTHON) $(ALIBABA_PYTHON) $(HELM) ## Get what tests and demo need into target/ (once, 8 to 11 minutes)

.PHONY: deny
deny: $(CARGO_DENY) ## Check licences, sources and duplicates of dependencies (the first time builds cargo-deny)
	$(TOOLS)/bin/cargo-deny --all-features check --hide-inclusion-graph bans licenses sources

$(CONTROL_PLANE):
	@tests/control-plane/build.sh $(TOOLS)
	@rm -f $(TOOLS)/.control-plane-* && touch $@

$(PYTHON):
	@echo "moto (AWS for tests) and kubectl are installed into $(VENV), once: half a minute ..."
	@rm -rf $(VENV) && python3 -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement tests/aws/requirements.txt
	@touch $@

$(ALIBABA_PYTHON):
	@echo "Alibaba Cloud's official clients are installed into $(ALIBABA_VENV), once: a minute ..."
	@rm -rf $(ALIBABA_VENV) && python3 -m venv $(ALIBABA_VENV)
	@$(ALIBABA_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement tests/alibaba/requirements.txt
	@touch $@

$(HELM):
	@echo "Helm $(HELM_VERSION) is built from source, once: 2 minutes ..."
	@mkdir -p $(TOOLS)/bin && rm -f $(TOOLS)/.helm-*
	@GOTOOLCHAIN=local GOFLAGS= GOBIN=$(CURDIR)/$(TOOLS)/bin go install helm.sh/helm/v4/cmd/helm@v$(HELM_VERSION)
	@touch $@

$(CARGO_DENY):
	@echo "cargo-deny $(CARGO_DENY_VERSION) is built from source, once: 2 to 3 minutes ..."
	@mkdir -p $(TOOLS) && rm -f $(TOOLS)/.cargo-deny-*
	@CARGO_PROFILE_DEV_DEBUG=0 cargo install --debug --locked --quiet --root $(TOOLS) --target-dir target/cargo-deny \
		cargo-deny@$(CARGO_DENY_VERSION)
	@rm -rf target/cargo-deny && touch $@
