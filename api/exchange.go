package api

import (
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"ostiary.dev/access"
	"ostiary.dev/api/codec"
	"ostiary.dev/uuid"
)

// exchange is one request on its way through the pipeline. Each step fills in what it has established.
type exchange struct {
	id       string // request id
	received time.Time
	request  *http.Request
	source   netip.Addr

	// frame
	body      *[]byte
	protocol  codec.Protocol
	service   *codec.Service
	operation *codec.Operation
	handler   *handler // nil for an operation that is not built
	form      codec.Form

	call  *access.Call  // authenticate
	in    codec.Input   // decode
	grant *access.Grant // decide

	intended  bool // the intent of a change is recorded
	uncertain bool // whether the change was made is not known
}

// begin notes when and from where a request came and gives it its id, a random UUID.
func (s *Server) begin(r *http.Request) *exchange {
	x := &exchange{received: s.now(), request: r, protocol: codec.JSON11}
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		x.source = a.Addr().Unmap().WithZone("")
	}
	var random [16]byte
	if _, err := io.ReadFull(s.rand, random[:]); err != nil {
		s.log.Error("no randomness for a request id", "error", err)
	}
	x.id = uuid.V4(random).String()
	return x
}

func (x *exchange) serviceName() string {
	if x.service == nil {
		return "none"
	}
	return x.service.Name
}

// operationName is a name of the model, never the client's text, so that it is fit for a metric's label.
func (x *exchange) operationName() string {
	if x.operation == nil {
		return "unknown"
	}
	return x.operation.Name
}

// bodies holds buffers for request bodies. They are wiped when they are given back, since they hold plaintext.
var bodies = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

func (x *exchange) release() {
	if x.body == nil {
		return
	}
	b := (*x.body)[:cap(*x.body)]
	clear(b)
	if cap(b) <= 64<<10 {
		b = b[:0]
		*x.body = b
		bodies.Put(x.body)
	}
	x.body = nil
}
