# The targets of this Makefile are the project's whole tool set: the README, the
# continuous integration (.ci/run) and people use the same ones.

GO       ?= go
# The file VERSION decides on the version, and the commit on the date inside.
VERSION  := $(shell cat VERSION)
COMMIT   := $(shell git rev-parse HEAD 2>/dev/null)$(if $(shell git status --porcelain 2>/dev/null),-dirty)
EPOCH    := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null))
# A static binary without HTTP/2, which no vendor here needs.
TAGS     := nethttpomithttp2
LDFLAGS  := -s -w -buildid= -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.epoch=$(EPOCH)
# Inlining makes the binary larger by 900 kB. Where it gains nothing that a call to a vendor would
# not hide, nothing is inlined: in the modules of others and in the program's own packages but for
# those that every byte of a payload or of the output goes through, in net/http, in the
# handshake of TLS, apart from its ciphers and the usual curves, in what certificates and recipes
# need of numbers and patterns, in what prints, in reflection, and in JSON, since payloads have a reader of their
# own. Of several
# patterns that fit a package the last one counts.
GCFLAGS  := github.com/...=-l pam-rotate-script/...=-l pam-rotate-script/internal/params= pam-rotate-script/internal/secret= \
	net/...=-l crypto/tls=-l crypto/x509=-l math/big=-l regexp/...=-l encoding/json=-l encoding/asn1=-l text/template=-l mime/...=-l \
	time=-l fmt=-l reflect=-l context=-l io/...=-l log/...=-l crypto/ecdsa=-l crypto/hpke=-l crypto/internal/fips140/nistec/...=-l crypto/internal/fips140/rsa=-l crypto/internal/fips140/ecdsa=-l
# What else could change the bytes is set to Go's defaults.
BUILD    := CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off GOEXPERIMENT= GOFIPS140=off GOAMD64=v1 GOARM64=v8.0 \
	$(GO) build -trimpath -buildvcs=false -tags $(TAGS) $(foreach flags,$(GCFLAGS),-gcflags '$(flags)') -ldflags '$(LDFLAGS)'
# make test RACE=-race runs what many goroutines share under the race detector.
RACE      ?=
TESTFLAGS ?=
FUZZTIME  ?= 20s
# make fuzz FUZZFLAGS='-parallel 1' leaves the machine to others.
FUZZFLAGS ?=
BENCHFLAGS ?=
STATICCHECK := $(GO) tool -modfile=tools/go.mod staticcheck
RELEASE  := $(GO) run ./scripts/release -version "$(VERSION)" -commit "$(COMMIT)" -epoch "$(EPOCH)"
DIST     := dist
PLATFORMS := linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/amd64 darwin/arm64
# What make reproducible builds twice.
TWICE    ?= $(PLATFORMS)
MAXIMUM_SIZE := 10000000

.PHONY: build test test-rest test-all lint demo picture matrix values leaks signals deadline hostile products load bench fuzz reliability docs docs-check cross size clean

build: ## the static binary, bin/pam-rotate-script
	$(BUILD) -o bin/pam-rotate-script ./cmd/pam-rotate-script

SUITE   := ./internal/conformance
COMMAND := ./cmd/pam-rotate-script
# What takes long, or starts compilers and other people's products, is left to test-rest:
# these packages, and the tests of these names. Each of the two runs what the other skips.
LONG_PACKAGES := ./cmd/pam-rotate-bench/... ./cmd/pam-rotate-demo ./scripts/...
LONG_PARTS := allowed|challenges|guarded|verify|sockets|more-faults|pairs|together|somebody-else|keeping|values|deadlines
LONG_TESTS := ^TestVendor$$//^($(LONG_PARTS))$$|^(TestNothingLeaks|TestSignals|TestKilled|TestAgainAndBack|TestHostile(Memory|Servers|Answers)|TestCannot(RunForEver|GrowWithoutBounds)|TestUnderWine|TestWrapperForWindows|TestCompletions|TestPowerShellWrapper|TestValuesArriveAsTheyAre|TestEveryCommandRuns|TestEncodings|TestOutcomeIsTold)$$|^Fuzz|^TestReal|OtherSDK$$
# What many goroutines share.
RACED    := ./internal/api ./internal/rotation ./internal/secret ./internal/vault ./internal/simulator
PACKAGES  = $(shell $(GO) list ./... | grep -vxF "$$($(GO) list $(LONG_PACKAGES) $(1))")
# make lint vets all of the code. The command's tests wait for processes most of the time: they come
# early, and several run at once.
TEST      = $(GO) test -vet=off -parallel 6 $(TESTFLAGS)

test: ## two minutes: every exchange with every fault, the testscripts, all that is quick
	@echo "testing; make test-all tests the rest, too"
	@status=0; \
	$(if $(RACE),$(TEST) $(RACE) -skip '$(LONG_TESTS)' $(RACED) || status=1;) \
	$(TEST) -skip '$(LONG_TESTS)' -p 3 $(if $(RACE),,$(RACED)) $(SUITE) $(COMMAND) $(call PACKAGES,$(RACED) $(SUITE) $(COMMAND)) || status=1; \
	exit $$status

test-rest: ## what make test leaves out
	@status=0; \
	$(if $(RACE),$(TEST) $(RACE) -run '$(LONG_TESTS)' $(RACED) || status=1;) \
	$(GO) test -timeout 20m -parallel 4 $(TESTFLAGS) $(LONG_PACKAGES) || status=1; \
	$(GO) test -timeout 20m -parallel 8 $(TESTFLAGS) -run '$(LONG_TESTS)' $(call PACKAGES,$(if $(RACE),$(RACED))) || status=1; \
	exit $$status

test-all: test test-rest ## every test

demo: build ## simulated vendors on this machine, rotated by the real binary
	$(GO) run ./cmd/pam-rotate-demo -binary bin/pam-rotate-script

picture: build ## docs/demo.svg, the picture of the demo in the README
	$(GO) run ./cmd/pam-rotate-demo -binary bin/pam-rotate-script -svg docs/demo.svg > /dev/null

lint: ## formatting, vet, staticcheck, tidy modules
	@unformatted=$$(gofmt -l cmd internal scripts); if [ -n "$$unformatted" ]; then echo "not formatted:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(GO) mod tidy -diff

# What follows writes a section of docs/development/reliability.md each. Without -update the same
# tests run among all others and compare.
FIGURES := $(GO) test -count=1 -timeout 20m -parallel 8

matrix: ## every fault at every exchange of every vendor
	$(FIGURES) -run '^TestVendor$$//^(faults|more-faults|pairs)$$' $(SUITE) -update

values: ## every hostile password and name through every vendor
	$(FIGURES) -run '^TestVendor$$//^values$$' $(SUITE) -update

leaks: ## every verb, log level and format of the real program, searched for planted secrets
	$(FIGURES) -run '^TestNothingLeaks$$' $(COMMAND) -update

signals: ## SIGTERM and SIGKILL at every exchange of every vendor, and repeated runs
	$(FIGURES) -run '^(TestSignals|TestKilled|TestAgainAndBack)$$' $(COMMAND) -update

deadline: ## whatever keeps a call waiting, against the deadline of the run
	$(FIGURES) -run '^TestVendor$$//^deadlines$$' $(SUITE) -update

hostile: ## servers that break HTTP and TLS on purpose
	$(FIGURES) -run '^TestHostile' ./internal/api -update
	$(FIGURES) -run '^TestHostile' ./internal/rotation -update
	$(FIGURES) -run '^TestHostile' $(COMMAND) -update

products: ## built-in recipes on the real products, which must be installed
	$(FIGURES) -run '^TestRealProducts$$' ./scripts/recipes -update

load: ## 200 runs at once against each of three vendors; takes minutes
	$(FIGURES) -run '^TestLoad$$' $(SUITE) -load

fuzz: ## every fuzz target for FUZZTIME each
	@log=$$(mktemp) || exit 1; \
	for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "fuzz $$package $$target" | tee -a $$log; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $(FUZZFLAGS) $$package >> $$log 2>&1 || { cat $$log; exit 1; }; \
			grep elapsed $$log | tail -n 1; \
		done; \
	done; \
	$(GO) run ./internal/reliability/fuzzed < $$log && rm $$log

reliability: matrix values leaks signals deadline hostile load fuzz ## all of docs/development/reliability.md

# make bench BENCHFLAGS='-only traffic' measures one section.
bench: ## what a run costs beside Python, curl and a bare program, into docs/development/performance.md; takes minutes
	$(GO) run ./cmd/pam-rotate-bench -tags $(TAGS) -gcflags '$(GCFLAGS)' -ldflags '$(LDFLAGS)' -budget $(MAXIMUM_SIZE) $(BENCHFLAGS)

docs: ## the vendors' pages, from their Info, and the page on troubleshooting
	@$(GO) test -count=1 -run TestPackedRecipes ./internal/recipe -update > /dev/null
	@$(GO) test -count=1 -run TestPackedWords ./internal/api -update > /dev/null
	@mkdir -p docs/targets # from here on with what is packed now
	@for name in $$($(GO) run ./cmd/pam-rotate-script targets | cut -d' ' -f1); do \
		$(GO) run ./cmd/pam-rotate-script targets --markdown $$name > docs/targets/$$name.md || exit 1; \
	done
	@$(GO) test -count=1 -run TestPage ./internal/troubleshooting -update > /dev/null
	@$(GO) test -count=1 -run TestTableOfRecipes ./internal/recipe -update > /dev/null

docs-check: ## fails if one of these pages is not what the code says
	@directory=$$(mktemp -d); status=0; \
	for name in $$($(GO) run ./cmd/pam-rotate-script targets | cut -d' ' -f1); do \
		$(GO) run ./cmd/pam-rotate-script targets --markdown $$name > $$directory/$$name.md || status=1; \
	done; \
	diff -r $$directory docs/targets || { echo "docs/targets is stale: run make docs"; status=1; }; \
	$(GO) test -count=1 -run TestPage ./internal/troubleshooting || status=1; \
	rm -r $$directory; exit $$status

cross: ## builds for every platform, into dist/
	@for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/}; suffix=; [ $$os = windows ] && suffix=.exe; \
		echo "$$platform"; \
		GOOS=$$os GOARCH=$$arch $(BUILD) -o $(DIST)/pam-rotate-script-$$os-$$arch$$suffix ./cmd/pam-rotate-script || exit 1; \
	done

size: cross ## fails if the linux/amd64 binary is too large
	@size=$$(wc -c < dist/pam-rotate-script-linux-amd64); \
	echo "linux/amd64: $$size bytes of at most $(MAXIMUM_SIZE)"; [ $$size -le $(MAXIMUM_SIZE) ]

.PHONY: release reproducible audit
release: ## all that is published, into dist/release: see docs/development/release.md
	$(RELEASE) check
	rm -rf dist/build dist/release
	@$(MAKE) --no-print-directory cross DIST=dist/build
	@mkdir dist/build/man
	$(GO) test -count=1 -run '^TestManual$$' ./cmd/pam-rotate-script -manual "$(CURDIR)/dist/build/man" -manual-epoch "$(EPOCH)"
	$(RELEASE) pack dist/build dist/release

reproducible: ## the project built twice, in two folders with two caches, and compared
	$(GO) test -count=1 -timeout 30m -run TestBuiltTwice -v ./scripts/release -twice "$(TWICE)"

audit: ## known vulnerabilities in what is linked, from the Go project's database
	@tool=$$($(GO) tool -n -modfile=tools/go.mod govulncheck) || exit 1; \
	for os in linux windows darwin; do \
		echo "$$os"; GOOS=$$os $$tool $(AUDITFLAGS) -tags $(TAGS) ./cmd/pam-rotate-script || exit 1; \
	done

clean:
	rm -rf bin dist
