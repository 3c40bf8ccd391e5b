package hsmtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/message"
)

func newMaterial(r hsm.KeyRequest) (*material, error) {
	switch r.Spec {
	case hsm.SymmetricDefault:
		secret := make([]byte, secretSize)
		rand.Read(secret)
		return &material{secret: secret}, nil
	case hsm.ECCNISTP256:
		signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return &material{signer: signer}, err
	}
	return nil, fmt.Errorf("%w: key spec %q", hsm.ErrUnsupported, r.Spec)
}

// encode gives the plaintext of a token.
func (k *material) encode() ([]byte, error) {
	if k.signer == nil {
		return append([]byte(nil), k.secret...), nil
	}
	return x509.MarshalPKCS8PrivateKey(k.signer)
}

// decodeMaterial is the inverse of encode.
func decodeMaterial(t hsm.Token, plain []byte) (*material, error) {
	switch t.Spec {
	case hsm.SymmetricDefault:
		if len(plain) != secretSize {
			return nil, errMaterial
		}
		k := &material{token: t, secret: append([]byte(nil), plain...)}
		k.prf = message.HMACPRF(k.secret)
		return k, nil
	case hsm.ECCNISTP256:
		parsed, err := x509.ParsePKCS8PrivateKey(plain)
		if err != nil {
			return nil, errMaterial
		}
		signer, ok := parsed.(*ecdsa.PrivateKey)
		if !ok || signer.Curve != elliptic.P256() {
			return nil, errMaterial
		}
		return &material{token: t, signer: signer}, nil
	}
	return nil, fmt.Errorf("%w: key spec %q", hsm.ErrUnsupported, t.Spec)
}

// keyOf gives a key with the capabilities of its spec.
func (m *Memory) keyOf(k *material) hsm.Key {
	if k.signer != nil {
		return &memorySigner{memoryKey{m, k}}
	}
	return &memorySymmetric{memoryKey{m, k}}
}

type memoryKey struct {
	device *Memory
	*material
}

func (k memoryKey) Token() hsm.Token { return k.token }
func (k memoryKey) Close()           {}

// label separates the messages of keys by their purpose.
func (k memoryKey) label() string { return "hsmtest message " + string(k.token.Purpose) }

type memorySymmetric struct{ memoryKey }

func (k *memorySymmetric) Seal(ctx context.Context, aad, plaintext []byte) ([]byte, error) {
	if err := k.device.enter(ctx, "seal"); err != nil {
		return nil, err
	}
	return message.Seal(k.prf, k.label(), aad, plaintext)
}

func (k *memorySymmetric) Unseal(ctx context.Context, aad, sealed []byte) ([]byte, error) {
	if err := k.device.enter(ctx, "unseal"); err != nil {
		return nil, err
	}
	return message.Open(k.prf, k.label(), aad, sealed)
}

func (k *memorySymmetric) SealRandom(ctx context.Context, aad []byte, n int, wantPlaintext bool) (plaintext, sealed []byte, err error) {
	if err := k.device.enter(ctx, "sealRandom"); err != nil {
		return nil, nil, err
	}
	if n < 1 || n > hsm.MaxDataKey {
		return nil, nil, fmt.Errorf("data key of %d bytes, want 1 to %d", n, hsm.MaxDataKey)
	}
	plaintext = make([]byte, n)
	rand.Read(plaintext)
	if sealed, err = message.Seal(k.prf, k.label(), aad, plaintext); err != nil {
		return nil, nil, err
	}
	if !wantPlaintext {
		clear(plaintext)
		return nil, sealed, nil
	}
	return plaintext, sealed, nil
}

func (k *memorySymmetric) Reseal(ctx context.Context, aad, sealed []byte, to hsm.Key, toAAD []byte) ([]byte, error) {
	if err := k.device.enter(ctx, "reseal"); err != nil {
		return nil, err
	}
	target, ok := to.(*memorySymmetric)
	if !ok || target.device != k.device {
		return nil, fmt.Errorf("%w: resealing under a key of another device or spec", hsm.ErrUnsupported)
	}
	plaintext, err := message.Open(k.prf, k.label(), aad, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	return message.Seal(target.prf, target.label(), toAAD, plaintext)
}

type memorySigner struct{ memoryKey }

func (k *memorySigner) SignDigest(ctx context.Context, digest []byte) ([]byte, error) {
	if err := k.device.enter(ctx, "sign"); err != nil {
		return nil, err
	}
	if len(digest) != 32 {
		return nil, fmt.Errorf("digest of %d bytes, want 32", len(digest))
	}
	return ecdsa.SignASN1(rand.Reader, k.signer, digest)
}
