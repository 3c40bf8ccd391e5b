// Package secret holds byte strings that must not appear in logs, errors, encodings or panics.
//
// A [Bytes] keeps its content behind a closure. Formatting, logging, encoding and reflective printers can reach the function
// value, which shows at most a code address, but never the bytes that it captured. Every formatting method prints a fixed
// placeholder, and every encoder that asks the value for its encoding gets an error, so that a secret that strays into a
// response or a file is noticed instead of being written as an empty object.
//
// What the package cannot promise: the bytes are ordinary Go heap memory. [Bytes.Wipe] clears the one copy it owns; copies that
// the caller, the compiler or the collector's stack moves made are out of reach, and so are core dumps of a process that permits
// them.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Placeholder is what every printing path shows instead of the content.
const Placeholder = "[secret]"

// ErrNoEncoding is returned by every Marshal and Encode method of [Bytes].
var ErrNoEncoding = errors.New("secret: a secret has no encoding")

// Bytes is a byte string that nothing prints. The zero value is empty. Copies share the same content: wiping one wipes all.
// Values cannot be compared with ==; use [Bytes.Equal].
//
// Reading from several goroutines is safe. Wipe must not run at the same time as any other method on a copy, nor while
// bytes returned by Reveal are in use.
type Bytes struct {
	// hold returns the live bytes; with wipe set it clears and forgets them first.
	hold func(wipe bool) []byte
}

// New returns b as a secret and takes ownership of it: the caller must neither use nor change b afterwards.
func New(b []byte) Bytes {
	return Bytes{hold: func(wipe bool) []byte {
		if wipe {
			clear(b)
			b = nil
		}
		return b
	}}
}

// FromString returns a secret with a copy of s. The string itself stays in memory until collected; prefer [New] where the
// source can be wiped.
func FromString(s string) Bytes { return New([]byte(s)) }

// Reveal returns the live bytes, nil after [Bytes.Wipe] and for the zero value. They are shared: do not change them, and do not
// keep them beyond the call that needs them.
func (s Bytes) Reveal() []byte {
	if s.hold == nil {
		return nil
	}
	return s.hold(false)
}

// Len returns the length in bytes.
func (s Bytes) Len() int { return len(s.Reveal()) }

// Equal reports whether both hold the same bytes, in time that depends on the lengths only. Empty secrets are equal to one
// another, so code that checks a credential must refuse an empty one first.
func (s Bytes) Equal(other Bytes) bool {
	return subtle.ConstantTimeCompare(s.Reveal(), other.Reveal()) == 1
}

// Wipe overwrites the content with zeros and forgets it, for all copies. It may be called more than once.
func (s Bytes) Wipe() {
	if s.hold != nil {
		s.hold(true)
	}
}

// String returns [Placeholder].
func (Bytes) String() string { return Placeholder }

// GoString returns [Placeholder].
func (Bytes) GoString() string { return Placeholder }

// Format prints [Placeholder] for every verb and flag.
func (Bytes) Format(f fmt.State, _ rune) {
	// A printer that cannot write has nowhere to report it.
	_, _ = io.WriteString(f, Placeholder)
}

// LogValue returns [Placeholder].
func (Bytes) LogValue() slog.Value { return slog.StringValue(Placeholder) }

// MarshalJSON fails with [ErrNoEncoding].
func (Bytes) MarshalJSON() ([]byte, error) { return nil, ErrNoEncoding }

// MarshalText fails with [ErrNoEncoding]; it also stands in the way of XML, TOML and map keys.
func (Bytes) MarshalText() ([]byte, error) { return nil, ErrNoEncoding }

// MarshalBinary fails with [ErrNoEncoding]; it also stands in the way of CBOR.
func (Bytes) MarshalBinary() ([]byte, error) { return nil, ErrNoEncoding }

// GobEncode fails with [ErrNoEncoding].
func (Bytes) GobEncode() ([]byte, error) { return nil, ErrNoEncoding }
