package cluster

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"ostiary.dev/state"
)

func config(t *testing.T, dir string) Config {
	t.Helper()
	return Config{
		Dir: dir, NodeID: "n1", Store: state.New(), Bootstrap: true, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func TestSmoke(t *testing.T) {
	dir := t.TempDir() + "/d"
	for i := range 3 {
		t0 := time.Now()
		n, err := Open(config(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		<-n.Ready()
		t.Log(i, "ready after", time.Since(t0))
		r, err := n.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Log(r.View().Index(), n.Stats())
		res, err := n.Propose(t.Context(), state.Bootstrap{})
		t.Log(res, err)
		t0 = time.Now()
		if err := n.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Log("closed in", time.Since(t0))
	}
}
