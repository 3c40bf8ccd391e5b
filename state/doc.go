// Package state is the replicated state of a cluster: what accounts, users, keys and aliases there are.
//
// It promises three things.
//
// Determinism: the state is a function of the log. Commands carry every id, time and random value, so that nodes
// which applied the same entries hold the same records, and [View.WriteTo] gives the same bytes on each of them
// ([View.Hash] compares nodes). There is no clock, no randomness and no I/O in here.
//
// All or nothing: a command first checks everything and then changes, and no change can fail. What the domain does
// not allow is a *[Refusal], which is a result like any other. Only an entry that cannot be decoded is a *[Corrupt]
// error: this node cannot know what the others did with it, so the caller must stop.
//
// Isolation: readers work on a [View], which never changes, takes no lock to read and costs the writer nothing to
// keep. A new one is published after every batch. Everything reached through a View is shared between all readers
// and must not be modified.
package state
