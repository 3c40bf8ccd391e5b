package pkcs11

import (
	"context"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"sync"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/message"
)

// Open gives the key behind token. A key that is not in the device's memory is loaded from the token and checked first.
func (d *Device) Open(ctx context.Context, token []byte) (hsm.Key, error) {
	if err := d.ready(ctx); err != nil {
		return nil, err
	}
	e, err := d.cache.acquire(ctx, token)
	if err != nil {
		return nil, err
	}
	if e.key.spec == hsm.SymmetricDefault {
		return &symmetricKey{reference: reference{device: d, entry: e}, label: messageLabel(e.key.purpose)}, nil
	}
	return &signingKey{reference{device: d, entry: e}}, nil
}

// reference is one use of a cached key. The lock keeps Close from ending it under a running operation: the handle of a
// destroyed object may be given to another.
type reference struct {
	device *Device
	mu     sync.RWMutex
	entry  *entry // guarded by mu; nil once closed
}

// Token is the metadata of the key's token, which was authenticated when the key was loaded. It is empty once the key is closed.
func (r *reference) Token() hsm.Token {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.entry == nil {
		return hsm.Token{}
	}
	t, err := hsm.ParseToken([]byte(r.entry.token))
	if err != nil {
		return hsm.Token{} // not reached: the key was loaded from it
	}
	return t
}

// Close ends the use of the key, after the operations that run. Closing twice is harmless.
func (r *reference) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entry != nil {
		r.device.cache.release(r.entry)
		r.entry = nil
	}
}

// sign runs C_Sign under the key.
func (r *reference) sign(ctx context.Context, mechanism uint, in, out []byte) (int, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.entry == nil {
		return 0, errReleased
	}
	return r.device.sign(ctx, r.entry.key.object, mechanism, in, out)
}

// symmetricKey is an hsm.Sealer, hsm.DataKeyer and hsm.Resealer.
type symmetricKey struct {
	reference
	label string
}

// Seal seals plaintext under the key.
func (k *symmetricKey) Seal(ctx context.Context, aad, plaintext []byte) ([]byte, error) {
	return message.Seal(func(block []byte) ([32]byte, error) { return k.prf(ctx, block) }, k.label, aad, plaintext)
}

// Unseal opens a message of the key.
func (k *symmetricKey) Unseal(ctx context.Context, aad, sealed []byte) ([]byte, error) {
	return message.Open(func(block []byte) ([32]byte, error) { return k.prf(ctx, block) }, k.label, aad, sealed)
}

// SealRandom seals n random bytes.
func (k *symmetricKey) SealRandom(ctx context.Context, aad []byte, n int, wantPlaintext bool) (plaintext, sealed []byte, err error) {
	if n < 1 || n > hsm.MaxDataKey {
		return nil, nil, fmt.Errorf("%d random bytes to seal, want 1 to %d", n, hsm.MaxDataKey)
	}
	if plaintext, err = k.device.Random(ctx, n); err != nil {
		return nil, nil, err
	}
	sealed, err = k.Seal(ctx, aad, plaintext)
	if err != nil || !wantPlaintext {
		clear(plaintext)
		plaintext = nil
	}
	return plaintext, sealed, err
}

// Reseal opens a message of the key and seals its plaintext under another key of the same device.
func (k *symmetricKey) Reseal(ctx context.Context, aad, sealed []byte, to hsm.Key, toAAD []byte) ([]byte, error) {
	other, ok := to.(*symmetricKey)
	if !ok || other.device != k.device {
		return nil, fmt.Errorf("%w: the other key cannot seal, or is not of this device", hsm.ErrUnsupported)
	}
	plaintext, err := k.Unseal(ctx, aad, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	return other.Seal(ctx, toAAD, plaintext)
}

// prf is HMAC-SHA-256 under the key.
func (k *symmetricKey) prf(ctx context.Context, block []byte) (out [32]byte, err error) {
	n, err := k.sign(ctx, p11.CKM_SHA256_HMAC, block, out[:])
	if err == nil && n != len(out) {
		err = k.device.fuse.blow(fmt.Errorf("C_Sign: HMAC-SHA-256 of %d bytes", n))
	}
	return out, err
}

// signingKey is an hsm.Signer.
type signingKey struct{ reference }

// SignDigest signs a SHA-256 digest. The signature is ASN.1 DER.
func (k *signingKey) SignDigest(ctx context.Context, digest []byte) ([]byte, error) {
	if len(digest) != digestSize {
		return nil, fmt.Errorf("a digest of %d bytes to sign, want %d", len(digest), digestSize)
	}
	var raw [signatureSize]byte
	n, err := k.sign(ctx, p11.CKM_ECDSA, digest, raw[:])
	if err != nil {
		return nil, err
	}
	return encodeECDSA(raw[:n])
}

// encodeECDSA turns r || s into the DER of RFC 3279, 2.2.3.
func encodeECDSA(raw []byte) ([]byte, error) {
	if len(raw) != signatureSize {
		return nil, errors.New("the device gave an ECDSA signature of the wrong length")
	}
	half := signatureSize / 2
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])})
}

// Random gives n bytes, 1 to hsm.MaxRandom: the device's and the operating system's, xored, so that they are good if either
// is. A device's generator cannot be inspected; the system's is at hand at no cost.
func (d *Device) Random(ctx context.Context, n int) ([]byte, error) {
	if n < 1 || n > hsm.MaxRandom {
		return nil, fmt.Errorf("%d random bytes, want 1 to %d", n, hsm.MaxRandom)
	}
	both := make([]byte, 2*n)
	ours, theirs := both[:n:n], both[n:]
	defer clear(theirs)
	rand.Read(ours)
	if err := d.run(ctx, func(s session) error { return d.lib.random(s, theirs) }); err != nil {
		return nil, err
	}
	for i := range ours {
		ours[i] ^= theirs[i]
	}
	return ours, nil
}
