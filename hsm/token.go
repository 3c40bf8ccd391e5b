package hsm

// Token is the metadata of a wrapped backing key. Everything in it is public and covered, with the wrapped bytes,
// by a MAC under a second device key (DESIGN, "Key hierarchy").
type Token struct {
	KeyID string // printable ASCII, 1 to MaxKeyID bytes

	// MaterialID names the material. For symmetric keys it is the HMAC, under the key itself, of a label and the key id, so
	// that replicas and re-imports agree; for asymmetric keys a hash of the public key.
	MaterialID [32]byte

	Spec    Spec
	Purpose Purpose

	// Length is that of the wrapped plaintext in bytes, because some devices pad before they wrap. It is exact for secrets;
	// for private keys it counts the padding, and the PKCS#8 structure inside says where it ends.
	Length uint32

	Custody          Custody
	DomainKeyVersion uint32 // from 1
	PublicKey        []byte // DER SubjectPublicKeyInfo, asymmetric specs only

	// Check is a keyed check value over the key's name and uses, compared after every load: an HMAC under a secret, a
	// signature by a private key.
	Check []byte

	Wrapped []byte // AES-KWP (RFC 5649) under the domain key
	MAC     []byte // HMAC-SHA-256 over all of the above
}
