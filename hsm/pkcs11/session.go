package pkcs11

import (
	"context"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

// noSession marks a place in the pool whose session could not be reopened. PKCS#11 2.40, 2.2: a valid handle is never 0.
const noSession session = 0

// sessions is the pool that operations run on. A PKCS#11 session does one thing at a time, so each is held by one
// goroutine; there are as many as the device is to be used in parallel.
type sessions struct {
	lib  *library
	slot uint
	free chan session
	done chan struct{} // closed when the pool closes
}

func openSessions(lib *library, slot uint, n int) (*sessions, error) {
	p := &sessions{lib: lib, slot: slot, free: make(chan session, n), done: make(chan struct{})}
	for i := range n {
		s, err := lib.openSession(slot, false)
		if err != nil {
			for range n - i {
				p.put(noSession)
			}
			p.close()
			return nil, err
		}
		p.put(s)
	}
	return p, nil
}

// get waits for a session. It gives hsm.ErrUnavailable when ctx ends or the pool closes first.
func (p *sessions) get(ctx context.Context) (session, error) {
	select {
	case <-p.done:
		return noSession, fmt.Errorf("%w: %w", hsm.ErrUnavailable, errClosed)
	default:
	}
	select {
	case s := <-p.free:
		return p.open(s)
	default:
	}
	select {
	case s := <-p.free:
		return p.open(s)
	case <-p.done:
		return noSession, fmt.Errorf("%w: %w", hsm.ErrUnavailable, errClosed)
	case <-ctx.Done():
		return noSession, fmt.Errorf("%w: waiting for a session: %w", hsm.ErrUnavailable, ctx.Err())
	}
}

// open gives s, or a new session where s is a place without one.
func (p *sessions) open(s session) (session, error) {
	if s != noSession {
		return s, nil
	}
	s, err := p.lib.openSession(p.slot, false)
	if err != nil {
		p.free <- noSession
		return noSession, err
	}
	return s, nil
}

// put gives back what get gave.
func (p *sessions) put(s session) { p.free <- s }

// replace swaps s, which is in no state to be used, for a new session. When there is none to be had, its place is given
// back empty and s must not be put.
func (p *sessions) replace(s session) (session, error) {
	_ = p.lib.ctx.CloseSession(s) // it may well be gone
	return p.open(noSession)
}

// close waits for every session in use and closes all.
func (p *sessions) close() {
	close(p.done)
	for range cap(p.free) {
		if s := <-p.free; s != noSession {
			_ = p.lib.ctx.CloseSession(s) // nothing is left to be done about it
		}
	}
}

// openSession opens a session of the slot's token. Session objects can be made in read-only sessions as well (PKCS#11
// 2.40, 4.4), so only what makes token objects needs readWrite.
func (l *library) openSession(slot uint, readWrite bool) (session, error) {
	l.calls.Add(1)
	flags := uint(p11.CKF_SERIAL_SESSION)
	if readWrite {
		flags |= p11.CKF_RW_SESSION
	}
	s, err := l.ctx.OpenSession(slot, flags)
	return s, fromMiekg("C_OpenSession", err)
}
