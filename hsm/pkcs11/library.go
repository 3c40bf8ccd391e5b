package pkcs11

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/secret"
)

// library is a PKCS#11 library that has been loaded and initialised.
type library struct {
	shim
	ctx  *p11.Ctx
	path string
	ours bool // this library value initialised it, and finalises it
}

// openLibrary loads and initialises the library at path. Another part of the process may have done so already
// (crypto11, another Device): it is then shared, and left running at close.
func openLibrary(path string) (*library, error) {
	if path == "" {
		return nil, fmt.Errorf("%w: no path is configured", ErrLibrary)
	}
	sh, why := loadShim(path)
	if why != "" {
		return nil, fmt.Errorf("%w: %s: install the device's PKCS#11 library (for SoftHSM the package softhsm2) or correct its path",
			ErrLibrary, why)
	}
	l := &library{shim: sh, ctx: p11.New(path), path: path}
	if l.ctx == nil {
		return nil, fmt.Errorf("%w: %s cannot be loaded", ErrLibrary, path)
	}
	err := fromMiekg("C_Initialize", l.ctx.Initialize())
	if code := codeOf(err); err != nil && code != p11.CKR_CRYPTOKI_ALREADY_INITIALIZED {
		return nil, fmt.Errorf("%w: %s: %w: check its configuration file (for SoftHSM the one that SOFTHSM2_CONF names, and its token folder)",
			ErrLibrary, path, err)
	}
	l.ours = err == nil
	return l, nil
}

// close finalises the library if openLibrary initialised it.
func (l *library) close() error {
	if !l.ours {
		return nil
	}
	return fromMiekg("C_Finalize", l.ctx.Finalize())
}

// softHSM is how the name of every version of SoftHSM begins.
const softHSM = "SoftHSM "

// name is what the library calls itself, e.g. "SoftHSM 2.6".
func (l *library) name() (string, error) {
	info, err := l.ctx.GetInfo()
	if err != nil {
		return "", fromMiekg("C_GetInfo", err)
	}
	return fmt.Sprintf("%s %d.%d", printable(info.ManufacturerID), info.LibraryVersion.Major, info.LibraryVersion.Minor), nil
}

// place is a slot and the token in it.
type place struct {
	slot uint
	info p11.TokenInfo
}

// places lists the slots that hold a token.
func (l *library) places() ([]place, error) {
	slots, err := l.ctx.GetSlotList(true)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrLibrary, l.path, fromMiekg("C_GetSlotList", err))
	}
	var all []place
	for _, s := range slots {
		info, err := l.ctx.GetTokenInfo(s)
		if err != nil {
			continue // a slot that cannot speak of its token is not the one we look for
		}
		info.Label, info.SerialNumber = printable(info.Label), printable(info.SerialNumber)
		all = append(all, place{s, info})
	}
	return all, nil
}

// find gives the one initialised token that c names.
func (l *library) find(c Config) (place, error) {
	all, err := l.places()
	if err != nil {
		return place{}, err
	}
	var seen []string
	var hits []place
	for _, p := range all {
		if p.info.Flags&p11.CKF_TOKEN_INITIALIZED == 0 {
			continue
		}
		seen = append(seen, fmt.Sprintf("%q (serial %s, slot %d)", p.info.Label, p.info.SerialNumber, p.slot))
		if c.names(p) {
			hits = append(hits, p)
		}
	}
	switch {
	case len(hits) == 1:
		return hits[0], nil
	case len(hits) > 1:
		return place{}, fmt.Errorf("%w: %d tokens match %s: name one by its serial number; there are %s",
			ErrNoToken, len(hits), c.wanted(), strings.Join(seen, ", "))
	case len(seen) == 0:
		return place{}, fmt.Errorf("%w: %s shows no initialised token, want %s: initialise one, or correct the library's configuration",
			ErrNoToken, l.path, c.wanted())
	}
	return place{}, fmt.Errorf("%w: want %s; %s shows %s", ErrNoToken, c.wanted(), l.path, strings.Join(seen, ", "))
}

// login logs the user in once for the whole process, with the one try that does no harm.
func (l *library) login(h session, p place, pin secret.Bytes) error {
	where := fmt.Sprintf("token %q (serial %s)", p.info.Label, p.info.SerialNumber)
	switch flags := p.info.Flags; {
	case flags&p11.CKF_USER_PIN_INITIALIZED == 0:
		return fmt.Errorf("%w: %s has no user PIN yet: finish its initialisation", ErrPIN, where)
	case flags&p11.CKF_USER_PIN_LOCKED != 0:
		return fmt.Errorf("%w: the user PIN of %s is locked: the security officer has to set a new one", ErrPIN, where)
	case flags&p11.CKF_USER_PIN_FINAL_TRY != 0:
		return fmt.Errorf("%w: one more wrong user PIN locks %s, so it was not tried: log in once with the vendor's tool, then start again",
			ErrPIN, where)
	case flags&p11.CKF_LOGIN_REQUIRED == 0:
		return fmt.Errorf("%w: %s asks for no login, so nothing guards its keys", ErrPIN, where)
	case pin.Len() == 0:
		return fmt.Errorf("%w: the user PIN of %s is not given", ErrPIN, where)
	}
	err := l.shim.login(h, p11.CKU_USER, pin.Reveal())
	switch codeOf(err) {
	case 0, p11.CKR_USER_ALREADY_LOGGED_IN: // by another part of this process
		return nil
	case p11.CKR_PIN_INCORRECT, p11.CKR_PIN_INVALID, p11.CKR_PIN_LEN_RANGE:
		return fmt.Errorf("%w: %s: %w: it was tried once and will not be again: correct the PIN file", ErrPIN, where, err)
	case p11.CKR_PIN_LOCKED, p11.CKR_PIN_EXPIRED, p11.CKR_USER_PIN_NOT_INITIALIZED:
		return fmt.Errorf("%w: %s: %w: the security officer has to set a new one", ErrPIN, where, err)
	}
	return fmt.Errorf("logging in to %s: %w", where, err)
}

// deviceError is err as an error of opening a device that is in no more specific class.
func deviceError(err error) error {
	for _, known := range []error{ErrLibrary, ErrNoToken, ErrPIN, ErrDomainKey, ErrSelfTest} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("opening the device: %w", err)
}

// printable is a fixed-length field of PKCS#11 without its padding and anything that could disturb a terminal or log.
func printable(s string) string {
	s = strings.TrimRight(s, " \x00")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || slices.Contains([]rune{0x85, 0x2028, 0x2029, 0xfffd}, r) {
			return '?'
		}
		return r
	}, s)
}
