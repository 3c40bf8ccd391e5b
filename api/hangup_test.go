package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"ostiary.dev/access"
	"ostiary.dev/api/codec"
	"ostiary.dev/audit"
	"ostiary.dev/hsm"
)

// TestHangUp: a client that goes away in the middle of a change neither stops it nor has it recorded as failed.
func TestHangUp(t *testing.T) {
	w := newWorld(t)
	in, err := received(raw(t, w.sign(jsonRequest("CreateKey", "{}"), "kms", home)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, hangUp := context.WithCancel(t.Context())
	create := *w.services[0].built["CreateKey"]
	run := create.run
	create.run = func(ctx context.Context, g *access.Grant, in codec.Input) (any, error) {
		hangUp()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return run(ctx, g, in)
	}
	w.services[0].built["CreateKey"] = &create
	out := httptest.NewRecorder()
	w.ServeHTTP(out, in.WithContext(ctx))
	if out.Code != http.StatusOK || w.store.View().Counts().Keys != 1 {
		t.Errorf("%d %s, %d keys", out.Code, out.Body, w.store.View().Counts().Keys)
	}
	if len(w.records) != 2 || w.records[1].Phase != audit.Outcome || w.records[1].ErrorCode != "" || len(w.records[1].Resources) != 1 {
		t.Errorf("%+v", w.records)
	}
}

// TestUnknownOutcome is recorded as such, and is not answered as a change that was certainly not made, even where time ran
// out or the device was the reason.
func TestUnknownOutcome(t *testing.T) {
	for _, cause := range []error{context.DeadlineExceeded, context.Canceled, hsm.ErrUnavailable} {
		w := newWorld(t)
		w.proposing = func() error { return fmt.Errorf("%w: %w", ErrUnknownOutcome, cause) }
		wantRetry(t, cause.Error(), w.call("CreateKey", "{}"), "KMSInternalException")
		if len(w.records) != 2 || len(w.records[1].Detail) != 1 || w.records[1].Detail[0] != (audit.Detail{Name: "outcome", Value: "unknown"}) {
			t.Errorf("%v: %+v", cause, w.records)
		}
	}
}
