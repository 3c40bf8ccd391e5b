package pkcs11

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

func TestClassify(t *testing.T) {
	for code, want := range map[uint]class{
		p11.CKR_ARGUMENTS_BAD:             classInput,
		p11.CKR_KEY_TYPE_INCONSISTENT:     classInput,
		p11.CKR_WRAPPED_KEY_INVALID:       classInput,
		p11.CKR_TEMPLATE_INCONSISTENT:     classInput,
		p11.CKR_ACTION_PROHIBITED:         classInput,
		p11.CKR_CURVE_NOT_SUPPORTED:       classInput,
		p11.CKR_DEVICE_MEMORY:             classBusy,
		p11.CKR_SESSION_COUNT:             classBusy,
		p11.CKR_FUNCTION_CANCELED:         classBusy,
		p11.CKR_SESSION_HANDLE_INVALID:    classSession,
		p11.CKR_SESSION_CLOSED:            classSession,
		p11.CKR_OPERATION_ACTIVE:          classSession,
		p11.CKR_OPERATION_NOT_INITIALIZED: classSession,
		p11.CKR_GENERAL_ERROR:             classFatal,
		p11.CKR_DEVICE_ERROR:              classFatal,
		p11.CKR_DEVICE_REMOVED:            classFatal,
		p11.CKR_TOKEN_NOT_PRESENT:         classFatal,
		p11.CKR_USER_NOT_LOGGED_IN:        classFatal,
		p11.CKR_CRYPTOKI_NOT_INITIALIZED:  classFatal,
		p11.CKR_HOST_MEMORY:               classFatal,
		p11.CKR_KEY_HANDLE_INVALID:        classFatal,
		p11.CKR_VENDOR_DEFINED + 1:        classFatal,
		0x2f:                              classFatal, // no such code
	} {
		if got := classify(code); got != want {
			t.Errorf("%v is of class %d, want %d", p11.Error(code), got, want)
		}
	}
}

// Every code of the standard is placed on purpose: the codes that end the process are these, and no others.
func TestFatalCodes(t *testing.T) {
	fatal := "CKR_GENERAL_ERROR CKR_HOST_MEMORY CKR_SLOT_ID_INVALID CKR_NEED_TO_CREATE_THREADS CKR_CANT_LOCK CKR_DEVICE_ERROR " +
		"CKR_DEVICE_REMOVED CKR_KEY_HANDLE_INVALID CKR_OBJECT_HANDLE_INVALID CKR_PIN_EXPIRED CKR_PIN_LOCKED CKR_TOKEN_NOT_PRESENT " +
		"CKR_TOKEN_NOT_RECOGNIZED CKR_UNWRAPPING_KEY_HANDLE_INVALID CKR_USER_NOT_LOGGED_IN CKR_USER_PIN_NOT_INITIALIZED " +
		"CKR_WRAPPING_KEY_HANDLE_INVALID CKR_RANDOM_NO_RNG CKR_CRYPTOKI_NOT_INITIALIZED CKR_MUTEX_BAD CKR_MUTEX_NOT_LOCKED "
	named := 0
	for code := uint(1); code <= p11.CKR_FUNCTION_REJECTED; code++ {
		_, name, _ := strings.Cut((&CallError{Code: code}).Error(), ": ")
		name, _, _ = strings.Cut(name, " (")
		if !strings.HasPrefix(name, "CKR_") {
			continue // not a code of the standard
		}
		named++
		if want := strings.Contains(fatal, name+" "); (classify(code) == classFatal) != want {
			t.Errorf("%s: fatal is %v, want %v", name, !want, want)
		}
	}
	if named < 80 {
		t.Errorf("only %d codes have names", named)
	}
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		code        uint
		unavailable bool
		text        string
	}{
		{p11.CKR_DEVICE_MEMORY, true, "C_X: CKR_DEVICE_MEMORY (0x31)"},
		{p11.CKR_MECHANISM_INVALID, false, "C_X: CKR_MECHANISM_INVALID (0x70)"},
		{p11.CKR_ACTION_PROHIBITED, false, "C_X: return code 0x1B"},
		{p11.CKR_VENDOR_DEFINED + 0x2a, true, "C_X: return code 0x8000002A"},
	} {
		var err error = &CallError{"C_X", tc.code}
		if err.Error() != tc.text {
			t.Errorf("text %q, want %q", err, tc.text)
		}
		if errors.Is(err, hsm.ErrUnavailable) != tc.unavailable {
			t.Errorf("%v: ErrUnavailable is %v, want %v", err, !tc.unavailable, tc.unavailable)
		}
		if got := fromMiekg("C_X", p11.Error(tc.code)); fmt.Sprint(got) != tc.text {
			t.Errorf("from miekg: %q, want %q", got, tc.text)
		}
	}
	if fromMiekg("C_X", nil) != nil || classOf(errClosed) != classInput || codeOf(errClosed) != 0 {
		t.Error("errors from elsewhere are mistaken for the device's")
	}
}

func TestFuse(t *testing.T) {
	var f fuse
	busy := &CallError{"C_X", p11.CKR_DEVICE_MEMORY}
	if err := f.check(busy); err != error(busy) || f.intact() != nil || f.check(nil) != nil {
		t.Errorf("check of %v gave %v and %v", busy, err, f.intact())
	}
	first := f.check(fmt.Errorf("sealing: %w", &CallError{"C_Sign", p11.CKR_DEVICE_ERROR}))
	second := f.check(&CallError{"C_Sign", p11.CKR_GENERAL_ERROR})
	var fatal *Fatal
	if !errors.As(first, &fatal) || !fatal.Fatal() || !errors.Is(first, hsm.ErrUnavailable) || codeOf(first) != p11.CKR_DEVICE_ERROR {
		t.Errorf("fatal error %v", first)
	}
	if second != first || f.intact() != first {
		t.Error("the first fatal error is not the one that is remembered")
	}
}
