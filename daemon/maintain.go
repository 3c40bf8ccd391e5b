package daemon

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"ostiary.dev/audit"
	"ostiary.dev/durable"
	"ostiary.dev/kms"
)

// routine is how often, how soon and for how long a node does what is not a call. The zero value stands for the usual one.
type routine struct {
	// every is the time between two looks for what is due.
	every time.Duration
	// purgeWithin is how soon after a deletion the log and its snapshots hold nothing of the key. Deletions of that
	// time share one purge. It is more than twice every.
	purgeWithin time.Duration
	// shutdown is how long calls on their way may take to finish once the node is asked to stop, and its parts to end
	// after them.
	shutdown time.Duration
}

// usual is the routine of every node but those of tests.
func usual() routine {
	return routine{every: 10 * time.Second, purgeWithin: time.Minute, shutdown: 10 * time.Second}
}

// maintain does what is due now and then: deletes keys, purges the log of them, renews the certificate, paces the
// garbage collector. What fails is logged and tried again.
func (n *node) maintain(ctx context.Context) error {
	ticker := time.NewTicker(n.routine.every)
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
		deleted, err := n.kms.Reap(ctx, r.View(), func(d kms.Deletion) error { return n.recordDeletion(ctx, d) })
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
		if ctx.Err() == nil {
			n.log.Error("deleted keys could not be purged from the log", "error", err)
		}
		return
	}
	if err := n.purge.done(); err != nil {
		n.log.Error("the purge could not be marked as done; it will be repeated", "error", err)
	}
}

// recordDeletion writes the audit records of a deletion that nobody calls for, as CloudTrail has them (AWS KMS developer
// guide, "DeleteKey").
func (n *node) recordDeletion(ctx context.Context, d kms.Deletion) error {
	phase := audit.Intent
	if d.Done {
		phase = audit.Outcome
	}
	details, err := json.Marshal(map[string]string{"keyId": d.ARN})
	if err != nil {
		return err
	}
	return n.audit.Write(ctx, &audit.Record{
		Time:             n.now(),
		Phase:            phase,
		EventSource:      "kms.amazonaws.com",
		EventName:        "DeleteKey",
		Region:           d.Ref.Region,
		Identity:         audit.Identity{Type: audit.AWSService, Account: d.Ref.Account},
		Resources:        []audit.Resource{{Account: d.Ref.Account, Type: "AWS::KMS::Key", ARN: d.ARN}},
		RecipientAccount: d.Ref.Account,
		Event:            details,
	})
}

// purge remembers, in a file that outlives a crash, that keys were deleted whose bytes are still in the log.
type purge struct {
	path string
	wait time.Duration // from the first deletion on, so that later ones share the purge
	owed bool
	from time.Time // when it is to be made, if it is owed
}

// newPurge finds out whether one was planned before the start. That one is due at once, since nobody knows how long ago
// the deletion was.
func newPurge(path string, r routine) *purge {
	_, err := os.Lstat(path)
	return &purge{path: path, wait: r.purgeWithin - 2*r.every, owed: err == nil}
}

// plan must come before the first deletion that is to be purged.
func (p *purge) plan() error {
	if p.owed {
		return nil
	}
	if err := durable.WriteFile(p.path, nil, 0o600); err != nil {
		return err
	}
	p.owed, p.from = true, time.Now().Add(p.wait)
	return nil
}

// due says that it is time.
func (p *purge) due(now time.Time) bool { return p.owed && !now.Before(p.from) }

func (p *purge) done() error {
	p.owed = false
	return os.Remove(p.path)
}
