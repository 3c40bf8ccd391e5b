package cluster

import (
	"context"
	"errors"
)

// closeSnapshot is how many applied entries are worth a snapshot at Close. Fewer are replayed faster than a snapshot of
// a large state is written.
const closeSnapshot = 256

// Close stops the node: it refuses new proposals, waits for those under way, leaves a snapshot if there is much to replay,
// and closes the folder. When ctx ends first, Close gives up waiting and snapshotting; the folder is closed all the
// same, and nothing acknowledged is lost. Further calls do nothing.
func (n *Node) Close(ctx context.Context) error {
	if !n.beginClose() {
		return nil
	}
	err := n.settle(ctx)
	n.halt(errClosed)
	err = errors.Join(err, n.raft.Shutdown().Error())
	n.running.Wait()
	return errors.Join(err, n.disk.close())
}

func (n *Node) beginClose() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	first := !n.closed
	n.closed, n.closing = true, true
	return first
}

// settle leaves the folder so that the next start is fast. A node that has halted has nothing to settle.
func (n *Node) settle(ctx context.Context) error {
	if n.Err() != nil {
		return nil
	}
	ended := make(chan struct{})
	go func() { n.proposals.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	if n.lease.AppliedIndex() < n.snapshotIndex.Load()+closeSnapshot {
		return nil
	}
	if err := n.lockSnapshots(ctx); err != nil {
		return err
	}
	defer n.unlockSnapshots()
	return n.snapshot(ctx)
}
