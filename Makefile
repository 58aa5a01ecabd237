# What is done often. Tools are pinned in tools/*/go.mod and built on first use; nothing is installed.

BUF       := go tool -modfile=../../tools/buf/go.mod buf
GOFUMPT   := go tool -modfile=tools/go.mod gofumpt
LINT      := go tool -modfile=tools/lint/go.mod golangci-lint
GENERATED  = sdk/proto/patchbay core/bench/wire $(shell go run -C tools ./framegen -list) core/api/openapi.swagger.json
GOFILES    = $(shell git ls-files --cached --others --exclude-standard '*.go' | grep -v -E '\.(pb|pb\.gw|gen)\.go$$')

.DEFAULT_GOAL := help
.PHONY: help test race lint lint-proto fmt check-fmt generate check-generated check-breaking bench storm torture-routers torture-strategies bench-remote bench-recovery reference schemathesis telephony

help: ## List what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

test: ## Run the tests
	go test ./...

race: ## Run the tests with the race detector
	go test -race ./...

lint: lint-proto ## Check style and likely faults
	go vet ./...
	$(LINT) run ./...

lint-proto: ## Check the style of the protocols
	cd sdk/proto && $(BUF) lint && $(BUF) format --path patchbay --diff --exit-code

fmt: ## Format everything
	$(GOFUMPT) -w $(GOFILES)
	cd sdk/proto && $(BUF) format --path patchbay -w

check-fmt: ## Fail if anything is not formatted
	@unformatted="$$($(GOFUMPT) -l $(GOFILES))"; \
	test -z "$$unformatted" || { echo "not formatted; run make fmt:"; echo "$$unformatted"; exit 1; }

generate: ## Write all generated code anew
	cd sdk/proto && $(BUF) generate
	cd sdk/proto && $(BUF) generate --template buf.gen.api.yaml
	go run ./core/api/openapi core/api/openapi.swagger.json
	go run -C tools ./framegen
	cd core/bench/wire && go generate

check-generated: generate ## Fail if generated code is not current
	@changed="$$(git status --porcelain -- $(GENERATED))"; \
	test -z "$$changed" || { git --no-pager diff -- $(GENERATED); echo "$$changed"; \
	echo "generated code is not current: run make generate and commit"; exit 1; }

check-breaking: ## Fail if a protocol no longer serves those who use it as it is on main
	cd sdk/proto && $(BUF) breaking --against '../../.git#branch=main,subdir=sdk/proto'

bench: ## Run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

storm: ## Play a thousand random centres with every feature on, hold the invariants, and verify each from its record (a quarter of an hour or so)
	PATCHBAY_SEEDS=1000 go test -count=1 -timeout 60m -run '^TestStorm$$' ./core/sim

torture-routers: ## Break 1,000 connections of routers under load, one router and three, and hold that nothing is lost (some minutes)
	PATCHBAY_DISCONNECTS=2000 go test -count=1 -timeout 60m -v -run '^TestTorture$$' ./core/strategy/remote

torture-strategies: ## Restart a strategy 1,000 times in every runtime, and hold that nothing is left of any start; try every misbehaving module (some minutes)
	PATCHBAY_RESTARTS=1000 go test -count=1 -timeout 60m -v -run '^TestNoLeak$$' ./core/strategy
	PATCHBAY_RESTARTS=1 go test -count=1 -timeout 60m -run "^TestTrialFindsMisbehaviour$$" ./core/kit

bench-recovery: ## Measure how long a strategy takes from its crash to its next decision, with and without a standby
	go test -run '^$$' -bench '^BenchmarkRecovery$$' -benchtime 20x ./core/strategy

bench-remote: ## Measure how long work waits for its offer when a router decides, beside a built-in strategy
	go run ./cmd/patchbay bench remote --passes 7

reference: ## Hold the emulator against known values, millions of customers each (ten minutes or so)
	PATCHBAY_REFERENCE=full go test -count=1 -timeout 180m -v -run '^Test(Reference|OrderInsideAQueue)$$' ./core/sim/scenario ./core/sim/compare

schemathesis: ## Try the REST API of a real host against its own document, at length (some minutes; CI does it for one)
	.ci/schemathesis.sh full

telephony: ## Test the examples that are modules of their own: SIP and Asterisk
	.ci/telephony.sh
