// Package message seals and opens the messages of symmetric keys.
//
// It promises, for a key that exists only behind a PRF (a device's HMAC-SHA-256):
//
//   - A message opens under the key, label and associated data that sealed it, and under nothing else. Whatever is
//     wrong with it, the answer is hsm.ErrMessage and no more.
//   - A message commits to its key: nobody, not even who chose the keys, can make one that opens under two.
//   - There is no practical limit to the messages of one key. Each gets an AES key of its own from a random 128-bit
//     nonce, and that key is used for one GCM call with a random 96-bit IV: a repeat of both is never to be seen.
//   - The device does one PRF call of a fixed small size per message, however long the message is.
//
// The construction (DESIGN, "Symmetric messages"):
//
//	block      = [1]_32 || label || 0x00 || nonce || [256]_32      SP 800-108r1, 4.1: counter mode, one iteration
//	K          = PRF(key, block)                                   in the device
//	AES key, C = HKDF-Expand(K, info, 32 + 32)                     RFC 5869, 2.3
//	message    = version || nonce (16) || C (32) || IV (12) || AES-256-GCM ciphertext and tag (16)
//
// An HMAC input of any other use of the same key must not begin with the four bytes 00 00 00 01.
package message

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"ostiary.dev/hsm"
)

const (
	version        = 1
	nonceSize      = 16
	keySize        = 32
	commitmentSize = 32
	gcmOverhead    = 12 + 16 // IV and tag
	headerSize     = 1 + nonceSize + commitmentSize
	maxLabel       = 128

	// Overhead is how many bytes a message is longer than its plaintext.
	Overhead = headerSize + gcmOverhead

	// info separates the expansion from every other use of HKDF on a PRF's output.
	info = "ostiary message v1 key and commitment"
)

// ErrArgument means that what was to be sealed is out of bounds: the fault is the caller's.
var ErrArgument = errors.New("not a valid argument for sealing")

// PRF is HMAC-SHA-256 under the key that messages are sealed with. It must not keep or change block.
type PRF func(block []byte) (out [32]byte, err error)

// Seal encrypts and authenticates plaintext and authenticates aad. label names the use of the key, 1 to 128 bytes
// without 0x00; messages of one label do not open under another. plaintext and aad are bounded by hsm.MaxPlaintext and
// hsm.MaxAAD (ErrArgument). An error of the PRF is returned as it is.
func Seal(prf PRF, label string, aad, plaintext []byte) ([]byte, error) {
	switch {
	case len(plaintext) > hsm.MaxPlaintext:
		return nil, fmt.Errorf("%w: plaintext of %d bytes, at most %d", ErrArgument, len(plaintext), hsm.MaxPlaintext)
	case len(aad) > hsm.MaxAAD:
		return nil, fmt.Errorf("%w: associated data of %d bytes, at most %d", ErrArgument, len(aad), hsm.MaxAAD)
	}
	out := make([]byte, headerSize, Overhead+len(plaintext))
	out[0] = version
	rand.Read(out[1 : 1+nonceSize]) // never fails (crypto/rand)

	keys, err := derive(prf, label, out[1:1+nonceSize])
	if err != nil {
		return nil, err
	}
	defer clear(keys[:])
	copy(out[1+nonceSize:], keys.commitment())
	gcm, err := newGCM(keys.aes())
	if err != nil {
		return nil, err
	}
	return gcm.Seal(out, nil, plaintext, aad), nil
}

// Open is the inverse of Seal. Every failure is hsm.ErrMessage itself, but for a bad label (ErrArgument) and errors of
// the PRF, which are returned as they are: that a device is away says nothing about the message.
func Open(prf PRF, label string, aad, message []byte) ([]byte, error) {
	if len(message) < Overhead || len(message) > Overhead+hsm.MaxPlaintext || len(aad) > hsm.MaxAAD || message[0] != version {
		return nil, hsm.ErrMessage
	}
	keys, err := derive(prf, label, message[1:1+nonceSize])
	if err != nil {
		return nil, err
	}
	defer clear(keys[:])
	if subtle.ConstantTimeCompare(keys.commitment(), message[1+nonceSize:headerSize]) != 1 {
		return nil, hsm.ErrMessage
	}
	gcm, err := newGCM(keys.aes())
	if err != nil {
		return nil, err
	}
	plaintext, err := gcm.Open(nil, nil, message[headerSize:], aad)
	if err != nil {
		return nil, hsm.ErrMessage
	}
	return plaintext, nil
}

// derive gives the keys of one message. The caller clears them.
func derive(prf PRF, label string, nonce []byte) (keys messageKeys, err error) {
	if label == "" || len(label) > maxLabel || strings.IndexByte(label, 0) >= 0 {
		return keys, fmt.Errorf("%w: label %q", ErrArgument, label)
	}
	k, err := prf(appendBlock(make([]byte, 0, 4+len(label)+1+nonceSize+4), label, nonce))
	if err != nil {
		return keys, err
	}
	keys = expand(&k)
	clear(k[:])
	return keys, nil
}

// appendBlock appends the input of the SP 800-108 counter-mode PRF for a single 256-bit block of output.
func appendBlock(b []byte, label string, nonce []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, 1)
	b = append(b, label...)
	b = append(b, 0)
	b = append(b, nonce...)
	return binary.BigEndian.AppendUint32(b, 256)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
