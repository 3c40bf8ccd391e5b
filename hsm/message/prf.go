package message

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// HMACPRF is a PRF over a key in this process's memory, for the keys that guard credentials and for tests. It keeps
// a copy of key, at least 32 bytes of it by the caller's promise, for as long as it lives. Any goroutine may use it.
func HMACPRF(key []byte) PRF {
	key = append([]byte(nil), key...)
	// A MAC keeps its padded key between uses, so that a pooled one costs half of a new one.
	macs := sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}
	return func(block []byte) (out [32]byte, err error) {
		m := macs.Get().(hash.Hash)
		m.Reset()
		m.Write(block)
		m.Sum(out[:0])
		macs.Put(m)
		return out, nil
	}
}
