// Package uuid prints UUIDs (RFC 9562): ids of keys, requests and audit events.
package uuid

import "encoding/hex"

// ID is a UUID.
type ID [16]byte

// V4 makes a UUID of version 4 of random bytes (RFC 9562, section 5.4), six bits of which are lost.
func V4(random [16]byte) ID {
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	return random
}

// Append appends the lower-case form 8-4-4-4-12 (RFC 9562, section 4).
func (id ID) Append(b []byte) []byte {
	b = append(hex.AppendEncode(b, id[:4]), '-')
	b = append(hex.AppendEncode(b, id[4:6]), '-')
	b = append(hex.AppendEncode(b, id[6:8]), '-')
	b = append(hex.AppendEncode(b, id[8:10]), '-')
	return hex.AppendEncode(b, id[10:])
}

// String gives what Append appends.
func (id ID) String() string {
	var text [36]byte
	return string(id.Append(text[:0]))
}
