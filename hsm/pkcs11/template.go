package pkcs11

import (
	p11 "github.com/miekg/pkcs11"
)

// specTemplates are the attributes that backing keys of one spec are made and opened with.
type specTemplates struct {
	generate *template // secret or private key, extractable for one wrap
	public   *template // public key, asymmetric specs
	unwrap   *template
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
