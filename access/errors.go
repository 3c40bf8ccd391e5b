package access

import "errors"

// Error is what a check in front of an operation found: an exception common to all AWS services, which the models
// do not list per operation.
type Error struct {
	Code    string // ValidationException, AccessDeniedException, NotAuthorizedException
	Message string
	Reason  string // for the audit record, never sent
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

const (
	accessDenied  = "AccessDeniedException"
	validation    = "ValidationException"
	notAuthorized = "NotAuthorizedException"
)

// Invalid is a ValidationException, for what the model's constraints cannot express.
func Invalid(message string) error { return &Error{Code: validation, Message: message} }

// Denied is an AccessDeniedException with a wording of the service's own.
func Denied(message string) error { return &Error{Code: accessDenied, Message: message} }

// ErrLockout is what CheckKeyPolicy returns for a policy under which its author could no longer change it.
var ErrLockout = errors.New("the policy locks its author out")

// NotAuthorized is AWS's answer to names that only AWS itself may make. It has no message.
func NotAuthorized() error { return &Error{Code: notAuthorized} }
