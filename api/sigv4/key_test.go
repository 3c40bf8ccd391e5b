package sigv4

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// The example of the AWS General Reference, "Deriving the signing key".
func TestDeriveKey(t *testing.T) {
	key := DeriveKey([]byte("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), "20150830", "us-east-1", "iam")
	const want = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
	if got := hex.EncodeToString(key[:]); got != want {
		t.Errorf("key = %s, want %s", got, want)
	}
}

func TestDeriveKeyDependsOnEveryPart(t *testing.T) {
	seen := map[[32]byte]bool{}
	for _, p := range [][4]string{
		{"s", "d", "r", "v"}, {"x", "d", "r", "v"}, {"s", "x", "r", "v"}, {"s", "d", "x", "v"}, {"s", "d", "r", "x"},
		{"sd", "", "r", "v"}, {"s", "dr", "", "v"}, {"s", "d", "rv", ""},
	} {
		key := DeriveKey([]byte(p[0]), p[1], p[2], p[3])
		if seen[key] {
			t.Errorf("%q has a key that another has", p)
		}
		seen[key] = true
	}
}

func TestDeriveKeyLeavesTheSecretAlone(t *testing.T) {
	secret := append(make([]byte, 0, 100), "secret"...)
	DeriveKey(secret, "20150830", "us-east-1", "kms")
	if string(secret) != "secret" || !bytes.Equal(secret[6:100], make([]byte, 94)) {
		t.Errorf("secret is now %q", secret[:100])
	}
}

// The package's HMAC is that of the standard library for all lengths that matter.
func TestHMAC(t *testing.T) {
	for n := range 700 {
		message := bytes.Repeat([]byte{byte(n)}, n)
		for _, length := range []int{0, 1, 32, 63, 64, 65, 200} {
			key := bytes.Repeat([]byte{0xa5}, length)
			h := hmac.New(sha256.New, key)
			h.Write(message)
			if got := hmacAnyKey(key, string(message)); !bytes.Equal(got[:], h.Sum(nil)) {
				t.Fatalf("HMAC with %d bytes of key over %d bytes = %x", length, n, got)
			}
		}
	}
}
