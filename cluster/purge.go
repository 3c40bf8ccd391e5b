package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Purge rids the folder of every byte of the entries that are in the log when it is called, and of older snapshots: what
// those entries deleted is then in no file. It writes a snapshot of the whole state, so call it once for many deletions.
// A crash at any moment loses nothing acknowledged; the purge has then to be asked for again. On a node that does not lead it
// waits, until ctx ends, for an entry that follows those in the log.
//
// Gone means from the files: a disk may keep blocks that no file refers to any more.
func (n *Node) Purge(ctx context.Context) error {
	if err := n.lockSnapshots(ctx); err != nil {
		return err
	}
	defer n.unlockSnapshots()
	if err := n.disk.log.Roll(); err != nil {
		return fmt.Errorf("%w: begin a new log segment: %w", ErrUnavailable, err)
	}
	last, err := n.disk.log.LastIndex()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	restore, err := n.keepNoLog()
	if err != nil {
		return err
	}
	return errors.Join(n.purgeUpTo(ctx, last), restore())
}

const purgePoll = 20 * time.Millisecond

// purgeUpTo takes snapshots until one covers the entry last; with a leader the first one does.
func (n *Node) purgeUpTo(ctx context.Context, last uint64) error {
	for {
		if n.raft.State() == raft.Leader { // puts an entry behind last, and waits until the state machine has met it
			if err := n.await(ctx, n.raft.Barrier(barrierTimeout)); err != nil {
				return fmt.Errorf("%w: %w", ErrUnavailable, err)
			}
		}
		if err := n.snapshot(ctx); err != nil {
			return err
		}
		if n.disk.log.Oldest() > last {
			return nil
		}
		select {
		case <-time.After(purgePoll):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		case <-n.done:
			return n.unavailable(nil)
		}
	}
}

// keepNoLog makes snapshots drop all of the log before them, until the function that it gives is called.
func (n *Node) keepNoLog() (restore func() error, err error) {
	rc := n.raft.ReloadableConfig()
	before := rc.TrailingLogs
	rc.TrailingLogs = 0
	return func() error {
		rc.TrailingLogs = before
		return n.raft.ReloadConfig(rc)
	}, n.raft.ReloadConfig(rc)
}

// snapshot writes the state out and drops the log before it. Call it with the snapshots locked.
func (n *Node) snapshot(ctx context.Context) error {
	err := n.await(ctx, n.raft.Snapshot())
	if err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return fmt.Errorf("%w: take a snapshot: %w", ErrUnavailable, err)
	}
	return nil
}

// lockSnapshots lets one Purge or Close at a time ask for snapshots.
func (n *Node) lockSnapshots(ctx context.Context) error {
	select {
	case n.snapshots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	case <-n.done:
		return n.unavailable(nil)
	}
}

func (n *Node) unlockSnapshots() { <-n.snapshots }

// await gives the outcome of a future, unless ctx or the node ends first.
func (n *Node) await(ctx context.Context, f raft.Future) error {
	select {
	case err := <-outcome(f):
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-n.done:
		return n.Err()
	}
}

// wait gives the outcome of a future, unless the node ends first.
func (n *Node) wait(f raft.Future) error {
	select {
	case err := <-outcome(f):
		return err
	case <-n.done:
		return n.Err()
	}
}

// outcome makes a future's answer something to select on. Raft leaves some futures without an answer when it is shut
// down; nobody waits for those.
func outcome(f raft.Future) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- f.Error() }()
	return answer
}
