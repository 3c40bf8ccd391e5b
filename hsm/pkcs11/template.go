package pkcs11

import (
	"slices"
	"strings"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

// specTemplates are the attributes that backing keys of one spec are made and opened with.
type specTemplates struct {
	generate *template // secret or private key, extractable for one wrap
	public   *template // public key, asymmetric specs
	unwrap   *template
}

// templatesFor gives the templates for a library of this name.
//
// SoftHSM keeps the value of a CKA_PRIVATE object encrypted under a key that lies beside it in the process's memory, and
// decrypts it at every use: 3.5 of the 7.8 us that an HMAC takes. For an opened key that buys nothing: a session object belongs
// to this process alone, whose memory is locked and undumpable, and it can be read or wrapped as little. So on SoftHSM opened
// keys are not CKA_PRIVATE; everywhere else, and for everything that is stored or extractable, they are.
func templatesFor(library string) map[hsm.Spec]specTemplates {
	fresh := life{extractable: true, private: true}
	opened := life{extractable: false, private: !strings.HasPrefix(library, softHSM)}
	return map[hsm.Spec]specTemplates{
		hsm.SymmetricDefault: symmetricTemplates(fresh, opened),
		hsm.ECCNISTP256:      p256Templates(fresh, opened),
	}
}

// life is what differs between the two lives of a backing key in the device: fresh from the generator, to be wrapped and
// destroyed at once, and opened from its token.
type life struct{ extractable, private bool }

// template is the attributes of a key in this life. CKA_MODIFIABLE comes last: it closes the object.
func (l life) template(more ...attribute) *template {
	return newTemplate(slices.Concat(more, []attribute{
		flag(p11.CKA_TOKEN, false),
		flag(p11.CKA_PRIVATE, l.private),
		flag(p11.CKA_SENSITIVE, true),
		flag(p11.CKA_EXTRACTABLE, l.extractable),
		flag(p11.CKA_SIGN, true),
		flag(p11.CKA_DECRYPT, false),
		flag(p11.CKA_UNWRAP, false),
		flag(p11.CKA_DERIVE, false),
		flag(p11.CKA_COPYABLE, false),
		flag(p11.CKA_MODIFIABLE, false),
	})...)
}

func symmetricTemplates(fresh, opened life) specTemplates {
	secret := []attribute{
		numbers(p11.CKA_CLASS, p11.CKO_SECRET_KEY),
		numbers(p11.CKA_KEY_TYPE, p11.CKK_GENERIC_SECRET),
		flag(p11.CKA_ENCRYPT, false),
		flag(p11.CKA_VERIFY, false),
		flag(p11.CKA_WRAP, false),
	}
	return specTemplates{
		generate: fresh.template(slices.Concat(secret, []attribute{numbers(p11.CKA_VALUE_LEN, symmetricSize)})...),
		unwrap:   opened.template(secret...),
	}
}

func p256Templates(fresh, opened life) specTemplates {
	return specTemplates{
		generate: fresh.template(),
		unwrap:   opened.template(numbers(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), numbers(p11.CKA_KEY_TYPE, p11.CKK_EC)),
		public: newTemplate(
			octets(p11.CKA_EC_PARAMS, p256Params()),
			flag(p11.CKA_TOKEN, false),
			flag(p11.CKA_VERIFY, true)),
	}
}

// p256Params is the DER of the OID 1.2.840.10045.3.1.7, prime256v1.
func p256Params() []byte { return []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07} }
