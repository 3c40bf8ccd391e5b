package pkcs11

import (
	"errors"
	"fmt"
	"strings"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/secret"
)

// maxLabel is the size in bytes of a token's label (PKCS#11 2.40, CK_TOKEN_INFO).
const maxLabel = 32

// NewToken says what InitToken is to make.
type NewToken struct {
	Library string       // path of the PKCS#11 library
	Label   string       // 1 to 32 bytes of printable ASCII; no token may have it yet
	UserPIN secret.Bytes // the PIN that the worker logs in with
	SOPIN   secret.Bytes // the security officer's PIN
}

// InitToken initialises a free slot of the library as a token with a user PIN, and returns its serial number. A token of that
// label that lacks nothing but its user PIN was left by an interrupted call and is finished, given the same SO PIN; one that
// is complete is an error, for InitToken never erases. Keys come later, from Initialize.
func InitToken(t NewToken) (serial string, err error) {
	if err := t.check(); err != nil {
		return "", err
	}
	l, err := openLibrary(t.Library)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, l.close()) }()

	p, found, err := l.labelled(t.Label)
	if err != nil {
		return "", err
	}
	if found && p.info.Flags&p11.CKF_USER_PIN_INITIALIZED != 0 {
		return "", fmt.Errorf("the library already has a token %q (serial %s): use it, or choose another label", t.Label, p.info.SerialNumber)
	}
	if !found {
		if p, err = l.format(t); err != nil {
			return "", err
		}
	}
	return p.info.SerialNumber, l.setUserPIN(p, t)
}

func (t NewToken) check() error {
	if len(t.Label) < 1 || len(t.Label) > maxLabel || strings.TrimSpace(t.Label) != t.Label ||
		strings.ContainsFunc(t.Label, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("token label %q: want 1 to %d bytes of printable ASCII without spaces around them", t.Label, maxLabel)
	}
	if t.UserPIN.Len() == 0 || t.SOPIN.Len() == 0 {
		return fmt.Errorf("%w: a new token needs a user PIN and a security officer's PIN", ErrPIN)
	}
	return nil
}

// labelled finds the initialised token with this label.
func (l *library) labelled(label string) (p place, found bool, err error) {
	all, err := l.places()
	if err != nil {
		return p, false, err
	}
	for _, x := range all {
		if x.info.Flags&p11.CKF_TOKEN_INITIALIZED == 0 || x.info.Label != label {
			continue
		}
		if found {
			return p, false, fmt.Errorf("%w: two tokens have the label %q", ErrNoToken, label)
		}
		p, found = x, true
	}
	return p, found, nil
}

// format initialises the first free slot. Libraries may number the slots anew after it, so the token is looked up again.
func (l *library) format(t NewToken) (place, error) {
	all, err := l.places()
	if err != nil {
		return place{}, err
	}
	for _, p := range all {
		if p.info.Flags&p11.CKF_TOKEN_INITIALIZED != 0 {
			continue
		}
		var label [maxLabel]byte
		copy(label[:], t.Label+strings.Repeat(" ", maxLabel))
		if err := l.initToken(p.slot, t.SOPIN.Reveal(), label); err != nil {
			return place{}, pinError("the security officer's PIN", fmt.Errorf("initialising slot %d as token %q: %w", p.slot, t.Label, err))
		}
		made, found, err := l.labelled(t.Label)
		if err == nil && !found {
			err = fmt.Errorf("%w: token %q was initialised but is not shown", ErrNoToken, t.Label)
		}
		return made, err
	}
	return place{}, fmt.Errorf("%w: %s has no free slot for a new token", ErrNoToken, l.path)
}

// setUserPIN sets the user PIN, as security officer.
func (l *library) setUserPIN(p place, t NewToken) (err error) {
	h, err := l.openSession(p.slot, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fromMiekg("C_CloseSession", l.ctx.CloseSession(h))) }() // and the officer is logged out
	if err := l.shim.login(h, p11.CKU_SO, t.SOPIN.Reveal()); err != nil {
		return pinError("the security officer's PIN", fmt.Errorf("token %q: %w", t.Label, err))
	}
	if err := l.initPIN(h, t.UserPIN.Reveal()); err != nil {
		return pinError("the user PIN", fmt.Errorf("token %q: %w", t.Label, err))
	}
	return nil
}

// pinError makes an ErrPIN of the codes that a PIN is refused with.
func pinError(which string, err error) error {
	switch codeOf(err) {
	case p11.CKR_PIN_INCORRECT, p11.CKR_PIN_INVALID, p11.CKR_PIN_LEN_RANGE, p11.CKR_PIN_LOCKED, p11.CKR_PIN_TOO_WEAK, p11.CKR_PIN_EXPIRED:
		return fmt.Errorf("%w: %s: %w", ErrPIN, which, err)
	}
	return err
}
