package pkcs11

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"testing"

	"ostiary.dev/hsm"
)

func mustGenerate(t testing.TB, d *Device, spec hsm.Spec, purpose hsm.Purpose, id string) []byte {
	t.Helper()
	token, err := d.Generate(context.Background(), hsm.KeyRequest{KeyID: id, Spec: spec, Purpose: purpose})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func mustOpen(t testing.TB, d *Device, token []byte) hsm.Key {
	t.Helper()
	k, err := d.Open(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func TestSealAcrossRestart(t *testing.T) {
	ctx := context.Background()
	c := newToken(t, "")
	d, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	token := mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key-1")
	k := mustOpen(t, d, token)
	sealed, err := k.(hsm.Sealer).Seal(ctx, []byte("aad"), []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d = openDevice(t, c)
	k = mustOpen(t, d, token)
	plain, err := k.(hsm.Sealer).Unseal(ctx, []byte("aad"), sealed)
	if err != nil || !bytes.Equal(plain, []byte("hello")) {
		t.Fatalf("Unseal = %q, %v", plain, err)
	}
	if _, err := k.(hsm.Sealer).Unseal(ctx, []byte("bad"), sealed); !errors.Is(err, hsm.ErrMessage) {
		t.Fatal(err)
	}
}

func TestSign(t *testing.T) {
	d := openDevice(t, newToken(t, ""))
	token := mustGenerate(t, d, hsm.ECCNISTP256, hsm.PurposeCA, "ca")
	k := mustOpen(t, d, token)
	digest := sha256.Sum256([]byte("tbs"))
	sig, err := k.(hsm.Signer).SignDigest(context.Background(), digest[:])
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.ParsePKIXPublicKey(k.Token().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if !ecdsa.VerifyASN1(pub.(*ecdsa.PublicKey), digest[:], sig) {
		t.Error("signature does not verify")
	}
	s, err := d.Status(context.Background())
	t.Logf("%+v %v, token of %d bytes", s, err, len(token))
}
