package worker

import (
	"context"
	"fmt"

	"ostiary.dev/hsm"
)

// Open reads the token, which must not be changed while the key is in use, and gives the key that it describes, without
// calling the worker: the device authenticates the token at first use.
func (c *Client) Open(_ context.Context, token []byte) (hsm.Key, error) {
	t, err := hsm.ParseToken(token)
	if err != nil {
		return nil, err
	}
	k := key{client: c, meta: t, token: token}
	switch t.Spec {
	case hsm.SymmetricDefault:
		return &symmetricKey{k}, nil
	case hsm.ECCNISTP256:
		return &signingKey{k}, nil
	}
	// Nobody has authenticated the token yet: the spec may be one that we lack, or no spec at all.
	return nil, fmt.Errorf("%w: key spec %q is %w", hsm.ErrToken, t.Spec, hsm.ErrUnsupported)
}

// key is what the keys of all specs have in common. It holds nothing that Close would have to release.
type key struct {
	client *Client
	meta   hsm.Token
	token  []byte // exactly as given to Open: the device knows its keys by these bytes
}

func (k *key) Token() hsm.Token { return k.meta }
func (k *key) Close()           {}

// symmetricKey is a key of spec SYMMETRIC_DEFAULT.
type symmetricKey struct{ key }

var (
	_ hsm.Sealer    = (*symmetricKey)(nil)
	_ hsm.DataKeyer = (*symmetricKey)(nil)
	_ hsm.Resealer  = (*symmetricKey)(nil)
	_ hsm.Signer    = (*signingKey)(nil)
)

func (k *symmetricKey) Seal(ctx context.Context, aad, plaintext []byte) ([]byte, error) {
	v, err := k.client.call(ctx, &request{op: opSeal, fields: [maxFields][]byte{k.token, aad, plaintext}})
	return v[0], err
}

func (k *symmetricKey) Unseal(ctx context.Context, aad, message []byte) ([]byte, error) {
	if len(message) > maxMessage || len(aad) > hsm.MaxAAD {
		return nil, hsm.ErrMessage // nothing that long was ever sealed
	}
	v, err := k.client.call(ctx, &request{op: opUnseal, fields: [maxFields][]byte{k.token, aad, message}})
	return v[0], err
}

func (k *symmetricKey) SealRandom(ctx context.Context, aad []byte, n int, wantPlaintext bool) (plaintext, message []byte, err error) {
	if n < 1 || n > hsm.MaxDataKey {
		return nil, nil, fmt.Errorf("data key: %d bytes, want 1 to %d", n, hsm.MaxDataKey)
	}
	v, err := k.client.call(ctx, &request{
		op: opSealRandom, number: uint32(n), flag: wantPlaintext, fields: [maxFields][]byte{k.token, aad},
	})
	if err == nil && (len(v[0]) == n) != wantPlaintext {
		return nil, nil, fmt.Errorf("%w: data key of %d bytes, want %d", hsm.ErrUnavailable, len(v[0]), n)
	}
	return v[0], v[1], err
}

func (k *symmetricKey) Reseal(ctx context.Context, aad, message []byte, to hsm.Key, toAAD []byte) ([]byte, error) {
	target, ok := to.(*symmetricKey)
	if !ok || target.client != k.client {
		return nil, fmt.Errorf("%w: resealing under a key of another device or spec", hsm.ErrUnsupported)
	}
	if len(message) > maxMessage || len(aad) > hsm.MaxAAD {
		return nil, hsm.ErrMessage
	}
	v, err := k.client.call(ctx, &request{
		op: opReseal, fields: [maxFields][]byte{k.token, aad, message, target.token, toAAD},
	})
	return v[0], err
}

// signingKey is a key of an asymmetric spec that signs.
type signingKey struct{ key }

func (k *signingKey) SignDigest(ctx context.Context, digest []byte) ([]byte, error) {
	v, err := k.client.call(ctx, &request{op: opSign, fields: [maxFields][]byte{k.token, digest}})
	return v[0], err
}
