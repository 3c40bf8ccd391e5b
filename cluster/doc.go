// Package cluster keeps the replicated state on this node: it runs the raft log, applies it to the state, and guards
// who may read.
//
// What it promises:
//
//   - A command that [Node.Propose] acknowledged is durable on a majority of the voters, survives kill -9, power loss and a
//     torn last write on each of them, and is in every state read after the acknowledgement ([Node.Read]).
//   - A command whose proposal failed is known to be without effect, unless the error is [ErrUncertain].
//   - State is read only under a lease (package lease), checked before and after.
//   - A folder that is damaged, foreign or too new is never opened and never changed: the error is a [*FolderError]
//     that says what is wrong, where, and what to do. The one damage that is repaired silently is a torn last write, which
//     was never acknowledged.
//   - After [Node.Purge] no file of the folder holds a byte of an entry that was in the log when it was called.
//
// A node whose log cannot be applied or written any more halts: it answers nothing, and [Node.Done] is closed.
//
// Nothing here assumes that the node is alone, with one exception that is checked each time: leases are granted only
// while this node is the cluster's only voter, since there is no protocol for granting them to others yet.
package cluster
