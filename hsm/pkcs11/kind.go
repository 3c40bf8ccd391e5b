package pkcs11

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

const (
	symmetricSize    = 32 // bytes of a SYMMETRIC_DEFAULT secret
	kwpOverhead      = 8  // bytes of AES-KWP beyond the padded key (RFC 5649, 4.1)
	symmetricWrapped = symmetricSize + kwpOverhead
	digestSize       = sha256.Size // bytes of the one digest that P-256 signs (KMS: ECDSA_SHA_256)
	signatureSize    = 64          // bytes of r || s (PKCS#11 2.40, 2.3.1)
	maxWrapped       = 8 << 10     // bytes, as package hsm bounds them
)

// Inputs of the HMAC under a symmetric backing key. Messages begin with 00 00 00 01 (package message), these do not.
const (
	materialLabel = "ostiary material id v1\x00"
	checkLabel    = "ostiary key check v1\x00"
)

// kind is what sets the keys of one spec apart when they are opened.
type kind interface {
	// prove compares what the device unwrapped, o, with what the token says of it. Encrypting under the wrong key is the one
	// mistake that cannot be made good. The caller holds d.ownerMu.
	prove(d *Device, o object, t hsm.Token) error
}

// kindOf gives the kind of t's key, after its metadata was found to fit.
func kindOf(t hsm.Token) (kind, error) {
	switch t.Spec {
	case hsm.SymmetricDefault:
		if t.Length != symmetricSize || len(t.Wrapped) != symmetricWrapped {
			return nil, fmt.Errorf("%w: %d wrapped bytes for a key of %d", hsm.ErrToken, len(t.Wrapped), t.Length)
		}
		return symmetricKind{}, nil
	case hsm.ECCNISTP256:
		public, err := x509.ParsePKIXPublicKey(t.PublicKey)
		p256, ok := public.(*ecdsa.PublicKey)
		if err != nil || !ok || p256.Curve != elliptic.P256() {
			return nil, fmt.Errorf("%w: its public key is not one of P-256", hsm.ErrToken)
		}
		if int(t.Length) != len(t.Wrapped)-kwpOverhead {
			return nil, fmt.Errorf("%w: %d wrapped bytes for a key of %d", hsm.ErrToken, len(t.Wrapped), t.Length)
		}
		return p256Kind{p256}, nil
	}
	return nil, fmt.Errorf("%w: key spec %s", hsm.ErrUnsupported, t.Spec)
}

type symmetricKind struct{}

// prove compares the keyed check value.
func (symmetricKind) prove(d *Device, o object, t hsm.Token) error {
	check, err := d.ownerHMAC(o, checkInput(t))
	if err != nil {
		return unusable(err)
	}
	if !hmac.Equal(check, t.Check) {
		return fmt.Errorf("%w: it opens to other material than it says", hsm.ErrToken)
	}
	return nil
}

type p256Kind struct{ public *ecdsa.PublicKey }

// prove wants two signatures to verify: the check value, by which the private key has accepted the rest of the token when it
// was made, and one that it makes now.
func (k p256Kind) prove(d *Device, o object, t hsm.Token) error {
	digest := sha256.Sum256(checkInput(t))
	var now [signatureSize]byte
	n, err := d.lib.sign(d.owner, p11.CKM_ECDSA, o, digest[:], now[:])
	if err != nil {
		return unusable(d.ownerCheck(err))
	}
	for _, raw := range [][]byte{t.Check, now[:n]} {
		signature, err := encodeECDSA(raw)
		if err != nil || !ecdsa.VerifyASN1(k.public, digest[:], signature) {
			return fmt.Errorf("%w: its private key is not that of its public key", hsm.ErrToken)
		}
	}
	return nil
}

// unusable makes an hsm.ErrToken of the device's refusal to use a key, which is then not of the spec that its token says.
func unusable(err error) error {
	if codeOf(err) != 0 && classOf(err) == classInput {
		return fmt.Errorf("%w: %v", hsm.ErrToken, err)
	}
	return err
}

// materialInput is what a symmetric key's material id is the HMAC of.
func materialInput(keyID string) []byte { return append([]byte(materialLabel), keyID...) }

// checkInput is what a key's check value covers: the name and the uses that the material was made for. 0x00 is in none of them
// (package hsm).
func checkInput(t hsm.Token) []byte {
	in := append([]byte(checkLabel), t.Spec...)
	in = append(append(in, 0), t.Purpose...)
	return append(append(in, 0), t.KeyID...)
}
