package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ostiary.dev/hsm"
)

// The states of a call. Whoever moves it out of waiting decides: the link delivers, or the caller gives up.
const (
	callWaiting uint32 = iota
	callDone
	callAbandoned
)

// call is one request on its way. The caller owns it again once done has fired; one that gave up leaves it to the link.
type call struct {
	state  atomic.Uint32
	done   chan struct{} // capacity 1, so that delivering never blocks
	op     op
	id     uint64
	sent   time.Time // for the link's watch on the worker
	giveUp time.Time // the caller's own limit

	// The outcome, written before done fires.
	code   code
	text   string
	values [2][]byte
	err    error // set instead when the link failed
}

// callPool recycles calls, whose channels are what makes them worth it.
type callPool struct{ pool sync.Pool }

func (p *callPool) get(o op) *call {
	c, ok := p.pool.Get().(*call)
	if !ok {
		c = &call{done: make(chan struct{}, 1)}
	}
	c.op = o
	return c
}

// put takes back a call that was delivered, or that no link ever had.
func (p *callPool) put(c *call) {
	done := c.done
	*c = call{done: done}
	p.pool.Put(c)
}

// deliver hands over the outcome that set writes, unless the caller has given up.
func (c *call) deliver(a *answer, err error) {
	if !c.state.CompareAndSwap(callWaiting, callDone) {
		return
	}
	if err != nil {
		c.err = err
	} else {
		c.take(a)
	}
	c.done <- struct{}{}
}

// ghost is what stands for an abandoned call until its answer arrives.
func (c *call) ghost() *call {
	g := &call{op: c.op, id: c.id, sent: c.sent, giveUp: c.giveUp}
	g.state.Store(callAbandoned)
	return g
}

// take copies an answer out of the link's buffer: what a caller gets is its own.
func (c *call) take(a *answer) {
	c.code = a.code
	if a.code != codeOK {
		c.text = string(a.values[0])
		return
	}
	for i, v := range a.values {
		if len(v) > 0 {
			c.values[i] = append(make([]byte, 0, len(v)), v...)
		}
	}
}

// wait blocks until the call is delivered or ctx is over. It reports false when the caller gave up, and must then
// forget the call.
func (c *call) wait(ctx context.Context) bool {
	if ctx.Done() == nil {
		<-c.done
		return true
	}
	select {
	case <-c.done:
		return true
	case <-ctx.Done():
	}
	if c.state.CompareAndSwap(callWaiting, callAbandoned) {
		return false
	}
	<-c.done
	return true
}

// Errors of a link. All but errOverload and errGaveUp mean that a new worker might do better.
var (
	errGone     = errors.New("the worker process went away")
	errOverload = fmt.Errorf("%w: too many calls are waiting", hsm.ErrUnavailable)
	errGaveUp   = fmt.Errorf("%w: no answer in time", hsm.ErrUnavailable)
	errClosed   = fmt.Errorf("%w: the client is closed", hsm.ErrUnavailable)
)

// call sends r and waits for its answer. When the worker goes away meanwhile, the call is sent once more to the next one,
// within the same time limit. Every operation may be repeated.
func (c *Client) call(ctx context.Context, r *request) (values [2][]byte, err error) {
	if err := r.check(); err != nil {
		return values, err
	}
	start := time.Now()
	values, err = c.attempt(ctx, r, start.Add(c.cfg.CallTimeout))
	c.calls.Add(1)
	if c.cfg.Observer != nil {
		c.cfg.Observer.Called(r.op.String(), time.Since(start), err)
	}
	return values, err
}

func (c *Client) attempt(ctx context.Context, r *request, giveUp time.Time) (values [2][]byte, err error) {
	for sent := 0; ; {
		l, err := c.await(ctx, giveUp)
		if err != nil {
			return values, err
		}
		k := c.pool.get(r.op)
		k.giveUp = giveUp
		err = l.submit(k, r)
		switch {
		case errors.Is(err, errGone): // it never left; the next worker's first try
			c.pool.put(k)
			continue
		case err != nil:
			c.pool.put(k)
			return values, err
		}
		sent++
		if !k.wait(ctx) {
			return values, ctxError(ctx)
		}
		values, err = k.outcome()
		c.pool.put(k)
		if !errors.Is(err, errGone) {
			return values, err
		}
		if sent == 2 {
			return values, fmt.Errorf("%w: %w twice", hsm.ErrUnavailable, errGone)
		}
		c.retries.Add(1)
	}
}

// outcome gives the result of a delivered call.
func (c *call) outcome() ([2][]byte, error) {
	if c.err != nil {
		return [2][]byte{}, c.err
	}
	return c.values, errorOf(c.code, c.text)
}

// ctxError is how a call reports that its context ended first.
func ctxError(ctx context.Context) error {
	return fmt.Errorf("%w: %w", hsm.ErrUnavailable, context.Cause(ctx))
}
