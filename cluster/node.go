package cluster

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"ostiary.dev/cluster/lease"
	"ostiary.dev/state"
)

var (
	errClosed = errors.New("the node is closed")
	errAlone  = errors.New("leases are granted only to a sole voter")
)

// Node is a member of the cluster. All methods may be called by any number of goroutines.
type Node struct {
	cfg    Config
	store  *state.Store
	lease  *lease.Holder
	disk   *storage
	raft   *raft.Raft
	notify chan bool // leadership won and lost, from raft

	running   sync.WaitGroup // run
	proposals sync.WaitGroup // of Propose, by begin and end
	snapshots chan struct{}  // holds one element while a Purge or Close asks for snapshots

	done  chan struct{} // closed when the node halts or is closed
	ready chan struct{} // closed when a lease was held for the first time

	mu      sync.Mutex
	reason  error // guarded by mu: why done is closed
	closing bool  // guarded by mu: no new proposals
	closed  bool  // guarded by mu: Close was called

	snapshotIndex atomic.Uint64
	snapshotAt    atomic.Int64 // Unix nanoseconds, 0 for never
}

// run follows raft's leadership until the node ends.
func (n *Node) run() {
	for {
		select {
		case leader := <-n.notify:
			n.lease.Revoke()
			if leader {
				n.lead()
			}
		case <-n.done:
			return
		}
	}
}

// barrierTimeout bounds how long a new leader waits for its place in raft's queue, not for the log to be applied.
const barrierTimeout = 10 * time.Second

// lead grants the node its own lease once everything that was committed before its term is applied.
func (n *Node) lead() {
	term := n.raft.CurrentTerm()
	if err := n.wait(n.raft.Barrier(barrierTimeout)); err != nil {
		n.cfg.Log.Info("leadership lost before the log was applied", "term", term, "error", err)
		return
	}
	if !soleVoter(n.raft.GetConfiguration().Configuration(), n.cfg.NodeID) {
		n.cfg.Log.Warn("no lease", "reason", errAlone)
		return
	}
	fence := n.lease.AppliedIndex()
	if !n.lease.Install(lease.Grant{Term: term, Fence: fence, Until: lease.Forever}) {
		return
	}
	n.cfg.Log.Debug("leading", "term", term, "index", fence)
	n.becomeReady()
}

func (n *Node) becomeReady() {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.ready:
	default:
		close(n.ready)
	}
}

// membersChanged ends the lease of a node that is no longer alone. It is called for every configuration in the log.
func (n *Node) membersChanged(c raft.Configuration) {
	if !soleVoter(c, n.cfg.NodeID) {
		n.lease.Revoke()
	}
}

func soleVoter(c raft.Configuration, id string) bool {
	return len(c.Servers) == 1 && c.Servers[0].ID == raft.ServerID(id) && c.Servers[0].Suffrage == raft.Voter
}

// Ready is closed once the node has held a lease: it is leader, and its state is caught up.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Done is closed when the node has halted or was closed; Err then says why.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err is nil while the node works.
func (n *Node) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.reason
}

// halt stops the node from answering. The first reason counts.
func (n *Node) halt(reason error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closing = true
	if n.reason != nil {
		return
	}
	n.reason = reason
	n.lease.Renounce(^uint64(0))
	close(n.done)
	if !errors.Is(reason, errClosed) {
		n.cfg.Log.Error("node halted", "reason", reason)
	}
}

// unavailable wraps the reason for which the node does not answer.
func (n *Node) unavailable(cause error) error {
	if err := n.Err(); err != nil {
		cause = err
	}
	if cause == nil {
		return ErrUnavailable
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, cause)
}

// begin announces a proposal, unless the node is closing; each begin needs an end.
func (n *Node) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return false
	}
	n.proposals.Add(1)
	return true
}

func (n *Node) end() { n.proposals.Done() }

// snapshotTaken is called by the storage.
func (n *Node) snapshotTaken(index uint64) {
	n.snapshotIndex.Store(index)
	n.snapshotAt.Store(n.cfg.Now().UnixNano())
}

// Stats are numbers for metrics. They are read one after the other and need not agree.
type Stats struct {
	Leader        bool
	Voters        int
	Term          uint64
	LastIndex     uint64 // of the log
	CommitIndex   uint64
	AppliedIndex  uint64    // in the state that reads see
	SnapshotIndex uint64    // 0 if there is no snapshot
	SnapshotAt    time.Time // zero if none was taken since Open
}

// Stats gives the current numbers.
func (n *Node) Stats() Stats {
	s := Stats{
		Leader:        n.raft.State() == raft.Leader,
		Term:          n.raft.CurrentTerm(),
		LastIndex:     n.raft.LastIndex(),
		CommitIndex:   n.raft.CommitIndex(),
		AppliedIndex:  n.lease.AppliedIndex(),
		SnapshotIndex: n.snapshotIndex.Load(),
	}
	if at := n.snapshotAt.Load(); at != 0 {
		s.SnapshotAt = time.Unix(0, at)
	}
	for _, server := range n.raft.GetConfiguration().Configuration().Servers {
		if server.Suffrage == raft.Voter {
			s.Voters++
		}
	}
	return s
}
