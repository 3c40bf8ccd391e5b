package pkcs11

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	p11 "github.com/miekg/pkcs11"
)

// The two long-lived keys of a domain key version are token objects, found by their CKA_ID: a prefix and the version as
// four bytes, big-endian. Their labels say the same for people who list the token.
const (
	wrapIDPrefix = "ostiary-dk-"
	macIDPrefix  = "ostiary-mac-"
)

// keyWrapPad is AES-KWP (RFC 5649) under the number that it had before PKCS#11 3.0 gave it 0x210B. SoftHSM knows only this.
const keyWrapPad = p11.CKM_AES_KEY_WRAP_PAD

const domainKeySize = 32 // bytes, of both keys

// domainKeys are the two keys of one domain key version.
type domainKeys struct {
	version uint32
	wrap    object // AES, wraps and unwraps backing keys
	mac     object // generic secret, HMAC over tokens
}

// domainObject says what one of the two keys must be like.
type domainObject struct {
	name       string // for people
	prefix     string // of CKA_ID
	generate   uint   // mechanism
	attributes []attribute
}

// wrapKey is the domain key. It can be wrapped out only under a key that the security officer trusts (the join), cannot
// encrypt or decrypt, serves one mechanism, and gives only keys that stay in the device and in the session. CKA_COPYABLE is
// false because on some devices a copy may be given CKA_DECRYPT, and CKA_ALLOWED_MECHANISMS is set because unwrapping with a
// padded CBC mode is a decryption oracle. CKA_MODIFIABLE comes last: it closes the object.
func wrapKey() domainObject {
	return domainObject{
		name: "domain key", prefix: wrapIDPrefix, generate: p11.CKM_AES_KEY_GEN,
		attributes: []attribute{
			numbers(p11.CKA_CLASS, p11.CKO_SECRET_KEY),
			numbers(p11.CKA_KEY_TYPE, p11.CKK_AES),
			flag(p11.CKA_TOKEN, true),
			flag(p11.CKA_PRIVATE, true),
			flag(p11.CKA_SENSITIVE, true),
			flag(p11.CKA_EXTRACTABLE, true),
			flag(p11.CKA_WRAP_WITH_TRUSTED, true),
			flag(p11.CKA_WRAP, true),
			flag(p11.CKA_UNWRAP, true),
			flag(p11.CKA_ENCRYPT, false),
			flag(p11.CKA_DECRYPT, false),
			flag(p11.CKA_SIGN, false),
			flag(p11.CKA_VERIFY, false),
			flag(p11.CKA_DERIVE, false),
			flag(p11.CKA_COPYABLE, false),
			numbers(p11.CKA_ALLOWED_MECHANISMS, keyWrapPad),
			list(p11.CKA_UNWRAP_TEMPLATE, []attribute{
				flag(p11.CKA_SENSITIVE, true),
				flag(p11.CKA_EXTRACTABLE, false),
				flag(p11.CKA_TOKEN, false),
			}),
			flag(p11.CKA_MODIFIABLE, false),
		},
	}
}

// macKey authenticates tokens. It travels to a joining device as the domain key does, so it is as extractable and as
// guarded, and it can do nothing but HMAC.
func macKey() domainObject {
	return domainObject{
		name: "token MAC key", prefix: macIDPrefix, generate: p11.CKM_GENERIC_SECRET_KEY_GEN,
		attributes: []attribute{
			numbers(p11.CKA_CLASS, p11.CKO_SECRET_KEY),
			numbers(p11.CKA_KEY_TYPE, p11.CKK_GENERIC_SECRET),
			flag(p11.CKA_TOKEN, true),
			flag(p11.CKA_PRIVATE, true),
			flag(p11.CKA_SENSITIVE, true),
			flag(p11.CKA_EXTRACTABLE, true),
			flag(p11.CKA_WRAP_WITH_TRUSTED, true),
			flag(p11.CKA_SIGN, true),
			flag(p11.CKA_VERIFY, true),
			flag(p11.CKA_ENCRYPT, false),
			flag(p11.CKA_DECRYPT, false),
			flag(p11.CKA_WRAP, false),
			flag(p11.CKA_UNWRAP, false),
			flag(p11.CKA_DERIVE, false),
			flag(p11.CKA_COPYABLE, false),
			numbers(p11.CKA_ALLOWED_MECHANISMS, p11.CKM_SHA256_HMAC),
			flag(p11.CKA_MODIFIABLE, false),
		},
	}
}

func (o domainObject) id(version uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte(o.prefix), version)
}

func (o domainObject) label(version uint32) string { return fmt.Sprintf("%sv%d", o.prefix, version) }

// make generates o in the token, for version.
func (o domainObject) make(l *library, h session, version uint32) error {
	t := newTemplate(slices.Concat([]attribute{
		text(p11.CKA_LABEL, o.label(version)),
		octets(p11.CKA_ID, o.id(version)),
		numbers(p11.CKA_VALUE_LEN, domainKeySize),
	}, o.attributes)...)
	_, err := l.generate(h, o.generate, t)
	return err
}

// check compares the attributes of key, a token object of version, with what they must be. Arrays of attributes are left
// out: devices differ in how they show them, so auditCustody tries what they forbid.
func (o domainObject) check(l *library, h session, key object, version uint32) error {
	want := append([]attribute{numbers(p11.CKA_VALUE_LEN, domainKeySize)}, o.attributes...)
	for _, a := range want {
		if a.nested != nil {
			continue
		}
		got, err := l.attribute(h, key, a.kind)
		if err != nil {
			return fmt.Errorf("%w: the device does not show attribute 0x%X of the %s v%d: %w", ErrDomainKey, a.kind, o.name, version, err)
		}
		if !bytes.Equal(got, a.value) {
			return fmt.Errorf("%w: attribute 0x%X of the %s v%d is %x, want %x: the key is not protected as it must be and is not used",
				ErrDomainKey, a.kind, o.name, version, got, a.value)
		}
	}
	return nil
}

// domain finds and checks the keys of every domain key version in the token.
func (l *library) domain(h session) (map[uint32]domainKeys, error) {
	wrap, err := l.versions(h, wrapKey())
	if err != nil {
		return nil, err
	}
	mac, err := l.versions(h, macKey())
	if err != nil {
		return nil, err
	}
	found := make(map[uint32]domainKeys)
	for v, key := range wrap {
		m, ok := mac[v]
		if !ok {
			return nil, fmt.Errorf("%w: the token holds the domain key v%d without its MAC key, which is made first: it was deleted; restore the token",
				ErrDomainKey, v)
		}
		found[v] = domainKeys{version: v, wrap: key, mac: m}
	}
	return found, nil // a MAC key alone is what an interrupted Initialize leaves
}

// newest gives the highest version there is.
func newest(found map[uint32]domainKeys) (domainKeys, error) {
	if len(found) == 0 {
		return domainKeys{}, fmt.Errorf("%w: the token holds none: initialise it, or join it to the domain", ErrDomainKey)
	}
	return found[slices.Max(slices.Collect(maps.Keys(found)))], nil
}

// versions finds the token objects of o's kind, by version, and checks each.
func (l *library) versions(h session, o domainObject) (map[uint32]object, error) {
	secrets, err := l.objects(h, numbers(p11.CKA_CLASS, p11.CKO_SECRET_KEY), flag(p11.CKA_TOKEN, true))
	if err != nil {
		return nil, err
	}
	found := make(map[uint32]object)
	for _, key := range secrets {
		id, err := l.attribute(h, key, p11.CKA_ID)
		if err != nil {
			return nil, fmt.Errorf("reading the id of a key in the token: %w", err)
		}
		rest, ours := bytes.CutPrefix(id, []byte(o.prefix))
		if !ours {
			continue
		}
		if len(rest) != 4 || binary.BigEndian.Uint32(rest) == 0 {
			return nil, fmt.Errorf("%w: a %s has the strange id %q", ErrDomainKey, o.name, id)
		}
		version := binary.BigEndian.Uint32(rest)
		if _, twice := found[version]; twice {
			return nil, fmt.Errorf("%w: the token holds the %s v%d twice: somebody added one; find out which is right and delete the other",
				ErrDomainKey, o.name, version)
		}
		if err := o.check(l, h, key, version); err != nil {
			return nil, err
		}
		found[version] = key
	}
	return found, nil
}

// objects lists the objects with these attributes.
func (l *library) objects(h session, with ...attribute) ([]object, error) {
	l.calls.Add(3)
	template := make([]*p11.Attribute, len(with))
	for i, a := range with {
		template[i] = p11.NewAttribute(a.kind, a.value)
	}
	if err := l.ctx.FindObjectsInit(h, template); err != nil {
		return nil, fromMiekg("C_FindObjectsInit", err)
	}
	var all []object
	for {
		some, _, err := l.ctx.FindObjects(h, 256)
		if err != nil {
			_ = l.ctx.FindObjectsFinal(h)
			return nil, fromMiekg("C_FindObjects", err)
		}
		if len(some) == 0 {
			return all, fromMiekg("C_FindObjectsFinal", l.ctx.FindObjectsFinal(h))
		}
		all = append(all, some...)
	}
}

// attribute reads one attribute.
func (l *library) attribute(h session, o object, kind uint) ([]byte, error) {
	l.calls.Add(1)
	a, err := l.ctx.GetAttributeValue(h, o, []*p11.Attribute{p11.NewAttribute(kind, nil)})
	if err != nil {
		return nil, fromMiekg("C_GetAttributeValue", err)
	}
	return a[0].Value, nil
}
