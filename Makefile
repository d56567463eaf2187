# shardyard. `make demo` and `make test` are the two commands to know.
SHELL   := bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
GO      := CGO_ENABLED=0 go
LINT    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: build demo unit test test-properties test-suites test-faults test-cache soak test-viewers lint bench bench-first bench-cost bench-view bench-schedule bench-peers bench-cache bench-start bench-reality dist clean

build: ## bin/shardyard, static: the same file is the agent inside workers
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/shardyard ./cmd/shardyard

demo: build ## the main job on a real package: 4 workers, with coverage, cold and warm
	scripts/demo

unit: ## the tests that need only Go, git and a shell: no Docker engine, no package index, no Python packages
	@SHARDYARD_TEST= go test ./...
	@echo 'Left out: what needs a Docker engine, a package index or Python packages. "make test" runs all, and skips none.'

test: build lint ## all tests, with the race detector, on a real engine
	scripts/test

CHECKS ?= 100000
test-properties: ## the planner's and the dispatcher's properties, CHECKS random runs of each
	go test -count 1 -timeout 60m ./orchestrator/plan ./orchestrator/dispatch -run '$(PROPERTIES)' -rapid.checks=$(CHECKS)
PROPERTIES := ^(TestAPlanHolds|TestTheOrderOf|TestLoadsAre|TestEveryTestHasOneVerdict)

test-suites: build ## real suites, sharded and plain, compared test by test
	SHARDYARD_SUITES=all scripts/test ./testsuites

FAULTS_ROUNDS ?= 3
test-faults: build ## every fault of docs/reliability.md, FAULTS_ROUNDS times at random moments, on both engines
	SHARDYARD_BIN=$(CURDIR)/bin/shardyard FAULTS_ROUNDS=$(FAULTS_ROUNDS) scripts/test -timeout 6h -v -count 1 ./testsuites/injection

HERD_RUNS ?= 16
test-cache: build ## HERD_RUNS runs at once on one cold environment, builders killed at ten moments, prune beside runs, on both engines; workers that have waited
	SHARDYARD_BIN=$(CURDIR)/bin/shardyard HERD_RUNS=$(HERD_RUNS) go test -timeout 1h -v -count 1 ./testsuites/herd
	SHARDYARD_TEST=all SHARDYARD_TEST_POOL=1 go test -timeout 1h -count 1 -run TestConformance/.*/pool ./orchestrator/engine/docker

SOAK_MINUTES ?= 60
soak: build ## two long runs side by side with a fault every 30 s, on the engine that FAULTS_ENGINE names (process)
	SHARDYARD_BIN=$(CURDIR)/bin/shardyard SOAK_MINUTES=$(SOAK_MINUTES) scripts/test -timeout 6h -v -count 1 -run TestSoak ./testsuites/injection

test-viewers: build ## pages in Chromium, traces in speedscope, spans at OpenTelemetry's own receiver, 30,000 tests under each CI system
	scripts/viewers

lint:
	gofmt -l . | (! grep .)
	go vet ./...
	go run $(LINT) run ./...
	scripts/vulnerabilities

bench: build ## plain pytest beside shardyard, cold and warm
	bench/run

bench-first: build ## the first run of a project, and the one after an edit, beside `uv sync && uv run pytest`
	bench/first

bench-cost: build ## processor time of coordinator and agents for each test
	bench/cost

bench-view: build ## what the live view, the page and the events cost a run
	bench/view

bench-schedule: build ## the planner on real histories, beside every peer
	bench/schedule

bench-peers: build ## xdist, containers with pytest-split, and shardyard
	bench/peers

bench-cache: build ## what installing costs: each shard for itself, with a naive shared volume, with shardyard
	bench/cache

bench-start: build ## from `run` to the first test on all workers, beside the engine's own floor
	bench/start

bench-reality: build ## the simulator beside real workers, and real xdist
	bench/reality

dist: ## dist/: archives for every platform, an SBOM, checksums
	scripts/dist $(VERSION)

clean:
	rm -rf bin dist
