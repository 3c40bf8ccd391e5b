package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// closeSnapshot is how many applied entries are worth a snapshot at Close. Fewer are replayed faster than a snapshot of
// a large state is written.
const closeSnapshot = 256

// Close stops the node: it refuses new proposals, waits for those under way, leaves a snapshot if there is much to replay,
// and closes the folder. When ctx ends first, Close gives up waiting and snapshotting; the folder is closed all the
// same, and nothing acknowledged is lost.
func (n *Node) Close(ctx context.Context) error {
	n.mu.Lock()
	n.closing = true
	n.mu.Unlock()
	err := n.await(ctx, n.proposals.Wait)
	if err == nil && n.Err() == nil && n.lease.AppliedIndex() >= n.snapshotIndex.Load()+closeSnapshot {
		err = n.snapshot(ctx)
	}
	n.halt(errClosed)
	close(n.stop)
	n.running.Wait()
	if shutdown := n.raft.Shutdown().Error(); shutdown != nil {
		err = errors.Join(err, shutdown)
	}
	return errors.Join(err, n.disk.close())
}

// await runs wait beside ctx.
func (n *Node) await(ctx context.Context, wait func()) error {
	ended := make(chan struct{})
	go func() { wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// snapshot writes the state out and drops the log before it.
func (n *Node) snapshot(ctx context.Context) error {
	f := n.raft.Snapshot()
	var err error
	if waiting := n.await(ctx, func() { err = f.Error() }); waiting != nil {
		return waiting
	}
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take a snapshot: %w", err)
	}
	return nil
}
