package cluster

import (
	"context"
	"fmt"

	"ostiary.dev/cluster/lease"
	"ostiary.dev/state"
)

// Reading is the right of one call to the state, under a lease. It is a small value; copy it freely.
type Reading struct {
	ticket lease.Ticket
	view   *state.View
}

// Read gives the state that a call which has arrived may be decided on: it includes every command that was acknowledged
// before Read was called. It does not wait; without a valid lease, or when ctx is done, the error is [ErrUnavailable]. The caller
// must call [Reading.Check] before any output leaves. It costs some nanoseconds and allocates nothing.
func (n *Node) Read(ctx context.Context) (Reading, error) {
	if err := ctx.Err(); err != nil {
		return Reading{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	ticket, err := n.lease.Acquire()
	if err != nil {
		return Reading{}, n.unavailable(err)
	}
	return Reading{ticket: ticket, view: n.store.View()}, nil
}

// View is the state. It never changes; keep it no longer than the call.
func (r Reading) View() *state.View { return r.view }

// Check fails, with [ErrUnavailable], if the lease under which the state was read has been lost since.
func (r Reading) Check() error {
	if err := r.ticket.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}
