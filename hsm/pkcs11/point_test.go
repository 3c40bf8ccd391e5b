package pkcs11

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"testing"
)

func FuzzParsePoint(f *testing.F) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	raw, err := k.PublicKey.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	wrapped, err := asn1.Marshal(raw)
	if err != nil {
		f.Fatal(err)
	}
	for _, good := range [][]byte{raw, wrapped} {
		if public, err := parsePoint(good); err != nil || !public.Equal(&k.PublicKey) {
			f.Fatalf("parsePoint(%x) = %v, %v", good, public, err)
		}
		f.Add(good)
	}
	f.Add(append(wrapped, 0))
	f.Add([]byte{4, 65})
	f.Add([]byte{0}) // the point at infinity
	f.Fuzz(func(t *testing.T, point []byte) {
		public, err := parsePoint(point)
		if err != nil {
			return
		}
		if _, err := public.ECDH(); err != nil {
			t.Errorf("%x gives a key that is not on the curve: %v", point, err)
		}
	})
}
