package api

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"ostiary.dev/audit"
	"ostiary.dev/authz"
	"ostiary.dev/hsm/hsmtest"
	"ostiary.dev/kms"
	"ostiary.dev/sealing"
	"ostiary.dev/secret"
	"ostiary.dev/state"
	"ostiary.dev/sts"
)

const (
	account   = "111122223333"
	home      = "eu-central-1"
	accessKey = "AKIAEXAMPLEEXAMPLE00"
	secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// world is a server over a real state and a device in software, with a guard, an audit log and a clock that do as the
// test says.
type world struct {
	testing.TB
	*Server
	store  *state.Store
	device *hsmtest.Memory
	clock  time.Time
	logged *bytes.Buffer // what the server logged

	mu        sync.Mutex
	index     uint64
	readErr   error          // of guard.Read
	checkErr  error          // of Reading.Check
	proposing func() error   // called before each command
	proposed  func() error   // called after each
	records   []audit.Record // as they were handed over
	unauth    []audit.Record // those without a caller
	auditErr  func(phase string) error
	outcomes  []string // service, operation and outcome of each answer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	device, err := hsmtest.NewMemory(hsmtest.MemoryConfig{})
	if err != nil {
		t.Fatal(err)
	}
	box, err := sealing.NewBox(secret.New(make([]byte, sealing.KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, store: state.New(), device: device, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), logged: new(bytes.Buffer)}
	now := func() time.Time { return w.clock }
	w.Server = New(Config{
		Guard: w, Box: box, Audit: w, Observer: w, Now: now, Rand: rand.Reader, STS: sts.New(),
		KMS: kms.New(kms.Config{Device: device, Cluster: w, Now: now, Rand: rand.Reader}),
		Log: slog.New(slog.NewTextHandler(w.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	w.must(state.Bootstrap{Cluster: state.Cluster{ID: "test", Regions: []string{home, "eu-west-1"}, Created: 1, HostRoot: []byte{1},
		SealingKey: []byte{1}, CA: []byte{1}, CACertificate: []byte{1}, DomainKey: 1}})
	w.must(state.PutAccount{Account: state.Account{ID: account, Created: 1}})
	w.must(state.PutUser{User: state.User{Account: account, Name: "alice", Path: "/", ID: "AIDAALICE", Created: 1,
		Policies: []state.InlinePolicy{{Name: "all", Document: state.NewDocument(authz.AdministratorAccess)}}}})
	w.putAccessKey(box, true)
	return w
}

func (w *world) putAccessKey(box *sealing.Box, active bool) {
	w.Helper()
	sealed, err := box.Seal(AccessKeyPath(account, accessKey), secret.FromString(secretKey))
	if err != nil {
		w.Fatal(err)
	}
	w.must(state.PutAccessKey{AccessKey: state.AccessKey{ID: accessKey, Account: account, User: "alice", Sealed: sealed, Active: active, Created: 1}})
}

// Propose applies a command as the cluster does.
func (w *world) Propose(_ context.Context, c state.Command) error {
	if w.proposing != nil {
		if err := w.proposing(); err != nil {
			return err
		}
	}
	data, err := state.Encode(c)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.index++
	if err := w.store.Apply(w.index, data).Err; err != nil {
		return err
	}
	if w.proposed != nil {
		return w.proposed()
	}
	return nil
}

func (w *world) must(c state.Command) {
	w.Helper()
	if err := w.Propose(w.Context(), c); err != nil {
		w.Fatal(err)
	}
}

// Read is the guard's.
func (w *world) Read(context.Context) (Reading, error) {
	if w.readErr != nil {
		return nil, w.readErr
	}
	return reading{w, w.store.View()}, nil
}

type reading struct {
	w    *world
	view *state.View
}

func (r reading) View() *state.View { return r.view }
func (r reading) Check() error      { return r.w.checkErr }

// Write and Unauthenticated are the audit log's.
func (w *world) Write(_ context.Context, r *audit.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.auditErr != nil {
		if err := w.auditErr(r.Phase); err != nil {
			return err
		}
	}
	w.records = append(w.records, *r)
	return nil
}

func (w *world) Unauthenticated(_ context.Context, r *audit.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.auditErr != nil {
		if err := w.auditErr("unauthenticated"); err != nil {
			return err
		}
	}
	w.unauth = append(w.unauth, *r)
	return nil
}

// Request is the observer's.
func (w *world) Request(service, operation, outcome string, _ time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcomes = append(w.outcomes, service+" "+operation+" "+outcome)
}

// jsonRequest is a call of KMS as a client makes it, not signed.
func jsonRequest(operation, body string) *http.Request {
	r, err := http.NewRequest(http.MethodPost, "https://kms.example.org/", bytes.NewReader([]byte(body)))
	if err != nil {
		panic(err) // the arguments are constant
	}
	r.Header.Set("Content-Type", jsonType)
	r.Header.Set("X-Amz-Target", "TrentService."+operation)
	r.Header.Set("User-Agent", "test/1")
	return r
}

// formRequest is a call of STS or IAM.
func formRequest(body string) *http.Request {
	r, err := http.NewRequest(http.MethodPost, "https://sts.example.org/", bytes.NewReader([]byte(body)))
	if err != nil {
		panic(err) // the arguments are constant
	}
	r.Header.Set("Content-Type", formType)
	return r
}

const whoAmI = "Action=GetCallerIdentity&Version=2011-06-15"

// sign signs a client's request as an AWS SDK does, with a scope and credentials of the test's choice.
func (w *world) sign(r *http.Request, service, region string) *http.Request {
	w.Helper()
	return w.signAs(r, service, region, aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey})
}

func (w *world) signAs(r *http.Request, service, region string, c aws.Credentials) *http.Request {
	w.Helper()
	sum := sha256.Sum256(bodyOf(w, r))
	if err := v4.NewSigner().SignHTTP(w.Context(), c, r, hex.EncodeToString(sum[:]), service, region, w.clock); err != nil {
		w.Fatal(err)
	}
	return r
}

func bodyOf(t testing.TB, r *http.Request) []byte {
	t.Helper()
	if r.GetBody == nil {
		return nil
	}
	b, err := r.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// raw is the request as it goes over the wire.
func raw(t testing.TB, r *http.Request) []byte {
	t.Helper()
	r.Body = io.NopCloser(bytes.NewReader(bodyOf(t, r)))
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// received is what a server makes of the bytes of a request.
func received(wire []byte) (*http.Request, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		return nil, err
	}
	r.RemoteAddr = "192.0.2.7:12345"
	return r, nil
}

// serve sends a client's request through the server.
func (w *world) serve(r *http.Request) *httptest.ResponseRecorder {
	w.Helper()
	in, err := received(raw(w, r))
	if err != nil {
		w.Fatal(err)
	}
	out := httptest.NewRecorder()
	w.ServeHTTP(out, in)
	return out
}

// call makes a signed call of KMS.
func (w *world) call(operation, body string) *httptest.ResponseRecorder {
	w.Helper()
	return w.serve(w.sign(jsonRequest(operation, body), "kms", home))
}

// requestID and errorType read headers that are spelled as AWS spells them, "" where there is not exactly one.
func requestID(out *httptest.ResponseRecorder) string { return exactly(out, "x-amzn-RequestId") }
func errorType(out *httptest.ResponseRecorder) string { return exactly(out, "x-amzn-ErrorType") }

func exactly(out *httptest.ResponseRecorder, name string) string {
	if values := out.Result().Header[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}

// key makes a key and gives its id.
func (w *world) key() string {
	w.Helper()
	if out := w.call("CreateKey", "{}"); out.Code != http.StatusOK {
		w.Fatal(out.Body)
	}
	id := ""
	for k := range w.store.View().Keys(account, home, "") {
		id = k.Ref.ID
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records, w.outcomes = nil, nil
	return id
}

// unknownCredentials belong to nobody.
var unknownCredentials = aws.Credentials{AccessKeyID: "AKIAUNKNOWNUNKNOWN00", SecretAccessKey: secretKey}

var errBroken = errors.New("broken")
