package sigv4

import (
	"crypto/sha256"
	"encoding/binary"
)

// DeriveKey returns the key with which an access key's secret signs requests of one day (YYYYMMDD) to one service in one
// region: four HMACs, each keyed with the result of the one before. The key of a scope says nothing of those of others.
//
// An empty secret gives a key that everybody can derive; the caller must not get here with one.
func DeriveKey(secret []byte, date, region, service string) [32]byte {
	start := append([]byte("AWS4"), secret...)
	key := hmacAnyKey(start, date)
	clear(start)
	for _, part := range [...]string{region, service, terminator} {
		next := hmacSHA256(&key, []byte(part))
		key = next
	}
	return key
}

// blockSize is the block length of SHA-256, in bytes.
const blockSize = sha256.BlockSize

// maxMessage is the longest string to sign, in bytes: a scope of at most maxCredential and three short lines.
const maxMessage = maxCredential + 128

// hmacAnyKey is HMAC-SHA-256 with a key of any length.
func hmacAnyKey(key []byte, message string) [32]byte {
	var block [blockSize]byte
	if len(key) > blockSize {
		sum := sha256.Sum256(key)
		copy(block[:], sum[:])
	} else {
		copy(block[:], key)
	}
	mac := hmacBlock(&block, []byte(message))
	clear(block[:])
	return mac
}

// hmacSHA256 is HMAC-SHA-256 with a key of 32 bytes.
func hmacSHA256(key *[32]byte, message []byte) [32]byte {
	var block [blockSize]byte
	copy(block[:], key[:])
	mac := hmacBlock(&block, message)
	clear(block[:])
	return mac
}

// hmacBlock is RFC 2104 over SHA-256, for a key that is padded to a block. Unlike crypto/hmac it allocates nothing for messages
// up to maxMessage and leaves no copy of the key behind; the difference is 0.2 us and six allocations in every request.
func hmacBlock(key *[blockSize]byte, message []byte) [32]byte {
	var space [blockSize + maxMessage]byte
	padKey(&space, key, 0x36)
	sum := sha256.Sum256(append(space[:blockSize], message...))
	padKey(&space, key, 0x5c)
	mac := sha256.Sum256(append(space[:blockSize], sum[:]...))
	clear(space[:blockSize])
	return mac
}

// padKey makes the first block the key, each byte combined with pad.
func padKey(space *[blockSize + maxMessage]byte, key *[blockSize]byte, pad uint64) {
	pad *= 0x0101010101010101
	for i := 0; i < blockSize; i += 8 {
		binary.NativeEndian.PutUint64(space[i:], binary.NativeEndian.Uint64(key[i:])^pad)
	}
}
