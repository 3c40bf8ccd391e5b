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

// messageLabel keeps the messages of one purpose from opening as those of another.
func messageLabel(p hsm.Purpose) string { return "ostiary/message/v1/" + string(p) }

// backingKey is a backing key open in the device.
type backingKey struct {
	object object
	token  hsm.Token
	public *ecdsa.PublicKey // asymmetric specs
}

// specTemplates are the C forms of the attributes that backing keys of one spec are made and opened with.
type specTemplates struct {
	generate *template // secret or private key, extractable for one wrap
	public   *template // public key, asymmetric specs
	unwrap   *template
}

func (t specTemplates) release() {
	for _, x := range []*template{t.generate, t.public, t.unwrap} {
		if x != nil {
			x.release()
		}
	}
}

// lifetime are the attributes of a session object in each of its two lives: fresh from the generator, to be wrapped and
// destroyed, and opened from its token. A fresh key cannot be wrapped by this user under anything but the domain key without
// the attacker having been inside this process already.
func lifetime(extractable bool) []attribute {
	return []attribute{
		flag(p11.CKA_TOKEN, false),
		flag(p11.CKA_PRIVATE, true),
		flag(p11.CKA_SENSITIVE, true),
		flag(p11.CKA_EXTRACTABLE, extractable),
		flag(p11.CKA_SIGN, true),
		flag(p11.CKA_DECRYPT, false),
		flag(p11.CKA_UNWRAP, false),
		flag(p11.CKA_DERIVE, false),
		flag(p11.CKA_COPYABLE, false),
	}
}

func symmetricTemplates() specTemplates {
	secret := func(extractable bool, more ...attribute) *template {
		a := append(more,
			numbers(p11.CKA_CLASS, p11.CKO_SECRET_KEY),
			numbers(p11.CKA_KEY_TYPE, p11.CKK_GENERIC_SECRET),
			flag(p11.CKA_ENCRYPT, false),
			flag(p11.CKA_VERIFY, false),
			flag(p11.CKA_WRAP, false))
		a = append(a, lifetime(extractable)...)
		return newTemplate(append(a, flag(p11.CKA_MODIFIABLE, false))...)
	}
	return specTemplates{
		generate: secret(true, numbers(p11.CKA_VALUE_LEN, symmetricSize)),
		unwrap:   secret(false),
	}
}

func p256Templates() specTemplates {
	private := func(extractable bool, more ...attribute) *template {
		a := append(more, lifetime(extractable)...)
		return newTemplate(append(a, flag(p11.CKA_MODIFIABLE, false))...)
	}
	return specTemplates{
		generate: private(true),
		unwrap:   private(false, numbers(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), numbers(p11.CKA_KEY_TYPE, p11.CKK_EC)),
		public: newTemplate(
			octets(p11.CKA_EC_PARAMS, p256Params()),
			flag(p11.CKA_TOKEN, false),
			flag(p11.CKA_VERIFY, true)),
	}
}

// p256Params is the DER of the OID 1.2.840.10045.3.1.7, prime256v1.
func p256Params() []byte { return []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07} }

// open loads the key of an encoded token into the owner session, after its MAC was found right, and proves that it is the
// key that the token speaks of. Everything that is wrong with the token is hsm.ErrToken.
func (d *Device) open(encoded []byte) (*backingKey, error) {
	if err := d.fuse.intact(); err != nil {
		return nil, err
	}
	t, err := hsm.ParseToken(encoded)
	if err != nil {
		return nil, err
	}
	d.ownerMu.Lock()
	defer d.ownerMu.Unlock()
	if d.closed {
		return nil, fmt.Errorf("%w: %w", hsm.ErrUnavailable, errClosed)
	}
	keys, err := d.authenticate(t)
	if err != nil {
		return nil, err
	}
	k, err := d.unwrap(t, keys)
	if err != nil {
		return nil, err
	}
	if err := d.prove(k); err != nil {
		d.destroyLocked(k.object)
		return nil, err
	}
	return k, nil
}

// authenticate checks the token's MAC. The caller holds ownerMu.
func (d *Device) authenticate(t hsm.Token) (domainKeys, error) {
	keys, ok := d.domain[t.DomainKeyVersion]
	if !ok {
		return keys, fmt.Errorf("%w: it is wrapped under domain key v%d, which this device does not hold", hsm.ErrToken, t.DomainKeyVersion)
	}
	mac, err := d.tokenMAC(keys, t)
	if err != nil {
		return keys, err
	}
	if !hmac.Equal(mac, t.MAC) {
		return keys, fmt.Errorf("%w: its MAC is wrong", hsm.ErrToken)
	}
	if t.Custody != hsm.InDevice {
		return keys, fmt.Errorf("%w: custody %q under the domain key", hsm.ErrToken, t.Custody)
	}
	return keys, nil
}

// tokenMAC computes the MAC that t must have. The caller holds ownerMu.
func (d *Device) tokenMAC(keys domainKeys, t hsm.Token) ([]byte, error) {
	in, err := t.MACInput()
	if err != nil {
		return nil, err
	}
	return d.ownerHMAC(keys.mac, in)
}

// unwrap opens the wrapped key as what the token says it is. The caller holds ownerMu.
func (d *Device) unwrap(t hsm.Token, keys domainKeys) (*backingKey, error) {
	k := &backingKey{token: t}
	switch t.Spec {
	case hsm.SymmetricDefault:
		if t.Length != symmetricSize || len(t.Wrapped) != symmetricWrapped {
			return nil, fmt.Errorf("%w: %d wrapped bytes for a key of %d", hsm.ErrToken, len(t.Wrapped), t.Length)
		}
	case hsm.ECCNISTP256:
		public, err := x509.ParsePKIXPublicKey(t.PublicKey)
		p256, ok := public.(*ecdsa.PublicKey)
		if err != nil || !ok || p256.Curve != elliptic.P256() {
			return nil, fmt.Errorf("%w: its public key is not one of P-256", hsm.ErrToken)
		}
		if int(t.Length) != len(t.Wrapped)-kwpOverhead {
			return nil, fmt.Errorf("%w: %d wrapped bytes for a key of %d", hsm.ErrToken, len(t.Wrapped), t.Length)
		}
		k.public = p256
	default:
		return nil, fmt.Errorf("%w: key spec %s", hsm.ErrUnsupported, t.Spec)
	}
	var err error
	k.object, err = d.lib.unwrap(d.owner, keyWrapPad, keys.wrap, t.Wrapped, d.templates[t.Spec].unwrap)
	if err != nil {
		return nil, d.unwrapError(err, keys)
	}
	return k, nil
}

// unwrapError tells a key that does not unwrap from a device that does not. SoftHSM answers both with
// CKR_GENERAL_ERROR, so the device is asked to wrap and unwrap once more. The caller holds ownerMu.
func (d *Device) unwrapError(err error, keys domainKeys) error {
	switch classOf(err) {
	case classBusy:
		return err
	case classInput:
	default:
		if d.roundTrip(keys) != nil {
			return d.fuse.blow(err)
		}
	}
	return fmt.Errorf("%w: %v", hsm.ErrToken, err) // err itself might pass for ErrUnavailable
}

// roundTrip makes, wraps, unwraps and destroys a throw-away key. The caller holds ownerMu.
func (d *Device) roundTrip(keys domainKeys) error {
	t := d.templates[hsm.SymmetricDefault]
	fresh, err := d.lib.generate(d.owner, p11.CKM_GENERIC_SECRET_KEY_GEN, t.generate)
	if err != nil {
		return err
	}
	defer d.destroyLocked(fresh)
	wrapped, err := d.wrap(keys, fresh)
	if err != nil {
		return err
	}
	again, err := d.lib.unwrap(d.owner, keyWrapPad, keys.wrap, wrapped, t.unwrap)
	if err != nil {
		return err
	}
	d.destroyLocked(again)
	return nil
}

// prove compares what the device now holds with what the token says. Encrypting under the wrong key is the one mistake that
// cannot be made good. The caller holds ownerMu.
func (d *Device) prove(k *backingKey) error {
	if k.public == nil {
		return d.proveSymmetric(k)
	}
	return d.proveP256(k)
}

// proveSymmetric compares the keyed check value.
func (d *Device) proveSymmetric(k *backingKey) error {
	check, err := d.ownerHMAC(k.object, checkInput(k.token))
	if err != nil {
		return unusable(err)
	}
	if !hmac.Equal(check, k.token.Check) {
		return fmt.Errorf("%w: it opens to other material than it says", hsm.ErrToken)
	}
	return nil
}

// proveP256 wants two signatures to verify: the check value, by which the private key has accepted the rest of the token when
// it was made, and one that it makes now.
func (d *Device) proveP256(k *backingKey) error {
	digest := sha256.Sum256(checkInput(k.token))
	var now [signatureSize]byte
	n, err := d.lib.sign(d.owner, p11.CKM_ECDSA, k.object, digest[:], now[:])
	if err != nil {
		return unusable(d.fuse.check(err))
	}
	for _, raw := range [][]byte{k.token.Check, now[:n]} {
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

// ownerHMAC is HMAC-SHA-256 in the owner session. The caller holds ownerMu.
func (d *Device) ownerHMAC(key object, in []byte) ([]byte, error) {
	out := make([]byte, sha256.Size)
	n, err := d.lib.sign(d.owner, p11.CKM_SHA256_HMAC, key, in, out)
	if err != nil {
		return nil, d.fuse.check(err)
	}
	if n != len(out) {
		return nil, d.fuse.blow(fmt.Errorf("C_Sign: HMAC-SHA-256 of %d bytes", n))
	}
	return out, nil
}

// destroyLocked destroys a session object. The caller holds ownerMu.
func (d *Device) destroyLocked(o object) {
	err := d.lib.destroy(d.owner, o)
	if err != nil && classOf(err) != classHandle {
		d.config.Log.Error("a session object could not be destroyed", "error", d.fuse.check(err))
	}
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
