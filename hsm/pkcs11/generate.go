package pkcs11

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

// publicLabel begins the input of the hash that names an asymmetric key's material.
const publicLabel = "ostiary public key material id v1\x00"

// Generate makes a backing key in the device, wraps it under the domain key and destroys it, and opens and tests the token
// before it returns it. The opened key stays cached.
func (d *Device) Generate(ctx context.Context, r hsm.KeyRequest) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", hsm.ErrUnavailable, err)
	}
	if err := d.checkRequest(r); err != nil {
		return nil, err
	}
	var token []byte
	err := d.withRoom(func() (err error) {
		token, err = d.newToken(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	e, err := d.cache.acquire(ctx, token) // it opens only if its MAC, its wrapping and its material are right
	if err != nil {
		return nil, fmt.Errorf("testing the new key: %w", err)
	}
	d.cache.release(e)
	return token, nil
}

func (d *Device) checkRequest(r hsm.KeyRequest) error {
	switch {
	case len(r.KeyID) < 1 || len(r.KeyID) > hsm.MaxKeyID:
		return fmt.Errorf("key id of %d bytes, want 1 to %d", len(r.KeyID), hsm.MaxKeyID)
	case strings.ContainsFunc(r.KeyID, func(c rune) bool { return c < ' ' || c > '~' }):
		return fmt.Errorf("key id %q is not printable ASCII", r.KeyID)
	case !slices.Contains([]hsm.Purpose{hsm.PurposeKMS, hsm.PurposeHostRoot, hsm.PurposeCA}, r.Purpose):
		return fmt.Errorf("%w: purpose %.64q", hsm.ErrUnsupported, r.Purpose)
	case !slices.Contains(d.specs, r.Spec):
		return fmt.Errorf("%w: key spec %.64q", hsm.ErrUnsupported, r.Spec)
	}
	return nil
}

// newToken makes a backing key and gives its token. Whatever happens, no extractable object stays behind.
func (d *Device) newToken(r hsm.KeyRequest) ([]byte, error) {
	if err := d.fuse.intact(); err != nil {
		return nil, err
	}
	d.ownerMu.Lock()
	defer d.ownerMu.Unlock()
	if d.closed {
		return nil, fmt.Errorf("%w: %w", hsm.ErrUnavailable, errClosed)
	}
	t := hsm.Token{KeyID: r.KeyID, Spec: r.Spec, Purpose: r.Purpose, Custody: hsm.InDevice, DomainKeyVersion: d.current.version}
	var err error
	switch r.Spec {
	case hsm.SymmetricDefault:
		err = d.makeSymmetric(&t)
	case hsm.ECCNISTP256:
		err = d.makeP256(&t)
	default:
		err = fmt.Errorf("%w: key spec %s", hsm.ErrUnsupported, r.Spec)
	}
	if err != nil {
		return nil, d.ownerCheck(err)
	}
	if t.MAC, err = d.tokenMAC(d.current, t); err != nil {
		return nil, err
	}
	return t.Marshal()
}

// makeSymmetric fills t from a new secret. The material id and the check value come from the secret as it was generated, so
// that the test of the token compares two ways to the same material. The caller holds ownerMu.
func (d *Device) makeSymmetric(t *hsm.Token) error {
	fresh, err := d.lib.generate(d.owner, p11.CKM_GENERIC_SECRET_KEY_GEN, d.templates[t.Spec].generate)
	if err != nil {
		return err
	}
	defer d.destroyLocked(fresh)
	id, err := d.ownerHMAC(fresh, materialInput(t.KeyID))
	if err != nil {
		return err
	}
	copy(t.MaterialID[:], id)
	if t.Check, err = d.ownerHMAC(fresh, checkInput(*t)); err != nil {
		return err
	}
	t.Length = symmetricSize
	t.Wrapped, err = d.wrap(d.current, fresh)
	if err == nil && len(t.Wrapped) != symmetricWrapped {
		err = fmt.Errorf("C_WrapKey: %d bytes for a secret of %d, want %d (RFC 5649)", len(t.Wrapped), symmetricSize, symmetricWrapped)
	}
	return err
}

// makeP256 fills t from a new key pair. Its check value is a signature by the private key as it was generated. Its length
// counts the padding of RFC 5649: nobody outside the device has seen the PKCS#8 structure inside, which says itself where it
// ends. The caller holds ownerMu.
func (d *Device) makeP256(t *hsm.Token) error {
	templates := d.templates[t.Spec]
	pub, priv, err := d.lib.generatePair(d.owner, p11.CKM_EC_KEY_PAIR_GEN, templates.public, templates.generate)
	if err != nil {
		return err
	}
	defer d.destroyLocked(priv)
	defer d.destroyLocked(pub)
	point, err := d.lib.attribute(d.owner, pub, p11.CKA_EC_POINT)
	if err != nil {
		return err
	}
	public, err := parsePoint(point)
	if err != nil {
		return err
	}
	if t.PublicKey, err = x509.MarshalPKIXPublicKey(public); err != nil {
		return err
	}
	t.MaterialID = sha256.Sum256(append([]byte(publicLabel), t.PublicKey...))
	digest := sha256.Sum256(checkInput(*t))
	t.Check = make([]byte, signatureSize)
	if _, err = d.lib.sign(d.owner, p11.CKM_ECDSA, priv, digest[:], t.Check); err != nil {
		return err
	}
	t.Wrapped, err = d.wrap(d.current, priv)
	t.Length = uint32(max(0, len(t.Wrapped)-kwpOverhead))
	return err
}

// parsePoint reads CKA_EC_POINT, which is a DER octet string around the uncompressed point (PKCS#11 2.40, 2.3.3) or, from
// some devices, the point alone.
func parsePoint(point []byte) (*ecdsa.PublicKey, error) {
	var inner []byte
	if rest, err := asn1.Unmarshal(point, &inner); err == nil && len(rest) == 0 {
		point = inner
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, fmt.Errorf("the device gave a public key that is not on P-256: %w", err)
	}
	return public, nil
}

// wrap wraps key under the domain key. The caller holds ownerMu.
func (d *Device) wrap(keys domainKeys, key object) ([]byte, error) {
	var out [maxWrapped]byte
	n, err := d.lib.wrap(d.owner, keyWrapPad, keys.wrap, key, out[:])
	if err != nil {
		return nil, err
	}
	return bytes.Clone(out[:n]), nil
}
