package api

import (
	"context"
	"errors"
	"net/http"

	"ostiary.dev/access"
	"ostiary.dev/api/codec"
	"ostiary.dev/api/sigv4"
	"ostiary.dev/hsm"
)

// Errors of the cluster, as the parts that reach it must return them.
var (
	// ErrUnavailable means that this node cannot answer now and that the call certainly had no effect.
	ErrUnavailable = errors.New("node cannot answer now")
	// ErrUnknownOutcome means that a change was sent to the cluster and may or may not be made.
	ErrUnknownOutcome = errors.New("outcome of the change is not known")
	// errAudit means that the record of the call could not be written: no answer without a record.
	errAudit = errors.New("audit log cannot be written")
)

// form is how one condition is answered in each protocol.
type form struct {
	json   string
	query  string
	status int // Query; JSON client errors are 400 always
}

// Conditions that are the same for all services (AWS KMS and STS API references, "Common errors").
var (
	formValidation   = form{"ValidationException", "ValidationError", http.StatusBadRequest}
	formDenied       = form{"AccessDeniedException", "AccessDenied", http.StatusForbidden}
	formUnsupported  = form{"UnsupportedOperationException", "UnsupportedOperationException", http.StatusBadRequest}
	formInternal     = form{"KMSInternalException", "InternalFailure", http.StatusInternalServerError}
	formUnavailable  = form{"DependencyTimeoutException", "ServiceUnavailable", http.StatusServiceUnavailable}
	formNotAllowed   = form{"NotAuthorizedException", "NotAuthorized", http.StatusBadRequest}
	formMissingToken = form{"MissingAuthenticationTokenException", "MissingAuthenticationToken", http.StatusForbidden}
	formIncomplete   = form{"IncompleteSignatureException", "IncompleteSignature", http.StatusBadRequest}
	formSignature    = form{"InvalidSignatureException", "SignatureDoesNotMatch", http.StatusForbidden}
	formUnknownToken = form{"UnrecognizedClientException", "InvalidClientTokenId", http.StatusForbidden}
)

const (
	unavailableMessage = "The system timed out while trying to fulfill the request. You can retry the request."
	internalMessage    = "The request was rejected because an internal exception occurred. The request can be retried."
	unknownTokenText   = "The security token included in the request is invalid."
)

// wireError is the single table from what the parts return to what a client is told. What is in no row is an
// internal error: the client gets the request id, the log gets the detail.
func (s *Server) wireError(x *exchange, err error) *codec.Error {
	if err == nil {
		return nil
	}
	if modelled, ok := errors.AsType[*codec.Error](err); ok {
		return modelled
	}
	if common, ok := errors.AsType[*access.Error](err); ok {
		return x.wire(commonForm(common.Code), common.Message)
	}
	if signature, ok := errors.AsType[*sigv4.Error](err); ok {
		return x.wire(signatureForm(signature.Kind), signature.Message)
	}
	switch {
	case errors.Is(err, errUnknownClient):
		return x.wire(formUnknownToken, unknownTokenText)
	case errors.Is(err, ErrUnknownOutcome): // also where it is unknown because time ran out
	case errors.Is(err, hsm.ErrUnavailable), errors.Is(err, ErrUnavailable), errors.Is(err, errAudit),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		s.log.Warn("call could not be served", "request", x.id, "operation", x.operationName(), "error", err)
		return x.wire(formUnavailable, unavailableMessage)
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		s.log.Error("handler panicked", "request", x.id, "operation", x.operationName(), "value", p.value, "stack", string(p.stack))
	} else {
		s.log.Error("call failed", "request", x.id, "operation", x.operationName(), "error", err)
	}
	return x.wire(formInternal, internalMessage)
}

// wire makes the error of a condition in the request's protocol.
func (x *exchange) wire(f form, message string) *codec.Error {
	e := &codec.Error{Code: f.json, Message: message, Status: f.status, Sender: f.status < http.StatusInternalServerError}
	if x.protocol == codec.Query {
		e.Code = f.query
	} else if e.Sender {
		e.Status = http.StatusBadRequest
	}
	return e
}

func commonForm(code string) form {
	for _, f := range [...]form{formDenied, formUnsupported, formNotAllowed} {
		if f.json == code {
			return f
		}
	}
	return formValidation
}

// signatureForm sorts the reasons for which a signature is refused into AWS's three errors.
func signatureForm(k sigv4.Kind) form {
	switch k {
	case sigv4.KindMissing:
		return formMissingToken
	case sigv4.KindIncomplete, sigv4.KindAmbiguous:
		return formIncomplete
	}
	return formSignature
}
