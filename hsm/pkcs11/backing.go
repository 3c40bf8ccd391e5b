package pkcs11

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

// messageLabel keeps the messages of one purpose from opening as those of another. It is asked for at every call, so that
// the usual answers are constants.
func messageLabel(p hsm.Purpose) string {
	const prefix = "ostiary/message/v1/"
	switch p {
	case hsm.PurposeKMS:
		return prefix + string(hsm.PurposeKMS)
	case hsm.PurposeHostRoot:
		return prefix + string(hsm.PurposeHostRoot)
	}
	return prefix + string(p)
}

// backingKey is a backing key open in the device. There are thousands, so it keeps of its token only what a call needs.
type backingKey struct {
	object  object
	spec    hsm.Spec
	purpose hsm.Purpose
}

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
	k, err := kindOf(t)
	if err != nil {
		return nil, err
	}
	o, err := d.unwrap(keys, t)
	if err != nil {
		return nil, err
	}
	if err := k.prove(d, o, t); err != nil {
		d.destroyLocked(o)
		return nil, err
	}
	return &backingKey{object: o, spec: t.Spec, purpose: t.Purpose}, nil
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

// unwrap opens the wrapped key. SoftHSM answers CKR_GENERAL_ERROR to a key that does not unwrap, and so do devices that
// have broken down: which it is shows when the device is asked to wrap and unwrap another key, and then this one once more.
// The caller holds ownerMu.
func (d *Device) unwrap(keys domainKeys, t hsm.Token) (object, error) {
	attributes := d.templates[t.Spec].unwrap
	o, err := d.lib.unwrap(d.owner, keyWrapPad, keys.wrap, t.Wrapped, attributes)
	if err == nil || classOf(err) == classBusy {
		return o, err
	}
	if classOf(err) != classInput {
		if d.roundTrip(keys) != nil {
			return 0, d.fuse.blow(err)
		}
		if o, err = d.lib.unwrap(d.owner, keyWrapPad, keys.wrap, t.Wrapped, attributes); err == nil {
			return o, nil
		}
	}
	return 0, fmt.Errorf("%w: %v", hsm.ErrToken, err) // err itself might pass for ErrUnavailable
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

// ownerHMAC is HMAC-SHA-256 in the owner session. The caller holds ownerMu.
func (d *Device) ownerHMAC(key object, in []byte) ([]byte, error) {
	out := make([]byte, sha256.Size)
	n, err := d.lib.sign(d.owner, p11.CKM_SHA256_HMAC, key, in, out)
	if err != nil {
		return nil, d.ownerCheck(err)
	}
	if n != len(out) {
		return nil, d.fuse.blow(fmt.Errorf("C_Sign: HMAC-SHA-256 of %d bytes", n))
	}
	return out, nil
}

// ownerCheck is fuse.check for a call on the owner session, whose loss is the loss of every key that is open.
func (d *Device) ownerCheck(err error) error {
	if err != nil && classOf(err) == classSession {
		return d.fuse.blow(err)
	}
	return d.fuse.check(err)
}

// destroyLocked destroys a session object. A key that cannot be destroyed is one that the next caller may find: the process
// has to end with it. The caller holds ownerMu.
func (d *Device) destroyLocked(o object) {
	d.destroyed.Add(1)
	if err := d.lib.destroy(d.owner, o); err != nil {
		d.config.Log.Error("a session object could not be destroyed", "error", d.fuse.blow(err))
	}
}
