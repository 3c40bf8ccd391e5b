package audit

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

func (f *Flood) complete() error {
	if f.Window < 0 || f.PerSource < 0 || f.Total < 0 {
		return fmt.Errorf("audit: negative flood limit %+v", *f)
	}
	if f.Window == 0 {
		f.Window = time.Minute
	}
	if f.PerSource == 0 {
		f.PerSource = 20
	}
	if f.Total == 0 {
		f.Total = 100
	}
	return nil
}

// Unauthenticated is [Log.Write] for a call that nobody vouches for. The first such calls of a window (see [Flood]) are
// written singly; the rest is counted, and Unauthenticated returns at once. At the end of the window, and at Close, one
// record named UnauthenticatedSummary says how many were counted, by error code and by source. What was counted in the
// current window does not survive kill -9.
func (l *Log) Unauthenticated(ctx context.Context, r *Record) error {
	single, err := l.flood.admit(r, l.now())
	switch {
	case err != nil:
		return fmt.Errorf("audit: %w", err)
	case single:
		return l.Write(ctx, r)
	}
	return nil
}

// summarise writes a summary, if there is one. If that fails, what it says goes into the next one.
func (l *Log) summarise(t *tally) error {
	if t == nil {
		return nil
	}
	e := l.event("UnauthenticatedSummary", t.appendJSON)
	err := l.submit(nil, e)
	if err != nil {
		l.flood.restore(t)
	}
	return err
}

// flood decides which unauthenticated calls are written and counts the others. Its memory is bounded: single has one
// source per record written, tally is bounded by itself.
type flood struct {
	limits Flood
	opened chan struct{} // tells run that a window began

	mu     sync.Mutex
	open   bool                 // a window is running
	single map[netip.Prefix]int // records written in this window, by source
	total  int                  // sum of single
	tally  *tally               // what was counted in this window, nil if nothing
	start  time.Time            // of this window
	sum    uint64               // calls counted since ever
	closed bool
}

func newFlood(limits Flood) *flood {
	return &flood{limits: limits, opened: make(chan struct{}, 1), single: make(map[netip.Prefix]int)}
}

// admit says whether r is to be written; otherwise it has been counted.
func (f *flood) admit(r *Record, now time.Time) (single bool, err error) {
	source := sourceOf(r.SourceIP)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false, ErrClosed
	}
	if !f.open {
		f.open, f.start = true, now
		poke(f.opened)
	}
	if f.total < f.limits.Total && f.single[source] < f.limits.PerSource {
		f.single[source]++
		f.total++
		return true, nil
	}
	if f.tally == nil {
		f.tally = newTally(f.start)
	}
	f.tally.add(source, r.ErrorCode)
	f.sum++
	return false, nil
}

// end ends the window and returns what was counted in it, nil if nothing.
func (f *flood) end() *tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tally
	f.open, f.total, f.tally = false, 0, nil
	clear(f.single)
	return t
}

// finish is end for the last time.
func (f *flood) finish() *tally {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	return f.end()
}

// restore puts back what end returned.
func (f *flood) restore(t *tally) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tally != nil {
		t.merge(f.tally)
	}
	f.tally = t
}

func (f *flood) counted() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sum
}

// sourceOf gives what counts as one source: an IPv4 address, the /64 of an IPv6 address, or the zero Prefix for all that is
// no address.
func sourceOf(ip string) netip.Prefix {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(addr, bits).Masked()
}
