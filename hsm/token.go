package hsm

// Token is the metadata of a wrapped backing key. Everything in it is public and covered, with the wrapped bytes,
// by a MAC under a second device key (DESIGN, "Key hierarchy").
type Token struct {
	KeyID            string
	MaterialID       [32]byte // names the material: for symmetric keys the device's HMAC over a label and the key id
	Spec             Spec
	Purpose          Purpose
	Length           uint32 // exact length of the wrapped plaintext in bytes; KWP implementations zero-pad
	Custody          Custody
	DomainKeyVersion uint32
	PublicKey        []byte // DER SubjectPublicKeyInfo, asymmetric specs only
	Check            []byte // keyed check value, compared after every load
	Wrapped          []byte // AES-KWP (RFC 5649) under the domain key
	MAC              []byte // HMAC-SHA-256 over all of the above
}
