package cluster

import (
	"context"
)

// Purge rids the folder of every byte of the entries that are in the log now, and of older snapshots: what they
// deleted is then in no file. It writes a snapshot of the whole state, so call it once for many deletions. A crash at
// any moment loses nothing; the purge has then to be asked for again.
func (n *Node) Purge(ctx context.Context) error {
	n.purge.Lock()
	defer n.purge.Unlock()
	return n.snapshot(ctx)
}
