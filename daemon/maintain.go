package daemon

import (
	"context"
	"os"
	"time"

	"ostiary.dev/durable"
)

const (
	// reapEvery is how often the keys whose waiting period is over are looked for.
	reapEvery = 10 * time.Second
	// purgeWithin is how soon after a deletion the log and its snapshots hold nothing of the key. Deletions of that
	// time share one purge.
	purgeWithin = time.Minute
)

// maintain does what is due now and then: deletes keys, purges the log of them, renews the certificate, paces the
// garbage collector. What fails is logged and tried again.
func (n *node) maintain(ctx context.Context) error {
	ticker := time.NewTicker(reapEvery)
	defer ticker.Stop()
	for {
		n.reap(ctx)
		if err := n.certs.renew(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("server certificate could not be renewed", "error", err)
		}
		if os.Getenv("GOGC") == "" {
			paceGC()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// reap deletes the keys that are due, and purges the log of earlier deletions in time.
func (n *node) reap(ctx context.Context) {
	r, err := n.raft.Read(ctx)
	if err != nil {
		return
	}
	if n.kms.AnyDue(r.View()) {
		if err := n.purge.plan(); err != nil {
			n.log.Error("a purge could not be planned; keys that are due stay for now", "error", err)
			return
		}
		deleted, err := n.kms.Reap(ctx, r.View())
		n.meters.deleted.Add(float64(len(deleted)))
		n.log.Info("keys deleted", "keys", deleted)
		if err != nil && ctx.Err() == nil {
			n.log.Error("deletion of keys did not finish", "error", err)
		}
	}
	if !n.purge.due(time.Now()) {
		return
	}
	if err := n.raft.Purge(ctx); err != nil {
		n.log.Error("deleted keys could not be purged from the log", "error", err)
		return
	}
	if err := n.purge.done(); err != nil {
		n.log.Error("the purge could not be marked as done; it will be repeated", "error", err)
	}
}

// purge remembers, in a file that outlives a crash, that keys were deleted whose bytes are still in the log.
type purge struct {
	path  string
	since time.Time // when it was planned; zero if none is
}

// newPurge finds out whether one was planned before the start.
func newPurge(path string) *purge {
	p := &purge{path: path}
	if _, err := os.Lstat(path); err == nil {
		p.since = time.Now()
	}
	return p
}

// plan must come before the first deletion that is to be purged.
func (p *purge) plan() error {
	if !p.since.IsZero() {
		return nil
	}
	if err := durable.WriteFile(p.path, nil, 0o600); err != nil {
		return err
	}
	p.since = time.Now()
	return nil
}

// due says that it is time, so that it is over before purgeWithin.
func (p *purge) due(now time.Time) bool {
	return !p.since.IsZero() && now.Sub(p.since) >= purgeWithin-2*reapEvery
}

func (p *purge) done() error {
	p.since = time.Time{}
	return os.Remove(p.path)
}
