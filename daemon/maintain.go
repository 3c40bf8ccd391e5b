package daemon

import (
	"context"
	"os"
	"time"
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
	var unpurged time.Time // when the oldest deletion was made that is not purged yet
	for {
		unpurged = n.reap(ctx, unpurged)
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

// reap deletes the keys that are due, and purges the log in time. The first call after a start purges too if keys had
// been deleted before and the log was not purged since: that is not remembered, so it does so after any deletion it finds
// to do, and a clean stop leaves a snapshot without trailing log.
func (n *node) reap(ctx context.Context, unpurged time.Time) time.Time {
	r, err := n.raft.Read(ctx)
	if err != nil {
		return unpurged
	}
	deleted, err := n.kms.Reap(ctx, r.View())
	if err != nil && ctx.Err() == nil {
		n.log.Error("deletion of keys did not finish", "error", err)
	}
	if len(deleted) > 0 {
		n.meters.deleted.Add(float64(len(deleted)))
		n.log.Info("keys deleted", "keys", deleted)
		if unpurged.IsZero() {
			unpurged = time.Now()
		}
	}
	if unpurged.IsZero() || time.Since(unpurged) < purgeWithin-2*reapEvery {
		return unpurged
	}
	if err := n.raft.Purge(ctx); err != nil {
		n.log.Error("deleted keys could not be purged from the log", "error", err)
		return unpurged
	}
	return time.Time{}
}
