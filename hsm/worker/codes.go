package worker

import (
	"context"
	"errors"
	"fmt"

	"ostiary.dev/hsm"
)

// code is the outcome of a call as it travels.
type code uint8

const (
	codeOK code = iota
	codeMessage
	codeToken
	codeUnsupported
	codeUnavailable
	codeFailed // an error that has no sentinel in package hsm
	codeFatal  // the device is beyond repair in this process; the worker must be replaced
	codeEnd    // one past the last
)

// Fatal is what an error implements that ends the worker's usefulness: the device's library has to be loaded afresh.
type Fatal interface{ Fatal() bool }

// codeOf classifies an error of a backend.
func codeOf(err error) code {
	var fatal Fatal
	switch {
	case err == nil:
		return codeOK
	case errors.As(err, &fatal) && fatal.Fatal():
		return codeFatal
	case errors.Is(err, hsm.ErrMessage):
		return codeMessage
	case errors.Is(err, hsm.ErrToken):
		return codeToken
	case errors.Is(err, hsm.ErrUnsupported):
		return codeUnsupported
	case errors.Is(err, hsm.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return codeUnavailable
	}
	return codeFailed
}

// errorAnswer makes the answer that carries err.
func errorAnswer(id uint64, err error) answer {
	c := codeOf(err)
	if c == codeMessage {
		return answer{code: c, id: id} // never more than that
	}
	text := err.Error()
	return answer{code: c, id: id, values: [2][]byte{[]byte(text[:min(len(text), maxText)])}}
}

// remoteError is an error that the worker reported.
type remoteError struct {
	text  string
	cause error // a sentinel of package hsm, or nil
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.cause }

// errorOf is the inverse of errorAnswer.
func errorOf(c code, text string) error {
	switch c {
	case codeOK:
		return nil
	case codeMessage:
		return hsm.ErrMessage
	case codeToken:
		return &remoteError{text, hsm.ErrToken}
	case codeUnsupported:
		return &remoteError{text, hsm.ErrUnsupported}
	case codeUnavailable, codeFatal:
		return &remoteError{text, hsm.ErrUnavailable}
	}
	return &remoteError{text, nil}
}

// StartKind says why a worker could not start.
type StartKind string

// The kinds of start-up failure.
const (
	StartProgram       StartKind = "program"        // the worker program is missing or did not speak the protocol
	StartSettings      StartKind = "settings"       // the settings make no sense
	StartLibrary       StartKind = "library"        // the PKCS#11 library is missing or does not load
	StartToken         StartKind = "token"          // no token has the label
	StartPINFile       StartKind = "pin-file"       // the PIN file cannot be read
	StartPIN           StartKind = "pin"            // the token refused the PIN
	StartPINLocked     StartKind = "pin-locked"     // the token has locked the PIN after too many wrong ones
	StartDomainKey     StartKind = "domain-key"     // the domain key, or the key beside it, is missing or not protected as it must be
	StartDomainDamaged StartKind = "domain-damaged" // the device fails its self-test: with these keys it must not be used
	StartDevice        StartKind = "device"         // anything else that the device reported
)

// StartError is why a worker could not start, in words for the operator.
type StartError struct {
	Kind    StartKind `json:"kind"`
	Message string    `json:"message"`
}

func (e *StartError) Error() string { return fmt.Sprintf("device worker: %s", e.Message) }

// Unwrap makes every StartError an hsm.ErrUnavailable to calls that meet it.
func (e *StartError) Unwrap() error { return hsm.ErrUnavailable }

// aboutPIN reports whether another try with the same PIN could lock the token.
func (e *StartError) aboutPIN() bool { return e.Kind == StartPIN || e.Kind == StartPINLocked }

// startError is err as a *StartError.
func startError(err error) *StartError {
	var told *StartError
	if errors.As(err, &told) {
		return told
	}
	return &StartError{StartDevice, err.Error()}
}
