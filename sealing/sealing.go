// Package sealing keeps the secrets of the replicated state unreadable in it. A Box holds the cluster's sealing key,
// which no log, snapshot or file contains in the clear, and binds each secret to the path of its record, so that
// sealed values cannot be swapped between records.
package sealing

import (
	"fmt"

	"ostiary.dev/hsm/message"
	"ostiary.dev/secret"
)

// label separates this use of the message construction from all others.
const label = "ostiary/state-secret/v1"

// KeySize is the size of a sealing key in bytes.
const KeySize = 32

// Box seals and opens secrets under one sealing key.
type Box struct {
	prf message.PRF
}

// NewBox makes a Box. It does not keep key.
func NewBox(key secret.Bytes) (*Box, error) {
	if key.Len() != KeySize {
		return nil, fmt.Errorf("sealing key has %d bytes, not %d", key.Len(), KeySize)
	}
	return &Box{prf: message.HMACPRF(key.Reveal())}, nil
}

// Seal encrypts a secret for the record at path.
func (b *Box) Seal(path string, plain secret.Bytes) ([]byte, error) {
	return message.Seal(b.prf, label, []byte(path), plain.Reveal())
}

// Open decrypts what Seal made for the same path. Anything else is hsm.ErrMessage.
func (b *Box) Open(path string, sealed []byte) (secret.Bytes, error) {
	plain, err := message.Open(b.prf, label, []byte(path), sealed)
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("secret of %s: %w", path, err)
	}
	return secret.New(plain), nil
}
