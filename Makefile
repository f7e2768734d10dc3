# Entry points for developers and CI; `make` lists them. Requires GNU Make 3.82 or later, for .ONESHELL.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
# One virtual environment per purpose, so that their dependencies can't conflict.
TEST_VENV := $(TARGET)/venv
LINT_VENV := $(TARGET)/venv-lint
DEPLOY_VENV := $(TARGET)/venv-deploy
BENCH_VENV := $(TARGET)/venv-bench
HTTP_VENV := $(TARGET)/venv-http
CLIENT_PYTHON_VENV := $(TARGET)/venv-client-python
GRPCURL_BIN := $(TARGET)/bin/grpcurl
GRPCURL_VERSION := v1.9.3
GHZ_BIN := $(TARGET)/bin/ghz
GHZ_VERSION := v0.121.0
ACTIONLINT_BIN := $(TARGET)/bin/actionlint
ACTIONLINT_VERSION := v1.7.12
# Tools that render and validate deploy/: helm, kustomize and deploycheck. tests/deploy/tools/go.mod pins their versions.
DEPLOY_TOOLS := $(TARGET)/bin
PROMETHEUS := $(TARGET)/prometheus
GRPC_CPP := $(TARGET)/grpc-cpp
# Fuzz targets, and the time per target in seconds.
TARGETS := document requests jsonl csv parquet tokenizer model_folder
TIME := 600
# Number of simulated steps, and the only seed to simulate; empty = all seeds.
STEPS := 10000000
SEED :=
# Benchmarks: texts, models (names or directories), number of threads, and number of rounds.
BENCH_WORK := $(TARGET)/bench-peers
TEXTS := demo/corpus.jsonl
MODELS := splade-tiny distilbert-shape bert-shape
THREADS := 2
ROUNDS := 3
# Number of tokens that each implementation encodes; fewer = faster but less precise. Empty = the default.
TOKENS :=
# Directory of the Cranfield collection (docs.jsonl, queries.jsonl, qrels.tsv), as an argument or from the environment;
# its test is skipped without it.
CRANFIELD ?= $(abspath $(wildcard ../shared/data/cranfield))
SHELL_SCRIPTS := scripts/demo.sh scripts/dist.sh .ci/run
# Suites of `make test`, and the directory in which each suite records its skipped tests: one file per suite, truncated when the
# suite starts.
SUITES := test-rust test-scripts test-python test-http test-deploy test-browser test-observability test-client-python test-clients test-docs
SKIPPED := $(TARGET)/skipped
# Keys of scripts/skips/needs.json for which `make check-skips` accepts skipped tests.
EXEMPT :=
# pytest with a plugin that records skipped tests.
PYTEST := scripts/skips/run_pytest.py

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

.PHONY: demo
demo: ## Fetch a model, index documents and search them; make demo DOCS=my.jsonl uses your own documents
	model=$$(python3 scripts/fetch_model.py)
	cargo build --release --locked
	scripts/demo.sh $(TARGET)/release/splade-sidecar "$$model"

.PHONY: fast
fast: ## Check format, lints and unit tests, in two minutes once the dependencies are compiled
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings
	export SPLADE_MODEL_DIR=$$(python3 scripts/fetch_model.py)
	cargo test --locked --lib --quiet

.PHONY: test
test: ## Run all tests, and list the skipped ones with the commands that enable them
	rm -rf $(SKIPPED)
	mkdir -p $(SKIPPED)
	trap 'echo "make test, all suites:"; python3 scripts/skips/report.py list $(SKIPPED) --suites $(SUITES)' EXIT
	$(MAKE) --no-print-directory $(SUITES)

.PHONY: check-skips
check-skips: ## Fail if the last `make test` didn't run a suite or skipped a test; make check-skips EXEMPT="qdrant cranfield"
	python3 scripts/skips/report.py check $(SKIPPED) --suites $(SUITES) --exempt $(EXEMPT)

# Prologue of a suite: creates an empty record of skipped tests, and lists it when the suite ends, even if it fails.
define suite
mkdir -p $(SKIPPED)
export TEST_SKIPS=$(SKIPPED)/$@.jsonl
: >"$$TEST_SKIPS"
trap 'echo "make $@:"; python3 scripts/skips/report.py list "$$TEST_SKIPS"' EXIT
endef

# Fails if a filter matches no Rust test; cargo would report success.
define require_tests
cargo test --locked $(1) -- --list | grep ': test$$' || { echo "error: no test matches $(1); correct the filter in the Makefile"; exit 1; }
endef

.PHONY: test-rust
test-rust: ## Run the unit, property and integration tests
	$(suite)
	export SPLADE_MODEL_DIR=$$(python3 scripts/fetch_model.py)
	cargo test --locked
	cargo test --locked --package xtask

# The environment needs both the reference implementation and the packages that drive the server.
.PHONY: compare-models
compare-models: $(BENCH_VENV)/.installed ## Compare random models with sentence-transformers; make compare-models COUNT=200 SEED=7
	$(server_to_test)
	HF_HUB_OFFLINE=1 $(BENCH_VENV)/bin/python scripts/golden/compare_models.py --count $(or $(COUNT),200) --seed $(or $(SEED),7)

.PHONY: simulation
simulation: ## Run a long simulation of the pipeline and the store; make simulation STEPS=10000000 SEED=7
	export SPLADE_SIMULATION_STEPS=$(STEPS)
	$(if $(SEED),export SPLADE_SIMULATION_SEED=$(SEED))
	$(call require_tests,--lib pipeline::simulation)
	cargo test --locked --lib pipeline::simulation -- --nocapture

.PHONY: kills
kills: ROUNDS := 10
kills: ## Kill a process that uses the embedded store during merges, upserts and deletions (minutes); make kills ROUNDS=100
	$(call require_tests,--test it edge_store::kills::no_confirmed_operation)
	ROUNDS=$(ROUNDS) cargo test --locked --test it edge_store::kills::no_confirmed_operation -- --ignored --nocapture

.PHONY: file-oracle
file-oracle: ROUNDS := 1000
file-oracle: ## Test ingest --checkpoint with random histories of input files (minutes); make file-oracle ROUNDS=5000 SEED=7
	export SPLADE_ORACLE_ROUNDS=$(ROUNDS)
	$(if $(SEED),export SPLADE_ORACLE_SEED=$(SEED))
	$(call require_tests,--test it cli::file_oracle)
	cargo test --locked --test it cli::file_oracle -- --nocapture

# Uses the binary of the Rust tests: `cargo build` resolves other features and would recompile everything.
define server_to_test
cargo test --locked --no-run
export SPLADE_SIDECAR_BIN=$(TARGET)/debug/splade-sidecar
export SPLADE_MODEL_DIR=$$(python3 scripts/fetch_model.py)
endef

.PHONY: test-scripts
test-scripts: $(TEST_VENV)/.installed ## Test the recording of skipped tests, and that each skip names a command
	$(suite)
	$(TEST_VENV)/bin/python $(PYTEST) tests/scripts -ra

.PHONY: test-python
test-python: $(TEST_VENV)/.installed $(LINT_VENV)/.installed grpcurl ghz ## Drive the server from Python, with grpcurl and with ghz
	$(suite)
	$(server_to_test)
	export SPLADE_CRANFIELD=$(CRANFIELD)
	if [[ -x $(GRPCURL_BIN) ]]; then export GRPCURL=$(GRPCURL_BIN); fi
	if [[ -x $(GHZ_BIN) ]]; then export GHZ=$(GHZ_BIN); fi
	export BUF=$(LINT_VENV)/bin/buf
	$(TEST_VENV)/bin/python $(PYTEST) tests/python -ra

# grpcurl and ghz are built from source with Go. Without Go the tests that need them are skipped.
.PHONY: grpcurl
grpcurl:
	if [[ -x $(GRPCURL_BIN) ]]; then exit 0; fi
	if ! command -v go >/dev/null; then echo "Go is not installed; skipping the tests that need grpcurl"; exit 0; fi
	GOBIN=$(dir $(GRPCURL_BIN)) go install github.com/fullstorydev/grpcurl/cmd/grpcurl@$(GRPCURL_VERSION)

.PHONY: ghz
ghz:
	if [[ -x $(GHZ_BIN) ]]; then exit 0; fi
	if ! command -v go >/dev/null; then echo "Go is not installed; skipping the tests that need ghz"; exit 0; fi
	GOBIN=$(dir $(GHZ_BIN)) go install github.com/bojand/ghz/cmd/ghz@$(GHZ_VERSION)

.PHONY: test-http
test-http: $(HTTP_VENV)/.installed ## Test JSON over HTTP against its OpenAPI document, and run the commands of docs/http.md
	$(suite)
	$(server_to_test)
	$(HTTP_VENV)/bin/python $(PYTEST) tests/http -ra

.PHONY: test-deploy
test-deploy: $(DEPLOY_VENV)/.installed deploy-tools ## Check the image, the manifests, the chart and the compose file
	$(suite)
	$(server_to_test)
	export DEPLOY_TOOLS=$(DEPLOY_TOOLS)
	$(DEPLOY_VENV)/bin/python $(PYTEST) tests/deploy -ra

# Go rebuilds the tools when their sources or pinned versions change. Without Go the tests that need them are skipped.
.PHONY: deploy-tools
deploy-tools:
	if ! command -v go >/dev/null; then echo "Go is not installed; skipping the tests that need helm, kustomize or deploycheck"; exit 0; fi
	go -C tests/deploy/tools build -o $(DEPLOY_TOOLS)/ . tool

.PHONY: test-browser
test-browser: $(TEST_VENV)/.installed ## Test the status page of the metrics port in Chromium; skipped without Chromium
	$(suite)
	$(server_to_test)
	$(TEST_VENV)/bin/python $(PYTEST) tests/browser -ra

# A regular rather than an editable install, so that the contents of the wheel are tested.
.PHONY: test-client-python
test-client-python: $(CLIENT_PYTHON_VENV)/.installed ## Install the Python client, and test it and its adapters with the real libraries
	$(suite)
	$(server_to_test)
	$(CLIENT_PYTHON_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall ./clients/python
	# Tests that fork run in a separate process: a fork would copy the state of gRPC threads of other tests.
	$(CLIENT_PYTHON_VENV)/bin/python $(PYTEST) clients/python -ra --ignore clients/python/tests/test_processes.py
	$(CLIENT_PYTHON_VENV)/bin/python $(PYTEST) clients/python/tests/test_processes.py -ra

.PHONY: pictures
pictures: $(TEST_VENV)/.installed ## Take the screenshots in docs/images (three minutes of load)
	$(server_to_test)
	mkdir -p docs/images
	SPLADE_SCREENSHOTS=docs/images $(TEST_VENV)/bin/pytest tests/browser -ra -k figures_move

.PHONY: test-observability
test-observability: $(TEST_VENV)/.installed prometheus ## Test alerts and dashboard with a real Prometheus; skipped without Prometheus
	$(suite)
	$(server_to_test)
	PATH=$$PATH:$(PROMETHEUS)/usr/bin $(TEST_VENV)/bin/python $(PYTEST) tests/observability -ra

# Toolchains of the example clients. buf, which generates stubs, is in the environment of the linters.
define client_toolchains
export PATH=$(LINT_VENV)/bin:$$PATH
if [[ -x $(GRPC_CPP)/usr/bin/grpc_cpp_plugin ]]; then
	lib=$$(echo $(GRPC_CPP)/usr/lib/*-linux-gnu)
	export PATH=$(GRPC_CPP)/usr/bin:$$PATH LD_LIBRARY_PATH=$$lib LIBRARY_PATH=$$lib
	export CPLUS_INCLUDE_PATH=$(GRPC_CPP)/usr/include
	export PKG_CONFIG_PATH=$$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$(GRPC_CPP)
fi
endef

# Clients whose toolchain is not installed are skipped.
.PHONY: test-clients
test-clients: $(TEST_VENV)/.installed $(LINT_VENV)/.installed grpc-cpp ## Build the example clients of clients/ and run them against the server
	$(suite)
	$(server_to_test)
	$(client_toolchains)
	$(TEST_VENV)/bin/python $(PYTEST) clients/tests -ra

.PHONY: test-docs
test-docs: $(TEST_VENV)/.installed $(LINT_VENV)/.installed grpc-cpp grpcurl ## Run the commands of README and docs/, compare their output, and check all links
	$(suite)
	$(server_to_test)
	$(client_toolchains)
	if [[ -x $(GRPCURL_BIN) ]]; then export GRPCURL=$(GRPCURL_BIN); fi
	$(TEST_VENV)/bin/python $(PYTEST) tests/docs -ra

# Downloads and unpacks Debian packages with their missing dependencies, without installing them; see `prometheus` below.
.PHONY: grpc-cpp
grpc-cpp:
	if command -v grpc_cpp_plugin >/dev/null && [[ -d /usr/include/rapidjson ]]; then exit 0; fi
	if [[ -x $(GRPC_CPP)/usr/bin/grpc_cpp_plugin && -d $(GRPC_CPP)/usr/include/rapidjson ]]; then exit 0; fi
	if ! command -v apt-get >/dev/null; then echo "apt-get is not installed; skipping the tests of the C++ client"; exit 0; fi
	rm -rf $(GRPC_CPP)
	mkdir -p $(GRPC_CPP)
	cd $(GRPC_CPP)
	packages=$$(apt-get -s install --no-install-recommends protobuf-compiler-grpc libgrpc++-dev libprotobuf-dev rapidjson-dev | sed -n 's/^Inst \([^ ]*\).*/\1/p') &&
		apt-get -qq -o APT::Sandbox::User=root download $$packages || { echo "apt-get failed to download gRPC for C++; skipping the tests of the C++ client"; exit 0; }
	for package in *.deb; do dpkg -x "$$package" .; done
	rm -- *.deb

# Unpacks the Debian package without installing it, which needs no root and starts no service. On other systems, put prometheus
# and promtool into PATH; without them the tests are skipped.
.PHONY: prometheus
prometheus:
	if command -v promtool >/dev/null || [[ -x $(PROMETHEUS)/usr/bin/promtool ]]; then exit 0; fi
	if ! command -v apt-get >/dev/null; then echo "apt-get is not installed; skipping the tests that need Prometheus"; exit 0; fi
	mkdir -p $(PROMETHEUS)
	cd $(PROMETHEUS)
	apt-get -qq -o APT::Sandbox::User=root download prometheus || { echo "apt-get failed to download prometheus; skipping the tests that need it"; exit 0; }
	dpkg -x prometheus_*.deb .

.PHONY: dist
dist: ## Build a release in dist/: binary, licences, SBOM, checksums; needs a clean checkout to record the revision
	CARGO_TARGET_DIR=$(TARGET) scripts/dist.sh

# See docs/adr/0016-released-contract.md.
.PHONY: release-contract
release-contract: $(LINT_VENV)/.installed ## Record the contract of a release for compatibility checks; make release-contract VERSION=0.2.0
	[[ "$(VERSION)" =~ ^[0-9]+[.][0-9]+[.][0-9]+$$ ]] || { echo "set VERSION to the version of the release, such as VERSION=0.2.0"; exit 1; }
	$(LINT_VENV)/bin/buf build proto --exclude-source-info -o proto/released/v$(VERSION).binpb

.PHONY: fuzz
fuzz: ## Fuzz the parsers of untrusted input; make fuzz TIME=60 TARGETS=jsonl (needs nightly and cargo-fuzz; fuzz/README.md)
	cargo +nightly fuzz build -s none
	for target in $(TARGETS); do
		# libFuzzer writes new inputs to the first directory.
		mkdir -p $(TARGET)/fuzz-corpus/$$target
		cargo +nightly fuzz run -s none $$target $(TARGET)/fuzz-corpus/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(TIME) -rss_limit_mb=2048 -timeout=25 -max_len=4096 -print_final_stats=1
	done

.PHONY: lint
lint: lint-scripts ## Check format, lints, the contract, dependencies, scripts and prose
	cargo fmt --all --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets --no-default-features -- -D warnings
	cargo clippy --locked --package xtask --all-targets -- -D warnings
	cargo xtask openapi --check
	# Without advisories: their database is a git repository, and lint must work in networks that reach only registries.
	PATH=$(LINT_VENV)/bin:$$PATH cargo deny --locked check --hide-inclusion-graph bans licenses sources

.PHONY: lint-scripts
lint-scripts: $(LINT_VENV)/.installed actionlint ## Run the lints that need no compilation
	scripts/prose/check.py
	$(LINT_VENV)/bin/buf lint proto
	$(LINT_VENV)/bin/buf breaking proto --against "$$(ls proto/released/*.binpb | sort -V | tail -n 1)"
	$(LINT_VENV)/bin/shellcheck $(SHELL_SCRIPTS)
	$(LINT_VENV)/bin/hadolint deploy/Dockerfile
	$(LINT_VENV)/bin/yamllint --strict --config-file deploy/.yamllint deploy .github .pre-commit-config.yaml
	$(LINT_VENV)/bin/ruff check .
	$(LINT_VENV)/bin/ruff format --check .
	if [[ -x $(ACTIONLINT_BIN) ]]; then PATH=$(LINT_VENV)/bin:$$PATH $(ACTIONLINT_BIN); fi

# Built with Go. Without Go the workflow is checked only in CI.
.PHONY: actionlint
actionlint:
	if [[ -x $(ACTIONLINT_BIN) ]]; then exit 0; fi
	if ! command -v go >/dev/null; then echo "Go is not installed; .github/workflows is not checked"; exit 0; fi
	GOBIN=$(dir $(ACTIONLINT_BIN)) go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)

.PHONY: fmt
fmt: $(LINT_VENV)/.installed ## Format all code
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	$(LINT_VENV)/bin/ruff format .

# Optional features of a build, without those for GPUs, which need their toolchains.
FEATURES := embedded http otlp parquet verify
CARGO_HACK := $(TARGET)/bin/cargo-hack
CARGO_HACK_VERSION := 0.6.46

$(CARGO_HACK):
	cargo install --locked --quiet --version $(CARGO_HACK_VERSION) --root $(TARGET) cargo-hack

.PHONY: check-features
check-features: $(CARGO_HACK) ## Check builds with only one feature enabled, and with only one disabled
	export RUSTFLAGS="-D warnings"
	$(CARGO_HACK) hack check --each-feature --exclude-features cuda,metal --exclude-all-features
	for off in $(FEATURES); do
		echo "without $$off"
		cargo check --locked --no-default-features --features "$$(echo $(FEATURES) | sed "s/\b$$off\b//")"
	done

.PHONY: features
features: check-features ## Run the Rust tests with each feature disabled in turn (an hour)
	export SPLADE_MODEL_DIR=$$(python3 scripts/fetch_model.py)
	for off in $(FEATURES); do
		echo "without $$off"
		cargo test --locked --no-default-features --features "$$(echo $(FEATURES) | sed "s/\b$$off\b//")"
	done

# Benchmarks of other implementations. BENCH_WORK caches exported models and text collections, and receives the results.
PEERS = $(BENCH_VENV)/bin/python benches/peers
PEERS_FLAGS = --threads $(THREADS) --ours $(TARGET)/release/splade-sidecar --work $(BENCH_WORK)

.PHONY: bench
bench: $(BENCH_VENV)/.installed ## Compare encoding speed with sentence-transformers; make bench TEXTS=my.jsonl THREADS=4
	cargo build --release --locked
	mkdir -p $(BENCH_WORK)
	$(PEERS)/encode.py $(PEERS_FLAGS) --rounds $(ROUNDS) --models splade-tiny --texts $(TEXTS) --all \
		--peers sentence-transformers --dtypes float32 >$(BENCH_WORK)/bench.json

.PHONY: bench-peers
bench-peers: TEXTS := reference glosses
bench-peers: $(BENCH_VENV)/.installed ## Compare with all peers and the targets (an hour); variables MODELS, TEXTS, THREADS, ROUNDS, TOKENS
	cargo build --release --locked
	mkdir -p $(BENCH_WORK)
	$(PEERS)/encode.py $(PEERS_FLAGS) $(if $(TOKENS),--tokens $(TOKENS)) --rounds $(ROUNDS) --models $(MODELS) --texts $(TEXTS) >$(BENCH_WORK)/encode.json
	$(PEERS)/service.py $(PEERS_FLAGS) --rounds $(ROUNDS) --models $(MODELS) >$(BENCH_WORK)/service.json

.PHONY: bench-origin
bench-origin: MODELS := splade-tiny
bench-origin: $(BENCH_VENV)/.installed ## Compare with the original script: 5, 1,000 and 100,000 documents (5 min)
	cargo build --release --locked
	mkdir -p $(BENCH_WORK)
	$(PEERS)/origin.py $(PEERS_FLAGS) --models $(MODELS) >$(BENCH_WORK)/origin.json

# Recreates an environment when its requirements change.
$(TEST_VENV)/.installed: tests/python/requirements.txt
$(LINT_VENV)/.installed: scripts/lint-requirements.txt
$(HTTP_VENV)/.installed: tests/http/requirements.txt tests/python/requirements.txt
$(DEPLOY_VENV)/.installed: tests/deploy/requirements.txt
$(BENCH_VENV)/.installed: benches/peers/requirements.txt scripts/golden/requirements.txt tests/python/requirements.txt
$(CLIENT_PYTHON_VENV)/.installed: clients/python/tests/requirements.txt tests/python/requirements.txt
%/.installed:
	rm -rf $*
	python3 -m venv $*
	$*/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# Runs each recipe as one script: variables persist between lines, and the first failure ends it.
.ONESHELL:
