package hsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The encoding of a Token: one version byte, then every field in the order of the struct, numbers big-endian,
// variable fields behind a two-byte length. No field is optional and nothing may follow the last, so a Token has
// exactly one encoding and two encodings that differ in any byte are two tokens.
const (
	tokenVersion = 1

	// TokenMACSize is the length in bytes of Token.MAC, an HMAC-SHA-256.
	TokenMACSize = 32

	maxName      = 64      // bytes of a spec, purpose or custody
	maxCheck     = 64      // bytes
	maxPublicKey = 4 << 10 // bytes: an RSA-4096 SubjectPublicKeyInfo is 550, an ML-DSA-87 one 2,614
	maxWrapped   = 8 << 10 // bytes: an RSA-4096 PKCS#8 is 2,400
)

// macLabel separates token MACs from everything else that the device's MAC key may ever be used for.
const macLabel = "ostiary token mac v1\x00"

var errTruncated = errors.New("truncated")

// Marshal encodes t. It fails, with ErrToken, when a field is out of the bounds that ParseToken accepts.
func (t Token) Marshal() ([]byte, error) {
	if len(t.MAC) != TokenMACSize {
		return nil, fmt.Errorf("%w: MAC has %d bytes, want %d", ErrToken, len(t.MAC), TokenMACSize)
	}
	b, err := t.appendBody(make([]byte, 0, t.sizeHint()))
	if err != nil {
		return nil, err
	}
	return append(b, t.MAC...), nil
}

// MACInput gives the bytes that Token.MAC covers: a label and the encoding of every field but the MAC itself. It
// fails as Marshal does.
func (t Token) MACInput() ([]byte, error) {
	b := make([]byte, 0, len(macLabel)+t.sizeHint())
	return t.appendBody(append(b, macLabel...))
}

// ParseToken decodes what Marshal made. It accepts no other encoding; every failure is ErrToken. A parsed token is
// well-formed and no more: only the device can tell whether its MAC is right. The byte fields
// of the result share memory with b, which must not be changed.
func ParseToken(b []byte) (Token, error) {
	t, err := parseToken(b)
	if err != nil {
		return Token{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return t, nil
}

func parseToken(b []byte) (t Token, err error) {
	if len(b) > MaxToken {
		return t, fmt.Errorf("%d bytes, at most %d are allowed", len(b), MaxToken)
	}
	if len(b) == 0 {
		return t, errTruncated
	}
	if b[0] != tokenVersion {
		return t, fmt.Errorf("unknown version %d", b[0])
	}
	r := reader{rest: b[1:]}
	t.KeyID = string(r.bytes())
	copy(t.MaterialID[:], r.take(len(t.MaterialID)))
	t.Spec = Spec(name(r.bytes()))
	t.Purpose = Purpose(name(r.bytes()))
	t.Length = r.uint32()
	t.Custody = Custody(name(r.bytes()))
	t.DomainKeyVersion = r.uint32()
	t.PublicKey = r.part()
	t.Check = r.part()
	t.Wrapped = r.part()
	t.MAC = slices.Clip(r.take(TokenMACSize))
	if r.short {
		return t, errTruncated
	}
	if len(r.rest) != 0 {
		return t, fmt.Errorf("%d bytes follow its end", len(r.rest))
	}
	return t, t.validate()
}

// appendBody appends the encoding of t without its MAC.
func (t Token) appendBody(b []byte) ([]byte, error) {
	if err := t.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	b = append(b, tokenVersion)
	b = appendBytes(b, t.KeyID)
	b = append(b, t.MaterialID[:]...)
	b = appendBytes(b, t.Spec)
	b = appendBytes(b, t.Purpose)
	b = binary.BigEndian.AppendUint32(b, t.Length)
	b = appendBytes(b, t.Custody)
	b = binary.BigEndian.AppendUint32(b, t.DomainKeyVersion)
	b = appendBytes(b, t.PublicKey)
	b = appendBytes(b, t.Check)
	return appendBytes(b, t.Wrapped), nil
}

// sizeHint is at least the length of t's encoding.
func (t Token) sizeHint() int {
	const fixed = 1 + 7*2 + 2*4 + len(t.MaterialID) + TokenMACSize
	return fixed + len(t.KeyID) + len(t.Spec) + len(t.Purpose) + len(t.Custody) +
		len(t.PublicKey) + len(t.Check) + len(t.Wrapped)
}

// validate checks the bounds of every field but the MAC. Their sum stays below MaxToken.
func (t Token) validate() error {
	for _, f := range []struct {
		name     string
		len      int
		min, max int
	}{
		{"key id", len(t.KeyID), 1, MaxKeyID},
		{"spec", len(t.Spec), 1, maxName},
		{"purpose", len(t.Purpose), 1, maxName},
		{"public key", len(t.PublicKey), 0, maxPublicKey},
		{"check value", len(t.Check), 0, maxCheck},
		{"wrapped key", len(t.Wrapped), 16, maxWrapped}, // the least RFC 5649 makes is 16
	} {
		if f.len < f.min || f.len > f.max {
			return fmt.Errorf("%s has %d bytes, want %d to %d", f.name, f.len, f.min, f.max)
		}
	}
	if !printable(t.KeyID) || !printable(string(t.Spec)) || !printable(string(t.Purpose)) {
		return errors.New("a name in it is not printable ASCII")
	}
	if t.Custody != InDevice && t.Custody != InHost {
		return errors.New("unknown custody")
	}
	if t.DomainKeyVersion == 0 {
		return errors.New("domain key version is 0")
	}
	return nil
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func appendBytes[T ~string | ~[]byte](b []byte, v T) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(v))) // validate holds every length below 64 KiB
	return append(b, v...)
}

// reader takes fields off the front of rest. Once rest runs out, short is set and every field is empty.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if r.short || len(r.rest) < n {
		r.short = true
		return nil
	}
	v := r.rest[:n]
	r.rest = r.rest[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.take(2)
	if n == nil {
		return nil
	}
	return r.take(int(binary.BigEndian.Uint16(n)))
}

// part is bytes without room to grow into what follows; an empty field is nil.
func (r *reader) part() []byte {
	if b := r.bytes(); len(b) > 0 {
		return slices.Clip(b)
	}
	return nil
}

// name is a string, without an allocation for the names that nearly every token has.
func name(b []byte) string {
	switch string(b) {
	case string(SymmetricDefault):
		return string(SymmetricDefault)
	case string(PurposeKMS):
		return string(PurposeKMS)
	case string(InDevice):
		return string(InDevice)
	}
	return string(b)
}

func (r *reader) uint32() uint32 {
	n := r.take(4)
	if n == nil {
		return 0
	}
	return binary.BigEndian.Uint32(n)
}
