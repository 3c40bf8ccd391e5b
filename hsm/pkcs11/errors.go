package pkcs11

import "errors"

// Why a device cannot be opened. The errors wrap one of these and say what is wrong, where, and what to do; errors of a
// device in use are those of package hsm.
var (
	// ErrLibrary: the PKCS#11 library cannot be loaded or does not start.
	ErrLibrary = errors.New("PKCS#11 library cannot be used")
	// ErrNoToken: no slot holds the token that was asked for, or more than one does.
	ErrNoToken = errors.New("PKCS#11 token not found")
	// ErrPIN: the token refused the PIN, or trying it could lock the token. Do not try again with the same PIN.
	ErrPIN = errors.New("PIN refused")
	// ErrDomainKey: the domain key or its MAC key is missing, present twice or not protected as it must be.
	ErrDomainKey = errors.New("domain key is not usable")
	// ErrSelfTest: the device gave a wrong answer to a known question, or permits what would let keys out.
	ErrSelfTest = errors.New("device failed its self-test")
)

var (
	errClosed   = errors.New("the device was closed")
	errReleased = errors.New("the key was used after it was closed")
)
