// Package lease decides whether this node may answer from its own state.
//
// A node may do so while it holds a lease: a promise by the leader, good for a time, that no change is acknowledged to
// anyone before this node has applied it or the lease is over. A grant names the term in which it was made and a fence, the
// highest log index that was acknowledged, or about to be, when it was made: the lease can be used once the node has
// applied the fence. From then on whatever was acknowledged before a call arrived is in the state that the call is decided on.
//
// A call takes a [Ticket], loads the state, works, and checks the ticket again before its output leaves, because any
// amount of time may have passed since. A ticket dies with the lease it was taken under: renewal keeps it, but a
// revocation followed by a new grant does not, since changes may have been acknowledged in between.
//
// The holder's clock must not stop while the machine sleeps (CLOCK_BOOTTIME on Linux) and may drift from the grantor's
// by less than the margin that the grantor adds. A grant without an end ([Forever]) is for the one case that needs no clock: the
// holder is the only voter of its cluster, so that nobody else can acknowledge anything.
package lease

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Forever is the end of a grant that lasts until it is revoked.
const Forever = time.Duration(math.MaxInt64)

// Why there is no valid lease. All are temporary for the cluster, not necessarily for this node.
var (
	ErrNone    = errors.New("no lease is held")
	ErrExpired = errors.New("the lease is over")
	ErrBehind  = errors.New("the state machine has not caught up with the lease's fence")
	ErrChanged = errors.New("the lease under which the call began was lost")
)

// Grant is what the leader promises.
type Grant struct {
	Term  uint64        // the leader's term; a grant of a lower term than one seen before is refused
	Fence uint64        // log index that must be applied before the lease can be used
	Until time.Duration // end, on the holder's clock; [Forever] for none
}

// Holder is the holding side. All methods may be called by any number of goroutines.
type Holder struct {
	clock   func() time.Duration
	applied atomic.Uint64
	current atomic.Pointer[held]

	mu    sync.Mutex
	epoch uint64 // guarded by mu: counts the leases, not the renewals
	term  uint64 // guarded by mu: lowest term still accepted
}

// held is a grant in force. It is immutable.
type held struct {
	Grant
	epoch uint64
}

// NewHolder makes a holder without a lease. The clock is asked only about grants that end.
func NewHolder(clock func() time.Duration) *Holder { return &Holder{clock: clock} }

// Install puts a grant into force, as a renewal if it is of the same term as a lease that is held and not over. It
// reports false, and changes nothing, if the grant's term has been renounced.
func (h *Holder) Install(g Grant) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if g.Term < h.term {
		return false
	}
	h.term = g.Term
	if old := h.current.Load(); old == nil || old.Term != g.Term || h.over(old) {
		h.epoch++
	}
	h.current.Store(&held{Grant: g, epoch: h.epoch})
	return true
}

// Revoke ends the lease, if one is held.
func (h *Holder) Revoke() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current.Store(nil)
}

// Renounce ends a lease of a term lower than the given one and refuses grants of such terms from now on.
func (h *Holder) Renounce(term uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.term = max(h.term, term)
	if old := h.current.Load(); old != nil && old.Term < term {
		h.current.Store(nil)
	}
}

// Applied tells that all entries up to the index are in the state that calls will load. It never goes back.
func (h *Holder) Applied(index uint64) {
	for {
		old := h.applied.Load()
		if index <= old || h.applied.CompareAndSwap(old, index) {
			return
		}
	}
}

// AppliedIndex is the highest index told to Applied.
func (h *Holder) AppliedIndex() uint64 { return h.applied.Load() }

// Ticket is the right of one call to load the state.
type Ticket struct {
	h     *Holder
	epoch uint64
}

// Acquire gives a ticket under the lease held now. It neither blocks nor allocates.
func (h *Holder) Acquire() (Ticket, error) {
	l, err := h.valid()
	if err != nil {
		return Ticket{}, err
	}
	return Ticket{h: h, epoch: l.epoch}, nil
}

// Check reports whether the lease under which the ticket was acquired still holds. The zero Ticket is never valid.
func (t Ticket) Check() error {
	if t.h == nil {
		return ErrNone
	}
	l, err := t.h.valid()
	if err != nil {
		return err
	}
	if l.epoch != t.epoch {
		return ErrChanged
	}
	return nil
}

func (h *Holder) valid() (*held, error) {
	l := h.current.Load()
	switch {
	case l == nil:
		return nil, ErrNone
	case h.over(l):
		return nil, ErrExpired
	case h.applied.Load() < l.Fence:
		return nil, ErrBehind
	}
	return l, nil
}

func (h *Holder) over(l *held) bool { return l.Until != Forever && h.clock() >= l.Until }
