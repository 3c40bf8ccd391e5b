package api

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"ostiary.dev/audit"
	"ostiary.dev/kms"
	"ostiary.dev/sealing"
	"ostiary.dev/state"
	"ostiary.dev/sts"
)

// Reading is a look at the replicated state under a lease. View may be used until the call is answered; Check says
// whether the lease still held when the answer was ready.
type Reading interface {
	View() *state.View
	Check() error
}

// Guard is the only way to the state: it gives a Reading if this node can prove that its state is current.
type Guard interface {
	Read(ctx context.Context) (Reading, error)
}

// Auditor takes the record of a call before the call is answered.
type Auditor interface {
	Write(ctx context.Context, r *audit.Record) error
	Unauthenticated(ctx context.Context, r *audit.Record) error
}

// Observer is told of every answered request, for metrics.
type Observer interface {
	Request(service, operation, outcome string, took time.Duration)
}

// Config is what a Server is made of. All fields are required.
type Config struct {
	Guard    Guard
	Box      *sealing.Box // opens the secrets of access keys
	KMS      *kms.Service
	STS      *sts.Service
	Audit    Auditor
	Observer Observer
	Now      func() time.Time
	Rand     io.Reader // for request ids
	Log      *slog.Logger
}

// Server answers requests. It is an http.Handler for a TLS listener.
type Server struct {
	guard    Guard
	auth     *authenticator
	services services
	audit    Auditor
	observer Observer
	now      func() time.Time
	rand     io.Reader
	log      *slog.Logger
}

// New makes a Server.
func New(c Config) *Server {
	return &Server{
		guard:    c.Guard,
		auth:     newAuthenticator(c.Box, c.Now),
		services: newServices(c.KMS, c.STS),
		audit:    c.Audit,
		observer: c.Observer,
		now:      c.Now,
		rand:     c.Rand,
		log:      c.Log,
	}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := s.begin(r)
	defer x.release()
	defer s.hangUp(x)
	out, err := s.answer(r.Context(), x)
	failure := s.wireError(x, err)
	if e := s.record(r.Context(), x, failure, reason(x, err)); e != nil {
		failure = s.wireError(x, e)
	}
	outcome := s.reply(w, x, out, failure)
	s.observer.Request(x.serviceName(), x.operationName(), outcome, s.now().Sub(x.received))
}

// hangUp ends the connection of a request whose record or reply could not be made for a bug. There is no answer without
// a record, and net/http would print what was thrown, which may hold a secret.
func (s *Server) hangUp(x *exchange) {
	if p := recover(); p != nil {
		s.log.Error("request could not be answered", "request", x.id, "operation", x.operationName(), "value", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		panic(http.ErrAbortHandler) // which net/http takes as the wish to close the connection, and does not print
	}
}
