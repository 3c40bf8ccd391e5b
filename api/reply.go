package api

import (
	"net/http"
	"strconv"
	"sync"

	"ostiary.dev/api/codec"
)

// Header values that are the same in every answer, so that none is made anew.
var (
	jsonTypeHeader = []string{jsonType}
	xmlTypeHeader  = []string{"text/xml"}
	closeHeader    = []string{"close"}
)

// answers holds buffers for response bodies, wiped when they are given back.
var answers = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// reply sends an output or an error and returns the outcome's name for metrics: ok, or the error's code.
func (s *Server) reply(w http.ResponseWriter, x *exchange, out any, failure *codec.Error) (outcome string) {
	buf := answers.Get().(*[]byte)
	b := (*buf)[:0]
	h, status, outcome := w.Header(), http.StatusOK, "ok"
	h["x-amzn-RequestId"] = []string{x.id}
	if x.protocol == codec.JSON11 {
		h["Content-Type"] = jsonTypeHeader
	} else {
		h["Content-Type"] = xmlTypeHeader
	}
	if failure == nil {
		b = x.appendOutput(b, out)
	} else {
		status, outcome = failure.Status, failure.Code
		h["x-amzn-ErrorType"] = []string{failure.Code}
		if status >= http.StatusInternalServerError || status == http.StatusRequestEntityTooLarge {
			h["Connection"] = closeHeader
		}
		b = x.appendError(b, failure)
	}
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	w.WriteHeader(status)
	if _, err := w.Write(b); err != nil {
		s.log.Debug("client is gone", "request", x.id, "error", err)
	}
	clear(b)
	if cap(b) <= 64<<10 {
		*buf = b[:0]
		answers.Put(buf)
	}
	return outcome
}

func (x *exchange) appendOutput(b []byte, out any) []byte {
	if x.protocol == codec.JSON11 {
		return out.(codec.JSONOutput).AppendJSON(b)
	}
	return codec.AppendResponse(b, x.service, x.operation, out.(codec.XMLOutput), x.id)
}

func (x *exchange) appendError(b []byte, e *codec.Error) []byte {
	if x.protocol == codec.JSON11 {
		return e.AppendJSON(b)
	}
	namespace := ""
	if x.service != nil {
		namespace = x.service.Namespace
	}
	return e.AppendXML(b, namespace, x.id)
}
