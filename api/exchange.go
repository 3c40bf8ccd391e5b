package api

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"ostiary.dev/access"
	"ostiary.dev/api/codec"
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
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	x.id = uuid(random)
	return x
}

func uuid(b [16]byte) string {
	var t [36]byte
	hex.Encode(t[0:8], b[0:4])
	hex.Encode(t[9:13], b[4:6])
	hex.Encode(t[14:18], b[6:8])
	hex.Encode(t[19:23], b[8:10])
	hex.Encode(t[24:36], b[10:16])
	t[8], t[13], t[18], t[23] = '-', '-', '-', '-'
	return string(t[:])
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
