package api

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"ostiary.dev/access"
	"ostiary.dev/api/codec"
	"ostiary.dev/state"
)

// answer is the request path. Each step may only use what the steps before it have established; whatever fails
// becomes the answer.
func (s *Server) answer(ctx context.Context, x *exchange) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, &panicError{value: fmt.Sprintf("%T", p), stack: debug.Stack()}
		}
	}()
	if err := s.services.frame(x); err != nil {
		return nil, err
	}
	reading, err := s.guard.Read(ctx)
	if err != nil {
		return nil, err
	}
	out, err = s.serve(ctx, reading.View(), x)
	if x.changed(err) {
		return out, err
	}
	if stale := reading.Check(); stale != nil {
		return nil, stale
	}
	return out, err
}

// changed says that the cluster has made the change that was asked for, or may have. Such an answer is true whatever
// became of the lease; every other, a refusal not less than an output, rests on the state that was read under it.
func (x *exchange) changed(err error) bool {
	return x.intended && (err == nil || errors.Is(err, ErrUnknownOutcome))
}

// serve is the part of the request path that reads the state.
func (s *Server) serve(ctx context.Context, v *state.View, x *exchange) (out any, err error) {
	if x.call, err = s.auth.authenticate(v, x); err != nil {
		return nil, err
	}
	if x.handler == nil {
		return nil, unsupported(x)
	}
	if err := x.decode(); err != nil {
		return nil, err
	}
	if x.grant, err = x.handler.decide(x.call, x.in); err != nil {
		return nil, err
	}
	if x.handler.changes {
		if err := s.intent(ctx, x); err != nil {
			return nil, err
		}
		x.intended = true
		// A client that hangs up must not leave a change made and recorded as failed. What a change waits for has limits of its own.
		ctx = context.WithoutCancel(ctx)
	}
	out, err = x.handler.run(ctx, x.grant, x.in)
	x.uncertain = errors.Is(err, ErrUnknownOutcome)
	return out, err
}

// decode reads the body as the operation's input and checks it against the model's constraints.
func (x *exchange) decode() error {
	in := x.operation.NewInput()
	if e := x.read(in); e != nil {
		return e
	}
	x.in = in
	var v codec.Validator
	in.Validate(&v)
	if e := v.Err(x.protocol); e != nil {
		return e
	}
	return nil
}

// read decodes the body in the request's protocol.
func (x *exchange) read(in codec.Input) *codec.Error {
	if x.protocol == codec.Query {
		return x.form.Decode(in.(codec.QueryInput))
	}
	r := readers.Get().(*codec.JSON)
	defer readers.Put(r)
	return r.Decode(*x.body, in.(codec.JSONInput))
}

var readers = sync.Pool{New: func() any { return new(codec.JSON) }}

// panicError is a bug in a handler. It says what kind of value was thrown, never the value, which may hold a secret.
type panicError struct {
	value string
	stack []byte
}

func (p *panicError) Error() string { return "panic: " + p.value }

func unsupported(x *exchange) error {
	return &access.Error{Code: "UnsupportedOperationException", Message: "The operation " + x.operation.Name + " is not supported by this service."}
}
