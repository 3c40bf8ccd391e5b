package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ostiary.dev/access"
	"ostiary.dev/api/codec"
	"ostiary.dev/audit"
	"ostiary.dev/hsm"
	"ostiary.dev/state"
)

const plaintext = "bm90LXRvLWJlLXNlZW4tYW55d2hlcmU=" // not-to-be-seen-anywhere

func encryptBody(key string) string { return `{"KeyId":"` + key + `","Plaintext":"` + plaintext + `"}` }

// wantError checks an answer's status and error code, in the headers and the body.
func wantError(t testing.TB, what string, out *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	if out.Code != status || errorType(out) != code ||
		!strings.Contains(out.Body.String(), code) {
		t.Errorf("%s: %d %v %s\nwant %d %s", what, out.Code, out.Result().Header, out.Body, status, code)
	}
}

// wantRetry checks that an answer is an error that makes a client try again, elsewhere, and gives nothing away.
func wantRetry(t testing.TB, what string, out *httptest.ResponseRecorder, code string) {
	t.Helper()
	status := http.StatusServiceUnavailable
	if code == "KMSInternalException" {
		status = http.StatusInternalServerError
	}
	wantError(t, what, out, status, code)
	if c := out.Result().Header["Connection"]; len(c) != 1 || c[0] != "close" {
		t.Errorf("%s: Connection is %v", what, c)
	}
	if strings.Contains(out.Body.String(), "CiphertextBlob") || strings.Contains(out.Body.String(), "KeyMetadata") {
		t.Errorf("%s: answered an output: %s", what, out.Body)
	}
}

func TestCall(t *testing.T) {
	w := newWorld(t)
	key := w.key()
	out := w.call("Encrypt", encryptBody(key))
	if out.Code != http.StatusOK || !strings.Contains(out.Body.String(), `"CiphertextBlob":"`) {
		t.Fatal(out.Body)
	}
	h := out.Result().Header
	if h.Get("Content-Type") != jsonType || requestID(out) == "" || errorType(out) != "" || h["Connection"] != nil ||
		h.Get("Content-Length") != fmt.Sprint(out.Body.Len()) {
		t.Errorf("%v", h)
	}
	if len(w.records) != 1 || len(w.unauth) != 0 {
		t.Fatalf("%d records, %d without caller", len(w.records), len(w.unauth))
	}
	r := w.records[0]
	if r.RequestID != requestID(out) || r.EventSource != "kms.amazonaws.com" || r.EventName != "Encrypt" || r.Region != home || r.Phase != "" ||
		!r.ReadOnly || r.SourceIP != "192.0.2.7" || r.UserAgent != "test/1" || r.Host != "kms.example.org" || r.ErrorCode != "" ||
		r.Identity.ARN != "arn:aws:iam::"+account+":user/alice" || r.Identity.AccessKeyID != accessKey || r.Identity.Type != audit.IAMUser ||
		len(r.Resources) != 1 || !strings.HasSuffix(r.Resources[0].ARN, key) || r.Decision != "allowed by identity policy" {
		t.Errorf("%+v", r)
	}
	if strings.Contains(string(r.Params), plaintext) || !strings.Contains(string(r.Params), key) {
		t.Errorf("parameters %s", r.Params)
	}
	if fmt.Sprint(w.outcomes) != "[kms Encrypt ok]" {
		t.Error(w.outcomes)
	}
}

// TestSignatureFirst: until the signature is verified nothing of the body is an input: it makes no difference to the
// answer, and nothing of it is in the record.
func TestSignatureFirst(t *testing.T) {
	w := newWorld(t)
	key := w.key()
	answers := map[string]bool{}
	for _, body := range []string{encryptBody(key), `{`, ``, `[]`, `{"KeyId":1}`, "\x00", `{"KeyId":"` + strings.Repeat("k", 5000) + `"}`} {
		r := w.sign(jsonRequest("Encrypt", body), "kms", home)
		a := r.Header.Get("Authorization")
		r.Header.Set("Authorization", a[:len(a)-4]+"beef")
		out := w.serve(r)
		wantError(t, body, out, http.StatusBadRequest, "InvalidSignatureException")
		answers[out.Body.String()] = true
	}
	if len(answers) != 1 {
		t.Errorf("%v", answers)
	}
	if len(w.records) != 0 || len(w.unauth) != 7 {
		t.Fatalf("%d records, %d without caller", len(w.records), len(w.unauth))
	}
	for _, r := range w.unauth {
		if r.Params != nil || r.Identity != (audit.Identity{}) || r.Resources != nil || r.EventName != "Encrypt" || r.ErrorCode != "InvalidSignatureException" {
			t.Errorf("%+v", r)
		}
	}
}

// TestOrder: of several faults, the first of the order signature, operation, decoding, validation, key, decision, state,
// is answered.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	key := w.key()
	w.must(state.SetKeyEnabled{Ref: state.KeyRef{Account: account, Region: home, ID: key}, Time: 1})
	deny := func(policy string) {
		w.must(state.PutUser{User: state.User{Account: account, Name: "alice", Path: "/", ID: "AIDAALICE", Created: 1,
			Policies: []state.InlinePolicy{{Name: "all", Document: state.NewDocument(policy)}}}})
	}
	deny(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)
	long := `"Plaintext":"` + base64.StdEncoding.EncodeToString(make([]byte, 4097)) + `"`
	none := "12345678-1234-1234-1234-123456789012"
	for _, test := range []struct{ operation, body, want string }{
		{"Sign", `{`, "UnsupportedOperationException"},
		{"Encrypt", `{`, "SerializationException"},
		{"Encrypt", `{"KeyId":"` + none + `",` + long + `}`, "ValidationException"},
		{"Encrypt", `{"KeyId":"` + none + `","Plaintext":"eA=="}`, "NotFoundException"},
		{"Encrypt", `{"KeyId":"` + key + `","Plaintext":"eA=="}`, "AccessDeniedException"},
	} {
		wantError(t, test.operation+test.body, w.call(test.operation, test.body), http.StatusBadRequest, test.want)
	}
	deny(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	wantError(t, "disabled", w.call("Encrypt", `{"KeyId":"`+key+`","Plaintext":"eA==","DryRun":true}`), http.StatusBadRequest, "DisabledException")
	for _, r := range w.records {
		if r.ErrorCode == "" || r.Identity.UserName != "alice" {
			t.Errorf("%+v", r)
		}
	}
	if len(w.records) != 6 {
		t.Errorf("%d records", len(w.records))
	}
}

// TestAuditFails: no answer without a record, whatever the answer would have been.
func TestAuditFails(t *testing.T) {
	for name, call := range map[string]func(w *world, key string) *httptest.ResponseRecorder{
		"read":      func(w *world, key string) *httptest.ResponseRecorder { return w.call("Encrypt", encryptBody(key)) },
		"change":    func(w *world, _ string) *httptest.ResponseRecorder { return w.call("CreateKey", "{}") },
		"invalid":   func(w *world, _ string) *httptest.ResponseRecorder { return w.call("Encrypt", "{}") },
		"not found": func(w *world, _ string) *httptest.ResponseRecorder { return w.call("DescribeKey", `{"KeyId":"x"}`) },
		"unauthenticated": func(w *world, key string) *httptest.ResponseRecorder {
			return w.serve(jsonRequest("Encrypt", encryptBody(key)))
		},
	} {
		w := newWorld(t)
		key := w.key()
		w.auditErr = func(string) error { return errBroken }
		wantRetry(t, name, call(w, key), "DependencyTimeoutException")
		if n := w.store.View().Counts().Keys; n != 1 {
			t.Errorf("%s: %d keys", name, n)
		}
	}
	w := newWorld(t)
	w.auditErr = func(string) error { return errBroken }
	out := w.serve(w.sign(formRequest(whoAmI), "sts", home))
	wantError(t, "Query", out, http.StatusServiceUnavailable, "ServiceUnavailable")
}

// TestIntent: the intent of a change is recorded before the change is made, and without the one there is not the other.
func TestIntent(t *testing.T) {
	w := newWorld(t)
	var seen []string
	w.proposing = func() error {
		for _, r := range w.records {
			seen = append(seen, r.Phase)
		}
		return nil
	}
	if out := w.call("CreateKey", `{"Description":"d"}`); out.Code != http.StatusOK {
		t.Fatal(out.Body)
	}
	if fmt.Sprint(seen) != "[intent]" {
		t.Errorf("records before the change: %v", seen)
	}
	if len(w.records) != 2 || w.records[0].Phase != audit.Intent || w.records[1].Phase != audit.Outcome ||
		w.records[0].RequestID != w.records[1].RequestID || len(w.records[1].Resources) != 1 || w.records[1].ErrorCode != "" {
		t.Errorf("%+v", w.records)
	}

	w.records = nil
	w.auditErr = func(phase string) error {
		if phase == audit.Intent {
			return errBroken
		}
		return nil
	}
	w.proposing = func() error { t.Error("a change without an intent"); return nil }
	wantRetry(t, "intent", w.call("CreateKey", "{}"), "DependencyTimeoutException")
	if len(w.records) != 1 || w.records[0].ErrorCode != "DependencyTimeoutException" {
		t.Errorf("%+v", w.records)
	}

	// The change is made, its outcome cannot be recorded: the client must not hear of success.
	w.records, w.proposing = nil, nil
	w.auditErr = func(phase string) error {
		if phase == audit.Outcome {
			return errBroken
		}
		return nil
	}
	wantRetry(t, "outcome", w.call("CreateKey", "{}"), "DependencyTimeoutException")
	if len(w.records) != 1 || w.records[0].Phase != audit.Intent {
		t.Errorf("%+v", w.records)
	}
}

// TestDeniedChange has no intent: nothing was going to be done.
func TestDeniedChange(t *testing.T) {
	w := newWorld(t)
	w.call("DisableKey", `{"KeyId":"12345678-1234-1234-1234-123456789012"}`)
	if len(w.records) != 1 || w.records[0].Phase != "" || w.records[0].ErrorCode != "NotFoundException" {
		t.Errorf("%+v", w.records)
	}
}

// TestLeaseLost during a call: whatever rests on the state that was read is not answered, be it an output or a refusal.
// A change that the cluster has made is.
func TestLeaseLost(t *testing.T) {
	w := newWorld(t)
	key := w.key()
	w.checkErr = fmt.Errorf("%w: lease is over", ErrUnavailable)
	for name, out := range map[string]*httptest.ResponseRecorder{
		"output":         w.call("Encrypt", encryptBody(key)),
		"invalid":        w.call("Encrypt", "{}"),
		"not found":      w.call("DescribeKey", `{"KeyId":"12345678-1234-1234-1234-123456789012"}`),
		"refused change": w.call("CancelKeyDeletion", `{"KeyId":"`+key+`"}`),
		"unknown key":    w.serve(w.signAs(jsonRequest("ListKeys", "{}"), "kms", home, unknownCredentials)),
	} {
		wantRetry(t, name, out, "DependencyTimeoutException")
	}
	if out := w.call("CreateKey", "{}"); out.Code != http.StatusOK {
		t.Errorf("a change that was made: %d %s", out.Code, out.Body)
	}
	w.proposed = func() error { return fmt.Errorf("%w: leader is gone", ErrUnknownOutcome) }
	wantRetry(t, "unknown outcome", w.call("CreateKey", "{}"), "KMSInternalException")
	w.readErr = ErrUnavailable
	wantRetry(t, "no lease", w.call("Encrypt", encryptBody(key)), "DependencyTimeoutException")
	w.readErr = context.DeadlineExceeded
	wantRetry(t, "no lease in time", w.call("Encrypt", encryptBody(key)), "DependencyTimeoutException")
}

// TestPanic in each step of a handler is an internal error, without what was thrown in the answer, log or record.
func TestPanic(t *testing.T) {
	for name, broken := range map[string]*handler{
		"decide": {decide: func(*access.Call, codec.Input) (*access.Grant, error) { panic("top-secret") }},
		"run": {
			decide: func(c *access.Call, _ codec.Input) (*access.Grant, error) { return access.Decide(c, nil) },
			run:    func(context.Context, *access.Grant, codec.Input) (any, error) { panic(errors.New("top-secret")) },
		},
		"change": {
			changes: true,
			decide:  func(c *access.Call, _ codec.Input) (*access.Grant, error) { return access.Decide(c, nil) },
			run: func(context.Context, *access.Grant, codec.Input) (any, error) {
				panic(struct{ secret []byte }{[]byte("top-secret")})
			},
		},
	} {
		w := newWorld(t)
		key := w.key()
		w.services[0].built["Encrypt"] = broken
		out := w.call("Encrypt", encryptBody(key))
		wantRetry(t, name, out, "KMSInternalException")
		if len(w.records) == 0 || w.records[len(w.records)-1].ErrorCode != "KMSInternalException" {
			t.Errorf("%s: %+v", name, w.records)
		}
		for what, text := range map[string]string{"answer": out.Body.String(), "log": w.logged.String(), "records": fmt.Sprintf("%+v", w.records)} {
			if strings.Contains(text, "top-secret") || strings.Contains(text, plaintext) || strings.Contains(text, "not-to-be-seen") {
				t.Errorf("%s: the %s tells: %s", name, what, text)
			}
		}
		if !strings.Contains(w.logged.String(), "handler panicked") || !strings.Contains(w.logged.String(), requestID(out)) {
			t.Errorf("%s: logged %s", name, w.logged.String())
		}
	}
}

// TestInternalErrors: what the device or the state says reaches the log, not the client.
func TestInternalErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("%w: worker 7 is gone", hsm.ErrUnavailable), "DependencyTimeoutException"},
		{fmt.Errorf("%w: secret detail", hsm.ErrToken), "KMSInternalException"},
		{fmt.Errorf("%w: secret detail", hsm.ErrUnsupported), "KMSInternalException"},
		{fmt.Errorf("%w: secret detail", hsm.ErrMessage), "KMSInternalException"},
		{&state.Refusal{Code: state.CodeInvalid, Detail: "secret detail"}, "KMSInternalException"},
		{errors.New("secret detail"), "KMSInternalException"},
	} {
		w := newWorld(t)
		w.services[0].built["Encrypt"] = &handler{
			decide: func(c *access.Call, _ codec.Input) (*access.Grant, error) { return access.Decide(c, nil) },
			run:    func(context.Context, *access.Grant, codec.Input) (any, error) { return nil, test.err },
		}
		out := w.call("Encrypt", encryptBody("k"))
		wantRetry(t, test.err.Error(), out, test.want)
		if strings.Contains(out.Body.String(), "detail") || strings.Contains(out.Body.String(), "worker") {
			t.Errorf("%v: %s", test.err, out.Body)
		}
		if !strings.Contains(w.logged.String(), "detail") && !strings.Contains(w.logged.String(), "worker") {
			t.Errorf("%v: logged %s", test.err, w.logged.String())
		}
	}
}
