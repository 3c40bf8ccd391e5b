package pkcs11

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

// selfTest is the probe at start. Nothing else runs on the device yet, but it takes ownerMu as its helpers ask.
func (d *Device) selfTest() error {
	if err := d.knownAnswer(); err != nil {
		return err
	}
	for _, version := range slices.Sorted(maps.Keys(d.domain)) {
		if err := d.auditCustody(d.domain[version]); err != nil {
			return err
		}
	}
	for _, spec := range []hsm.Spec{hsm.SymmetricDefault, hsm.ECCNISTP256} {
		err := d.trySpec(spec)
		switch {
		case err == nil:
			d.specs = append(d.specs, spec)
		case spec == hsm.SymmetricDefault:
			return fmt.Errorf("%w: %s does not work: %w", ErrSelfTest, spec, err)
		case errors.Is(err, hsm.ErrUnavailable):
			return err // it may have the spec and just could not show it
		default:
			d.config.Log.Warn("the device lacks a key spec", "spec", spec, "error", err)
		}
	}
	return d.fuse.intact()
}

// knownAnswer asks the device for the HMAC of RFC 4231, test case 3 with the key filled up to 32 bytes by zeros (RFC 2104
// does the same to 64, so that the answer is the RFC's): many devices refuse shorter keys.
func (d *Device) knownAnswer() error {
	const want = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
	key, in := make([]byte, 32), make([]byte, 50)
	for i := range 20 {
		key[i] = 0xaa
	}
	for i := range in {
		in[i] = 0xdd
	}
	t := newTemplate(
		numbers(p11.CKA_CLASS, p11.CKO_SECRET_KEY),
		numbers(p11.CKA_KEY_TYPE, p11.CKK_GENERIC_SECRET),
		flag(p11.CKA_TOKEN, false),
		flag(p11.CKA_PRIVATE, true),
		flag(p11.CKA_SIGN, true),
		octets(p11.CKA_VALUE, key))

	d.ownerMu.Lock()
	defer d.ownerMu.Unlock()
	o, err := d.lib.create(d.owner, t)
	if err != nil {
		return fmt.Errorf("%w: it takes no key with a known value to be tested with: %w", ErrSelfTest, err)
	}
	defer d.destroyLocked(o)
	got, err := d.ownerHMAC(o, in)
	if err != nil {
		return fmt.Errorf("%w: HMAC-SHA-256: %w", ErrSelfTest, err)
	}
	if hex.EncodeToString(got) != want {
		return fmt.Errorf("%w: HMAC-SHA-256 of a known message is wrong: do not use this device", ErrSelfTest)
	}
	return nil
}

// trySpec makes a key of spec, opens its token and destroys it.
func (d *Device) trySpec(spec hsm.Spec) error {
	token, err := d.newToken(hsm.KeyRequest{KeyID: "self-test", Spec: spec, Purpose: "self-test"})
	if err != nil {
		return err
	}
	k, err := d.open(token)
	if err != nil {
		return err
	}
	d.destroy(k)
	return nil
}

// auditCustody tries what would let keys out to somebody who has the user PIN, and wants every attempt refused. The attributes
// say the same; but what a device says of an object and what it permits are two things.
func (d *Device) auditCustody(keys domainKeys) error {
	d.ownerMu.Lock()
	defer d.ownerMu.Unlock()
	for _, x := range []struct {
		name string
		key  object
	}{{wrapKey().name, keys.wrap}, {macKey().name, keys.mac}} {
		for what, attempt := range map[string]func(object) (object, error){
			"shows its value":                     d.tryRead,
			"wraps out under a key of the user's": d.tryWrapOut,
			"can be copied with other attributes": d.tryCopy,
		} {
			if err := d.refused(attempt(x.key)); err != nil {
				return fmt.Errorf("%w: the %s v%d %s (%w): do not use this device", ErrSelfTest, x.name, keys.version, what, err)
			}
		}
	}
	return d.auditUnwrap(keys)
}

var errPermitted = errors.New("not refused")

// refused turns the outcome of an attempt into nil if the device refused it, and cleans up if it did not.
func (d *Device) refused(made object, err error) error {
	if err == nil {
		if made != 0 {
			d.destroyLocked(made)
		}
		return errPermitted
	}
	if codeOf(err) == 0 || classOf(err) != classInput {
		return err // neither refused nor permitted
	}
	return nil
}

func (d *Device) tryRead(key object) (object, error) {
	value, err := d.lib.attribute(d.owner, key, p11.CKA_VALUE)
	clear(value)
	if err == nil && len(value) == 0 {
		return 0, &CallError{Call: "C_GetAttributeValue", Code: p11.CKR_ATTRIBUTE_SENSITIVE} // another way to refuse
	}
	return 0, err
}

func (d *Device) tryWrapOut(key object) (object, error) {
	t := newTemplate(
		numbers(p11.CKA_CLASS, p11.CKO_SECRET_KEY),
		numbers(p11.CKA_KEY_TYPE, p11.CKK_AES),
		numbers(p11.CKA_VALUE_LEN, 32),
		flag(p11.CKA_TOKEN, false),
		flag(p11.CKA_WRAP, true))
	users, err := d.lib.generate(d.owner, p11.CKM_AES_KEY_GEN, t)
	if err != nil {
		return 0, fmt.Errorf("no key to try it with can be made: %v", err) // a refusal of this is not one of the attempt
	}
	defer d.destroyLocked(users)
	var out [maxWrapped]byte
	defer clear(out[:])
	_, err = d.lib.wrap(d.owner, keyWrapPad, users, key, out[:])
	return 0, err
}

func (d *Device) tryCopy(key object) (object, error) {
	t := newTemplate(flag(p11.CKA_TOKEN, false), flag(p11.CKA_DECRYPT, true))
	return d.lib.copyObject(d.owner, key, t)
}

// auditUnwrap tries to open a token to a key that can be read or wrapped. The caller holds ownerMu.
func (d *Device) auditUnwrap(keys domainKeys) error {
	fresh, err := d.lib.generate(d.owner, p11.CKM_GENERIC_SECRET_KEY_GEN, d.templates[hsm.SymmetricDefault].generate)
	if err != nil {
		return err
	}
	defer d.destroyLocked(fresh)
	wrapped, err := d.wrap(keys, fresh)
	if err != nil {
		return fmt.Errorf("%w: the domain key v%d does not wrap: %w", ErrSelfTest, keys.version, err)
	}
	for _, leak := range []struct {
		what                   string
		sensitive, extractable bool
	}{
		{"readable", false, false},
		{"extractable", true, true},
		{"readable and extractable", false, true},
	} {
		t := newTemplate(
			numbers(p11.CKA_CLASS, p11.CKO_SECRET_KEY),
			numbers(p11.CKA_KEY_TYPE, p11.CKK_GENERIC_SECRET),
			flag(p11.CKA_TOKEN, false),
			flag(p11.CKA_PRIVATE, true),
			flag(p11.CKA_SENSITIVE, leak.sensitive),
			flag(p11.CKA_EXTRACTABLE, leak.extractable),
			flag(p11.CKA_SIGN, true))
		err := d.refused(d.lib.unwrap(d.owner, keyWrapPad, keys.wrap, wrapped, t))
		if err != nil {
			return fmt.Errorf("%w: the domain key v%d opens tokens to keys that are %s (%w): do not use this device",
				ErrSelfTest, keys.version, leak.what, err)
		}
	}
	return nil
}
