package pkcs11

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

// class is what a return code asks of the caller.
type class int

const (
	// classInput: the arguments, the key or the mechanism do not fit. The same call will fail again.
	classInput class = iota
	// classBusy: the device could not just now. The session is as it was, and the call may be sent again.
	classBusy
	// classSession: the session is gone or in an unknown state. Another one may do.
	classSession
	// classFatal: the library, the login, the device or an object that we hold is gone. No call into this library is to be
	// trusted; only a new process begins again.
	classFatal
)

// classify is the table of PKCS#11 return codes (PKCS#11 2.40, 5.1). A code that it does not list, a vendor's or a newer
// standard's, is fatal: whoever does not know what happened starts afresh.
func classify(code uint) class {
	switch code {
	case p11.CKR_ARGUMENTS_BAD, p11.CKR_FUNCTION_NOT_SUPPORTED, p11.CKR_FUNCTION_NOT_PARALLEL, p11.CKR_FUNCTION_REJECTED,
		p11.CKR_ATTRIBUTE_READ_ONLY, p11.CKR_ATTRIBUTE_SENSITIVE, p11.CKR_ATTRIBUTE_TYPE_INVALID,
		p11.CKR_ATTRIBUTE_VALUE_INVALID, p11.CKR_ACTION_PROHIBITED, p11.CKR_TEMPLATE_INCOMPLETE, p11.CKR_TEMPLATE_INCONSISTENT,
		p11.CKR_DATA_INVALID, p11.CKR_DATA_LEN_RANGE, p11.CKR_ENCRYPTED_DATA_INVALID, p11.CKR_ENCRYPTED_DATA_LEN_RANGE,
		p11.CKR_SIGNATURE_INVALID, p11.CKR_SIGNATURE_LEN_RANGE,
		p11.CKR_KEY_SIZE_RANGE, p11.CKR_KEY_TYPE_INCONSISTENT, p11.CKR_KEY_NOT_NEEDED, p11.CKR_KEY_CHANGED, p11.CKR_KEY_NEEDED,
		p11.CKR_KEY_INDIGESTIBLE, p11.CKR_KEY_FUNCTION_NOT_PERMITTED, p11.CKR_KEY_NOT_WRAPPABLE, p11.CKR_KEY_UNEXTRACTABLE,
		p11.CKR_MECHANISM_INVALID, p11.CKR_MECHANISM_PARAM_INVALID, p11.CKR_DOMAIN_PARAMS_INVALID, p11.CKR_CURVE_NOT_SUPPORTED,
		p11.CKR_UNWRAPPING_KEY_SIZE_RANGE, p11.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, p11.CKR_WRAPPED_KEY_INVALID,
		p11.CKR_WRAPPED_KEY_LEN_RANGE, p11.CKR_WRAPPING_KEY_SIZE_RANGE, p11.CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
		p11.CKR_PUBLIC_KEY_INVALID, p11.CKR_INFORMATION_SENSITIVE, p11.CKR_SAVED_STATE_INVALID, p11.CKR_STATE_UNSAVEABLE,
		p11.CKR_RANDOM_SEED_NOT_SUPPORTED, p11.CKR_NO_EVENT, p11.CKR_PIN_INCORRECT, p11.CKR_PIN_INVALID, p11.CKR_PIN_LEN_RANGE,
		p11.CKR_PIN_TOO_WEAK, p11.CKR_NEW_PIN_MODE, p11.CKR_NEXT_OTP, p11.CKR_USER_TYPE_INVALID, p11.CKR_SESSION_READ_ONLY,
		p11.CKR_SESSION_PARALLEL_NOT_SUPPORTED, p11.CKR_TOKEN_WRITE_PROTECTED, p11.CKR_SESSION_EXISTS,
		p11.CKR_SESSION_READ_ONLY_EXISTS, p11.CKR_SESSION_READ_WRITE_SO_EXISTS, p11.CKR_USER_ALREADY_LOGGED_IN,
		p11.CKR_USER_ANOTHER_ALREADY_LOGGED_IN, p11.CKR_CRYPTOKI_ALREADY_INITIALIZED:
		return classInput

	case p11.CKR_CANCEL, p11.CKR_FUNCTION_CANCELED, p11.CKR_DEVICE_MEMORY, p11.CKR_SESSION_COUNT,
		p11.CKR_EXCEEDED_MAX_ITERATIONS, p11.CKR_USER_TOO_MANY_TYPES:
		return classBusy

	case p11.CKR_SESSION_CLOSED, p11.CKR_SESSION_HANDLE_INVALID, p11.CKR_OPERATION_ACTIVE, p11.CKR_OPERATION_NOT_INITIALIZED,
		p11.CKR_BUFFER_TOO_SMALL, p11.CKR_FUNCTION_FAILED:
		return classSession

	case p11.CKR_GENERAL_ERROR, p11.CKR_HOST_MEMORY, p11.CKR_SLOT_ID_INVALID, p11.CKR_NEED_TO_CREATE_THREADS,
		p11.CKR_CANT_LOCK, p11.CKR_DEVICE_ERROR, p11.CKR_DEVICE_REMOVED, p11.CKR_TOKEN_NOT_PRESENT,
		p11.CKR_TOKEN_NOT_RECOGNIZED, p11.CKR_USER_NOT_LOGGED_IN, p11.CKR_USER_PIN_NOT_INITIALIZED, p11.CKR_PIN_EXPIRED,
		p11.CKR_PIN_LOCKED, p11.CKR_CRYPTOKI_NOT_INITIALIZED, p11.CKR_MUTEX_BAD, p11.CKR_MUTEX_NOT_LOCKED,
		p11.CKR_RANDOM_NO_RNG, p11.CKR_FIPS_SELF_TEST_FAILED, p11.CKR_LIBRARY_LOAD_FAILED,
		// An object vanished that nobody but us destroys: its session was closed, or the token was changed under us.
		p11.CKR_KEY_HANDLE_INVALID, p11.CKR_OBJECT_HANDLE_INVALID, p11.CKR_WRAPPING_KEY_HANDLE_INVALID,
		p11.CKR_UNWRAPPING_KEY_HANDLE_INVALID:
		return classFatal
	}
	return classFatal
}

// CallError is a PKCS#11 function that returned something else than CKR_OK.
type CallError struct {
	Call string // e.g. "C_Sign"
	Code uint   // CKR_...
}

func (e *CallError) Error() string {
	// miekg/pkcs11 has the names, behind this prefix.
	name := strings.TrimPrefix(p11.Error(e.Code).Error(), fmt.Sprintf("pkcs11: 0x%X: ", e.Code))
	if name == "" || e.Code >= p11.CKR_VENDOR_DEFINED {
		return fmt.Sprintf("%s: return code 0x%X", e.Call, e.Code)
	}
	return fmt.Sprintf("%s: %s (0x%X)", e.Call, name, e.Code)
}

// Is makes every failure that a later try may not meet an hsm.ErrUnavailable.
func (e *CallError) Is(target error) bool {
	return target == hsm.ErrUnavailable && classify(e.Code) != classInput
}

// Fatal means that the library must not be called any more: the process that loaded it should end and be replaced. It is
// an hsm.ErrUnavailable too.
type Fatal struct{ Err error }

func (f *Fatal) Error() string { return "the device is lost to this process: " + f.Err.Error() }

// Fatal is true: it lets a process that does not import this package know what it has to do.
func (f *Fatal) Fatal() bool { return true }

// Unwrap gives the cause and hsm.ErrUnavailable.
func (f *Fatal) Unwrap() []error { return []error{f.Err, hsm.ErrUnavailable} }

// fromMiekg names the call that an error of miekg/pkcs11 came from.
func fromMiekg(call string, err error) error {
	if err == nil {
		return nil
	}
	var code p11.Error
	if errors.As(err, &code) {
		return &CallError{Call: call, Code: uint(code)}
	}
	return fmt.Errorf("%s: %w", call, err)
}

// classOf gives the class of an error from the library; other errors are the caller's affair.
func classOf(err error) class {
	var c *CallError
	if errors.As(err, &c) {
		return classify(c.Code)
	}
	return classInput
}

// codeOf gives the return code in err, or 0.
func codeOf(err error) uint {
	var c *CallError
	if errors.As(err, &c) {
		return c.Code
	}
	return 0
}

// fuse remembers the first fatal error and gives it to everybody after.
type fuse struct{ blown atomic.Pointer[Fatal] }

// check blows the fuse when err is fatal. It returns err, as *Fatal in that case.
func (f *fuse) check(err error) error {
	if err == nil || classOf(err) != classFatal {
		return err
	}
	return f.blow(err)
}

func (f *fuse) blow(err error) error {
	f.blown.CompareAndSwap(nil, &Fatal{Err: err})
	return f.blown.Load()
}

// intact returns the fatal error that was seen, if one was.
func (f *fuse) intact() error {
	if b := f.blown.Load(); b != nil {
		return b
	}
	return nil
}
