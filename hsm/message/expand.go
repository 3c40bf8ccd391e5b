package message

import (
	"crypto/sha256"
	"crypto/subtle"
)

// messageKeys are what one message is made with: 32 bytes of AES key and then the 32-byte commitment.
type messageKeys [keySize + commitmentSize]byte

func (k *messageKeys) aes() []byte        { return k[:keySize] }
func (k *messageKeys) commitment() []byte { return k[keySize:] }

// expand is HKDF-Expand-SHA-256(k, info, 64), RFC 5869, 2.3. It is written out because crypto/hkdf takes 14
// allocations and 0.8 us longer for it, on the path of every call; a test holds the two equal.
func expand(k *[32]byte) (out messageKeys) {
	const block = sha256.BlockSize
	var inner [block + sha256.Size + len(info) + 1]byte // ipad || T(i-1) || info || i
	var outer [block + sha256.Size]byte                 // opad || inner hash
	pad(inner[:block], k, 0x36)
	pad(outer[:block], k, 0x5c)

	mac := func(message []byte) [sha256.Size]byte { // HMAC, RFC 2104; message begins with ipad
		h := sha256.Sum256(message)
		copy(outer[block:], h[:])
		return sha256.Sum256(outer[:])
	}
	n := block + copy(inner[block:], info)
	inner[n] = 1
	t := mac(inner[:n+1])
	copy(out[:], t[:])

	n = block + copy(inner[block:], t[:])
	n += copy(inner[n:], info)
	inner[n] = 2
	t = mac(inner[:n+1])
	copy(out[sha256.Size:], t[:])

	clear(inner[:])
	clear(outer[:])
	clear(t[:])
	return out
}

// pad sets dst, one hash block, to the HMAC key k filled up with zeros and xored with x.
func pad(dst []byte, k *[32]byte, x byte) {
	for i := range dst {
		dst[i] = x
	}
	subtle.XORBytes(dst, dst[:len(k)], k[:])
}
