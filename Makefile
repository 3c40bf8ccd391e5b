# Ostiary. `make run` tries it, `make test` tests all of it; both install what is missing.

GO      ?= go
BIN     := bin
RELEASE ?= development
LDFLAGS := -s -w -X main.release=$(RELEASE)

FUZZTIME ?= 30s
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.1.4

.PHONY: run build test race bench pgo fuzz lint vuln gen clean

run: need-run build
	@exec $(BIN)/ostiary dev $(ARGS)

# ostiary is pure Go; ostiary-hsm alone loads a PKCS#11 library, so it alone is built with cgo.
build: need-build
	@mkdir -p $(BIN)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ostiary ./cmd/ostiary
	CGO_ENABLED=1 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ostiary-hsm ./cmd/ostiary-hsm

# Not from the cache: whole-program tests build the programs themselves, which the cache does not know.
test: need-test
	CGO_ENABLED=1 $(GO) test -count=1 ./...

race: need-test
	CGO_ENABLED=1 $(GO) test -count=1 -race ./...

# Prints ratios against a bare TLS echo server of the same run. ARGS=-quick for a minute's run.
bench: need-run build
	$(GO) run ./bench $(ARGS)

# Profiles the daemon under load, for the compiler: the build takes cmd/ostiary/default.pgo into account.
pgo: need-run build
	$(GO) run ./bench -quick -profile $(CURDIR)/cmd/ostiary/default.pgo

# Every fuzz target of every package for FUZZTIME each.
fuzz: need-test
	@tools/fuzz.sh $(FUZZTIME)

lint: need-build
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

# Needs the Go vulnerability database.
vuln:
	$(GO) run $(GOVULNCHECK) ./...

# Generates the wire types anew from the service models.
gen:
	$(GO) run ./api/model/gen

clean:
	rm -rf $(BIN)

.PHONY: need-build need-run need-test
need-build:
	@tools/need.sh build
need-run:
	@tools/need.sh build run
need-test:
	@tools/need.sh build run test
