package cluster

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

func TestRaftLog(t *testing.T) {
	var out bytes.Buffer
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	base := newRaftLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: noTime})))
	l := base.With("id", 1)
	l.Error("broken", "error", "e")
	l.Warn("starting", "servers", hclog.Fmt("%d+%d", 1, 2))
	l.Named("sub").Info("detail", "odd")
	l.Trace("noise")
	base.StandardLogger(nil).Print("line")
	want := `level=ERROR msg="raft: broken" id=1 error=e
level=INFO msg="raft: starting" id=1 servers=1+2
level=DEBUG msg="raft.sub: detail" id=1 value=odd
level=DEBUG msg="raft: noise" id=1
level=DEBUG msg="raft: line\n"
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
