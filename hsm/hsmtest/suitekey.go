package hsmtest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"sync"
	"testing"

	"ostiary.dev/hsm"
)

// testCapabilities: a key can do what its spec is for, and nothing else.
func testCapabilities(t *testing.T, b hsm.Backend) {
	for spec, want := range map[hsm.Spec][4]bool{
		hsm.SymmetricDefault: {true, true, true, false},
		hsm.ECCNISTP256:      {false, false, false, true},
	} {
		k, _ := generate(t, b, spec, hsm.PurposeKMS)
		var got [4]bool
		_, got[0] = k.(hsm.Sealer)
		_, got[1] = k.(hsm.DataKeyer)
		_, got[2] = k.(hsm.Resealer)
		_, got[3] = k.(hsm.Signer)
		if got != want {
			t.Errorf("%s: Sealer, DataKeyer, Resealer, Signer are %v, want %v", spec, got, want)
		}
	}
}

func testSealUnseal(t *testing.T, b hsm.Backend) {
	k := generateSymmetric(t, b)
	for _, size := range []int{0, 1, 15, 16, 17, 4096, hsm.MaxPlaintext} {
		for _, aadSize := range []int{0, 1, 200, hsm.MaxAAD} {
			plaintext, aad := randomBytes(size), randomBytes(aadSize)
			one, two := mustSeal(t, k, aad, plaintext), mustSeal(t, k, aad, plaintext)
			if bytes.Equal(one, two) {
				t.Errorf("%d bytes sealed twice give the same message", size)
			}
			mustUnseal(t, k, aad, one, plaintext)
			mustUnseal(t, k, aad, two, plaintext)
		}
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// testUnsealRefuses: whatever is wrong with a message, the answer is ErrMessage and nothing else.
func testUnsealRefuses(t *testing.T, b hsm.Backend) {
	k := generateSymmetric(t, b)
	aad, plaintext := []byte("context"), []byte("attack at dawn")
	sealed := mustSeal(t, k, aad, plaintext)
	refuse := func(what string, aad, message []byte) {
		t.Helper()
		got, err := k.Unseal(t.Context(), aad, message)
		wantError(t, what, err, hsm.ErrMessage)
		if got != nil {
			t.Errorf("%s: gave %d bytes of plaintext", what, len(got))
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1 << (i % 8)
		refuse(fmt.Sprintf("byte %d changed", i), aad, bad)
		refuse(fmt.Sprintf("first %d bytes", i), aad, sealed[:i])
	}
	refuse("a byte more", aad, append(bytes.Clone(sealed), 0))
	refuse("as long as can be", aad, make([]byte, 2*hsm.MaxPlaintext))
	refuse("no context", nil, sealed)
	refuse("other context", []byte("Context"), sealed)
	refuse("longer context", []byte("context "), sealed)
	refuse("endless context", make([]byte, hsm.MaxAAD+1), sealed)
	mustUnseal(t, k, aad, sealed, plaintext)
}

// testTwoKeys: keys never open each other's messages, not even keys of one request, nor of two purposes.
func testTwoKeys(t *testing.T, b hsm.Backend) {
	keys := []hsm.Sealer{generateSymmetric(t, b), generateSymmetric(t, b)}
	root, _ := generate(t, b, hsm.SymmetricDefault, hsm.PurposeHostRoot)
	keys = append(keys, root.(hsm.Sealer))
	for i, sealer := range keys {
		sealed := mustSeal(t, sealer, nil, []byte("text"))
		for j, opener := range keys {
			if i == j {
				mustUnseal(t, opener, nil, sealed, []byte("text"))
				continue
			}
			_, err := opener.Unseal(t.Context(), nil, sealed)
			wantError(t, fmt.Sprintf("message of key %d under key %d", i, j), err, hsm.ErrMessage)
		}
	}
}

func testSealArguments(t *testing.T, b hsm.Backend) {
	k := generateSymmetric(t, b)
	_, err := k.Seal(t.Context(), nil, make([]byte, hsm.MaxPlaintext+1))
	wantRefused(t, "plaintext too long", err)
	_, err = k.Seal(t.Context(), make([]byte, hsm.MaxAAD+1), nil)
	wantRefused(t, "associated data too long", err)
	_, _, err = k.SealRandom(t.Context(), make([]byte, hsm.MaxAAD+1), 32, true)
	wantRefused(t, "associated data of a data key too long", err)
	for _, n := range []int{-1, 0, 1025, 1 << 40} {
		_, _, err = k.SealRandom(t.Context(), nil, n, true)
		wantRefused(t, fmt.Sprintf("data key of %d bytes", n), err)
	}
}

func testSealRandom(t *testing.T, b hsm.Backend) {
	k := generateSymmetric(t, b)
	aad := []byte("context")
	for _, n := range []int{1, 16, 32, 64, 1024} {
		plaintext, sealed, err := k.SealRandom(t.Context(), aad, n, true)
		if err != nil || len(plaintext) != n {
			t.Fatalf("SealRandom(%d) = %d bytes, %v", n, len(plaintext), err)
		}
		mustUnseal(t, k, aad, sealed, plaintext)

		none, sealed, err := k.SealRandom(t.Context(), aad, n, false)
		if err != nil || none != nil {
			t.Fatalf("SealRandom(%d) without plaintext = %d bytes, %v", n, len(none), err)
		}
		hidden, err := k.Unseal(t.Context(), aad, sealed)
		if err != nil || len(hidden) != n {
			t.Fatalf("Unseal = %d bytes, %v; want %d", len(hidden), err, n)
		}
		if n >= 16 && (bytes.Equal(hidden, plaintext) || bytes.Equal(hidden, make([]byte, n))) {
			t.Errorf("data keys of %d bytes are not random", n)
		}
		_, err = k.Unseal(t.Context(), nil, sealed)
		wantError(t, "data key under another context", err, hsm.ErrMessage)
	}
}

// testReseal: a resealed message opens under the new key and context, as if it had been opened and sealed.
func testReseal(t *testing.T, b hsm.Backend) {
	from, to := generateSymmetric(t, b), generateSymmetric(t, b)
	for _, target := range []symmetric{to, from} {
		for _, size := range []int{0, 4096, hsm.MaxPlaintext} {
			plaintext := randomBytes(size)
			sealed := mustSeal(t, from, []byte("old"), plaintext)
			resealed, err := from.Reseal(t.Context(), []byte("old"), sealed, target, []byte("new"))
			if err != nil {
				t.Fatalf("Reseal of %d bytes: %v", size, err)
			}
			mustUnseal(t, target, []byte("new"), resealed, plaintext)
			mustUnseal(t, from, []byte("old"), sealed, plaintext)
			_, err = target.Unseal(t.Context(), []byte("old"), resealed)
			wantError(t, "resealed message under the old context", err, hsm.ErrMessage)
		}
	}
}

func testResealRefuses(t *testing.T, b hsm.Backend) {
	from, to := generateSymmetric(t, b), generateSymmetric(t, b)
	sealed := mustSeal(t, from, []byte("old"), []byte("text"))
	_, err := from.Reseal(t.Context(), []byte("bad"), sealed, to, nil)
	wantError(t, "wrong context", err, hsm.ErrMessage)
	_, err = to.Reseal(t.Context(), []byte("old"), sealed, from, nil)
	wantError(t, "wrong key", err, hsm.ErrMessage)
	_, err = from.Reseal(t.Context(), []byte("old"), sealed[:len(sealed)-1], to, nil)
	wantError(t, "truncated message", err, hsm.ErrMessage)
	_, err = from.Reseal(t.Context(), []byte("old"), nil, to, nil)
	wantError(t, "no message", err, hsm.ErrMessage)
	_, err = from.Reseal(t.Context(), []byte("old"), sealed, to, make([]byte, hsm.MaxAAD+1))
	wantRefused(t, "new context too long", err)

	signer, _ := generate(t, b, hsm.ECCNISTP256, hsm.PurposeKMS)
	_, err = from.Reseal(t.Context(), []byte("old"), sealed, signer, nil)
	wantError(t, "resealing under a signing key", err, hsm.ErrUnsupported)
	_, err = from.Reseal(t.Context(), []byte("old"), sealed, foreign{}, nil)
	wantError(t, "resealing under another backend's key", err, hsm.ErrUnsupported)
}

// foreign is a key of no backend.
type foreign struct{}

func (foreign) Token() hsm.Token { return hsm.Token{Spec: hsm.SymmetricDefault} }
func (foreign) Close()           {}

func testSign(t *testing.T, b hsm.Backend) {
	k, _ := generate(t, b, hsm.ECCNISTP256, hsm.PurposeCA)
	signer, ok := k.(hsm.Signer)
	if !ok {
		t.Fatalf("a %s key is a %T, which does not sign", hsm.ECCNISTP256, k)
	}
	public, err := x509.ParsePKIXPublicKey(k.Token().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		digest := sha256.Sum256([]byte{byte(i)})
		signature, err := signer.SignDigest(t.Context(), digest[:])
		if err != nil {
			t.Fatalf("SignDigest: %v", err)
		}
		if !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], signature) {
			t.Errorf("signature %x does not verify", signature)
		}
		digest[0] ^= 1
		if ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], signature) {
			t.Error("signature verifies for another digest")
		}
	}
	for _, n := range []int{0, 31, 33, 65, 1 << 20} {
		_, err := signer.SignDigest(t.Context(), make([]byte, n))
		wantRefused(t, fmt.Sprintf("digest of %d bytes", n), err)
	}
}

// testConcurrency: many goroutines use the same and different keys, while they are forgotten under their hands.
func testConcurrency(t *testing.T, b hsm.Backend) {
	const callers, rounds = 16, 20
	shared, token := generate(t, b, hsm.SymmetricDefault, hsm.PurposeKMS)
	var all sync.WaitGroup
	for i := range callers {
		own := generateSymmetric(t, b)
		all.Go(func() {
			for n := range rounds {
				text := fmt.Appendf(nil, "caller %d round %d", i, n)
				for _, k := range []hsm.Sealer{own, shared.(hsm.Sealer)} {
					if err := roundTrip(t.Context(), k, text); err != nil {
						t.Error(err)
						return
					}
				}
				if n%5 == i%5 {
					if err := b.Forget(t.Context(), token); err != nil {
						t.Errorf("Forget: %v", err)
					}
				}
			}
		})
	}
	all.Wait()
}

func roundTrip(ctx context.Context, k hsm.Sealer, text []byte) error {
	sealed, err := k.Seal(ctx, text, text)
	if err != nil {
		return fmt.Errorf("Seal: %w", err)
	}
	got, err := k.Unseal(ctx, text, sealed)
	if err != nil {
		return fmt.Errorf("Unseal: %w", err)
	}
	if !bytes.Equal(got, text) {
		return fmt.Errorf("Unseal gave %q for %q", got, text)
	}
	return nil
}
