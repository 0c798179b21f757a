# The targets of this Makefile are the project's whole tool set: the README, the
# continuous integration (.ci/run) and people use the same ones.

GO       ?= go
VERSION  ?= 0.1.0-dev
# A static binary without HTTP/2, which no vendor here needs.
TAGS     := nethttpomithttp2
COMMIT   := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
LDFLAGS  := -s -w -buildid= -X main.version=$(VERSION) -X main.commit=$(COMMIT)
BUILD    := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -tags $(TAGS) -ldflags '$(LDFLAGS)'
# make test TESTFLAGS=-race runs the tests under the race detector.
TESTFLAGS ?=
FUZZTIME  ?= 20s
STATICCHECK := $(GO) tool -modfile=tools/go.mod staticcheck
PLATFORMS := linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/amd64 darwin/arm64
MAXIMUM_SIZE := 10000000

.PHONY: build test lint fuzz demo matrix load docs docs-check cross size clean

build: ## the static binary, bin/pam-rotate-script
	$(BUILD) -o bin/pam-rotate-script ./cmd/pam-rotate-script

test: ## every test
	$(GO) test $(TESTFLAGS) ./...

demo: build ## simulated vendors on this machine, rotated by the real binary
	$(GO) run ./cmd/pam-rotate-demo -binary bin/pam-rotate-script

lint: ## formatting, vet, staticcheck, tidy modules
	@unformatted=$$(gofmt -l cmd internal scripts); if [ -n "$$unformatted" ]; then echo "not formatted:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(GO) mod tidy -diff

fuzz: ## every fuzz target for FUZZTIME each
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

matrix: ## every fault at every exchange of every vendor, into docs/reliability.md
	$(GO) test -count=1 -run TestReliability ./internal/targets/targettest -update
	@cat docs/reliability.md

load: ## 200 runs at once against each of three vendors, into docs/load.md; takes minutes
	$(GO) test -count=1 -timeout 4m -run TestLoad ./internal/targets/targettest -load
	@cat docs/load.md

docs: ## the vendors' pages, from their Info
	@mkdir -p docs/targets
	@for name in $$($(GO) run ./cmd/pam-rotate-script targets | cut -d' ' -f1); do \
		$(GO) run ./cmd/pam-rotate-script targets --markdown $$name > docs/targets/$$name.md || exit 1; \
	done

docs-check: ## fails if a vendor's page is not what its Info says
	@directory=$$(mktemp -d); status=0; \
	for name in $$($(GO) run ./cmd/pam-rotate-script targets | cut -d' ' -f1); do \
		$(GO) run ./cmd/pam-rotate-script targets --markdown $$name > $$directory/$$name.md || status=1; \
	done; \
	diff -r $$directory docs/targets || { echo "docs/targets is stale: run make docs"; status=1; }; \
	rm -r $$directory; exit $$status

cross: ## builds for every platform, into dist/
	@for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/}; suffix=; [ $$os = windows ] && suffix=.exe; \
		echo "$$platform"; \
		GOOS=$$os GOARCH=$$arch $(BUILD) -o dist/pam-rotate-script-$$os-$$arch$$suffix ./cmd/pam-rotate-script || exit 1; \
	done

size: cross ## fails if the linux/amd64 binary is too large
	@size=$$(wc -c < dist/pam-rotate-script-linux-amd64); \
	echo "linux/amd64: $$size bytes of at most $(MAXIMUM_SIZE)"; [ $$size -le $(MAXIMUM_SIZE) ]

clean:
	rm -rf bin dist
