package cluster

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"ostiary.dev/state"
)

// machine puts the state under raft. Raft calls Apply, ApplyBatch, Snapshot and Restore from one goroutine.
type machine struct {
	store   *state.Store
	applied func(index uint64) // told after the view that includes the entry is published
	members func(raft.Configuration)
	corrupt func(error)

	halted atomic.Bool // a corrupt entry was met: nothing after it counts
}

var _ raft.BatchingFSM = (*machine)(nil)

var errHalted = errors.New("the node has halted")

// Apply is part of raft.FSM; raft calls ApplyBatch instead.
func (m *machine) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies commands and returns a state.Result for each. When it returns, the store's view includes all of them.
func (m *machine) ApplyBatch(logs []*raft.Log) []any {
	out := make([]any, len(logs))
	entries := make([]state.Entry, 0, len(logs))
	for _, l := range logs {
		if l.Type == raft.LogCommand {
			entries = append(entries, state.Entry{Index: l.Index, Data: l.Data})
		}
	}
	results := m.apply(entries)
	for i, l := range logs {
		switch l.Type {
		case raft.LogCommand:
			out[i], results = results[0], results[1:]
		case raft.LogConfiguration:
			m.members(raft.DecodeConfiguration(l.Data))
		}
	}
	if !m.halted.Load() && len(logs) > 0 {
		m.applied(logs[len(logs)-1].Index)
	}
	return out
}

func (m *machine) apply(entries []state.Entry) []state.Result {
	if len(entries) == 0 {
		return nil
	}
	results := m.store.ApplyBatch(entries)
	for _, r := range results {
		var c *state.Corrupt
		if errors.As(r.Err, &c) && m.halted.CompareAndSwap(false, true) {
			m.corrupt(c)
		}
	}
	return results
}

// Snapshot grabs a view, from which deleted keys are gone for good; writing it out happens beside further applies.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	if m.halted.Load() {
		return nil, errHalted
	}
	return viewSnapshot{m.store.Snapshot()}, nil
}

// Restore replaces the state.
func (m *machine) Restore(r io.ReadCloser) error {
	if err := m.store.Restore(r); err != nil {
		return errors.Join(err, r.Close())
	}
	if err := r.Close(); err != nil {
		return err
	}
	m.applied(m.store.View().Index())
	return nil
}

type viewSnapshot struct{ view *state.View }

// Persist writes the view out.
func (s viewSnapshot) Persist(sink raft.SnapshotSink) error {
	if _, err := s.view.WriteTo(sink); err != nil {
		return errors.Join(fmt.Errorf("write snapshot: %w", err), sink.Cancel())
	}
	return sink.Close()
}

// Release is part of raft.FSMSnapshot: a view needs no release.
func (viewSnapshot) Release() {}
