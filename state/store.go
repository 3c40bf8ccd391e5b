package state

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Entry is a log entry: an encoded command and its place in the log.
type Entry struct {
	Index uint64
	Data  []byte
}

// Result is the outcome of one entry. Err is nil, a *Refusal or a *Corrupt.
type Result struct {
	Index uint64
	Err   error
}

// Store applies the log and publishes what comes of it. One goroutine at a time may apply or restore; a second one
// waits. Any number may call View.
type Store struct {
	view atomic.Pointer[View]

	mu   sync.Mutex
	work tables   // guarded by mu: the writer's own copy, never seen by readers
	pool interner // guarded by mu
	halt *Corrupt // guarded by mu: why nothing can be applied any more
}

// New gives an empty store at index 0.
func New() *Store {
	s := &Store{work: newTables(), pool: newInterner()}
	s.publish()
	return s
}

// View gives the latest state. It is never nil.
func (s *Store) View() *View { return s.view.Load() }

// Snapshot gives the latest state, for saving. If keys were deleted since it was last called, it first lets go of what
// the process still holds of them in memory, so that their tokens are gone from there when they are gone from the log.
// That takes some tens of ms for 100,000 keys, during which nothing is applied.
func (s *Store) Snapshot() *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.work.deleted {
		s.work.purge()
		s.publish()
	}
	return s.View()
}

// publish is called with mu held.
func (s *Store) publish() { s.view.Store(&View{s.work.copy()}) }

// Apply applies one entry and publishes the view after it.
func (s *Store) Apply(index uint64, data []byte) Result {
	return s.ApplyBatch([]Entry{{index, data}})[0]
}

// ApplyBatch applies entries in order and publishes one view after the last. Indexes must increase, though they may
// leave gaps. Once a result is a *Corrupt so are all that follow, in this batch and later ones, until a Restore.
func (s *Store) ApplyBatch(entries []Entry) []Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	results := make([]Result, len(entries))
	for i, e := range entries {
		results[i] = Result{Index: e.Index, Err: s.apply(e)}
	}
	s.publish()
	return results
}

func (s *Store) apply(e Entry) error {
	if s.halt != nil {
		return &Corrupt{Index: e.Index, Err: fmt.Errorf("an earlier entry could not be applied: %w", s.halt)}
	}
	c, err := s.accept(e)
	if err != nil {
		s.halt = &Corrupt{Index: e.Index, Err: err}
		return s.halt
	}
	s.work.index = e.Index
	if r := s.run(c); r != nil {
		return r
	}
	return nil
}

// accept decodes an entry that follows the last one.
func (s *Store) accept(e Entry) (Command, error) {
	if e.Index <= s.work.index {
		return nil, errors.New("entry was applied before")
	}
	return decode(e.Data)
}

func (s *Store) run(c Command) *Refusal {
	if r := c.check(); r != nil {
		return r
	}
	if _, begins := c.(Bootstrap); !begins && s.work.cluster == nil {
		return &Refusal{Code: CodeNotBootstrapped}
	}
	return c.apply(&writer{&s.work, s.pool})
}
