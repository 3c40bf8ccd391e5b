package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"ostiary.dev/audit"
)

// stuck is an audit log on a disk that hangs: it returns when the caller stops waiting.
type stuck struct{}

func (stuck) Write(ctx context.Context, _ *audit.Record) error {
	<-ctx.Done()
	return ctx.Err()
}

func (s stuck) Unauthenticated(ctx context.Context, r *audit.Record) error { return s.Write(ctx, r) }

// TestAuditHangs: a call waits for its record for a bounded time, makes no change without one, and is answered an error
// that may be retried.
func TestAuditHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		key := w.key()
		w.audit = stuck{}
		wantRetry(t, "Encrypt", w.call("Encrypt", encryptBody(key)), "DependencyTimeoutException")
		wantRetry(t, "CreateKey", w.call("CreateKey", "{}"), "DependencyTimeoutException")
		wantRetry(t, "unsigned", w.serve(jsonRequest("Encrypt", encryptBody(key))), "DependencyTimeoutException")
		if n := w.store.View().Counts().Keys; n != 1 {
			t.Errorf("%d keys", n)
		}
	})
}

// broken is an audit log with a bug.
type broken struct{}

func (broken) Write(context.Context, *audit.Record) error           { panic("top-secret") }
func (broken) Unauthenticated(context.Context, *audit.Record) error { panic("top-secret") }

// TestPanicOutside: a bug outside the pipeline ends the connection without an answer, and what was thrown is not printed.
func TestPanicOutside(t *testing.T) {
	w := newWorld(t)
	key := w.key()
	w.audit = broken{}
	var out *httptest.ResponseRecorder
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("thrown: %v", p)
			}
		}()
		out = w.call("Encrypt", encryptBody(key))
	}()
	if out != nil || strings.Contains(w.logged.String(), "top-secret") || !strings.Contains(w.logged.String(), "could not be answered") {
		t.Errorf("answer %v, log %s", out, w.logged)
	}
}
