package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"ostiary.dev/cluster/wal"
	"ostiary.dev/state"
)

// Propose replicates a command and returns once it is applied on this node, so that every [Node.Read] from then on sees it.
//
// The error is nil; or a *state.Refusal, in which case the command changed nothing; or wraps [ErrNotLeader] or
// [ErrUnavailable], in which case it has not been applied and never will be; or wraps [ErrUncertain]. Any other error is of
// the encoding: nothing was proposed. The result's index is 0 unless the command went through the log.
//
// Commands proposed at the same time share a write to the log. One whose ctx ends while it is under way may still be applied.
func (n *Node) Propose(ctx context.Context, c state.Command) (state.Result, error) {
	start := time.Now()
	data, err := state.Encode(c)
	if err != nil {
		return state.Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, n.cfg.ProposeTimeout)
	defer cancel()
	result, err := n.submit(ctx, data)
	if err != nil {
		return state.Result{}, err
	}
	if n.cfg.Committed != nil {
		n.cfg.Committed(time.Since(start))
	}
	return result, result.Err
}

func (n *Node) submit(ctx context.Context, data []byte) (state.Result, error) {
	if err := ctx.Err(); err != nil {
		return state.Result{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if !n.begin() {
		return state.Result{}, n.unavailable(errClosed)
	}
	type outcome struct {
		result state.Result
		err    error
	}
	done := make(chan outcome, 1)
	deadline, _ := ctx.Deadline()
	go func() { // waited for by Close, through begin and end
		defer n.end()
		f := n.raft.Apply(data, max(time.Until(deadline)/2, time.Millisecond)) // half to be queued, so that the answer arrives
		if err := f.Error(); err != nil {
			done <- outcome{err: proposalError(err)}
			return
		}
		done <- outcome{result: f.Response().(state.Result)}
	}()
	select {
	case o := <-done:
		var c *state.Corrupt
		if errors.As(o.result.Err, &c) {
			return state.Result{}, fmt.Errorf("%w: %w", ErrUncertain, c)
		}
		return o.result, o.err
	case <-ctx.Done():
		return state.Result{}, fmt.Errorf("%w: %w", ErrUncertain, ctx.Err())
	case <-n.done:
		return state.Result{}, fmt.Errorf("%w: %w", ErrUncertain, n.Err())
	}
}

// proposalError sorts raft's errors by what they tell about the command.
func proposalError(err error) error {
	kind := ErrUncertain // lost leadership, a failed write: the entry may be in the log
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		kind = ErrNotLeader
	case errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrAbortedByRestore), wal.Full(err):
		kind = ErrUnavailable
	}
	return fmt.Errorf("%w: %w", kind, err)
}
