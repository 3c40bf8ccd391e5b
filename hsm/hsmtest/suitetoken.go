package hsmtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"ostiary.dev/hsm"
)

func testGenerate(t *testing.T, b hsm.Backend) {
	for _, want := range []hsm.KeyRequest{
		{KeyID: "k", Spec: hsm.SymmetricDefault, Purpose: hsm.PurposeKMS},
		{KeyID: strings.Repeat("x", 128), Spec: hsm.SymmetricDefault, Purpose: hsm.PurposeHostRoot},
		{KeyID: "signer", Spec: hsm.ECCNISTP256, Purpose: hsm.PurposeKMS},
		{KeyID: "ca", Spec: hsm.ECCNISTP256, Purpose: hsm.PurposeCA},
	} {
		t.Run(fmt.Sprintf("%s/%s", want.Spec, want.Purpose), func(t *testing.T) {
			token, err := b.Generate(t.Context(), want)
			if err != nil {
				t.Fatal(err)
			}
			if len(token) > hsm.MaxToken {
				t.Errorf("the token has %d bytes", len(token))
			}
			checkMetadata(t, token, want)
			if got := openKey(t, b, token).Token(); got.MaterialID == [32]byte{} || got.KeyID != want.KeyID {
				t.Errorf("Open gives a key with metadata %+v", got)
			}
			again, err := b.Generate(t.Context(), want)
			if err != nil {
				t.Fatal(err)
			}
			one, two := mustParse(t, token), mustParse(t, again)
			if one.MaterialID == two.MaterialID || bytes.Equal(one.Wrapped, two.Wrapped) {
				t.Error("two keys for one request have the same material")
			}
		})
	}
}

func mustParse(t testing.TB, token []byte) hsm.Token {
	t.Helper()
	p, err := hsm.ParseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// checkMetadata checks what a token says of its key.
func checkMetadata(t *testing.T, token []byte, want hsm.KeyRequest) {
	t.Helper()
	got := mustParse(t, token)
	if got.KeyID != want.KeyID || got.Spec != want.Spec || got.Purpose != want.Purpose {
		t.Errorf("token is of %q, %s, %s; want %+v", got.KeyID, got.Spec, got.Purpose, want)
	}
	if got.Length == 0 || len(got.Check) == 0 || got.DomainKeyVersion == 0 {
		t.Errorf("token lacks its length, check value or domain key version: %+v", got)
	}
	if want.Spec != hsm.ECCNISTP256 {
		if len(got.PublicKey) != 0 {
			t.Error("a symmetric key has a public key")
		}
		return
	}
	public, err := x509.ParsePKIXPublicKey(got.PublicKey)
	if p, ok := public.(*ecdsa.PublicKey); err != nil || !ok || p.Curve != elliptic.P256() {
		t.Errorf("public key is a %T, %v; want one on P-256", public, err)
	}
}

func testGenerateArguments(t *testing.T, b hsm.Backend) {
	good := hsm.KeyRequest{KeyID: "k", Spec: hsm.SymmetricDefault, Purpose: hsm.PurposeKMS}
	for name, change := range map[string]func(*hsm.KeyRequest){
		"no key id":        func(r *hsm.KeyRequest) { r.KeyID = "" },
		"key id too long":  func(r *hsm.KeyRequest) { r.KeyID = strings.Repeat("x", 129) },
		"no spec":          func(r *hsm.KeyRequest) { r.Spec = "" },
		"unknown spec":     func(r *hsm.KeyRequest) { r.Spec = "ROT_13" },
		"endless spec":     func(r *hsm.KeyRequest) { r.Spec = hsm.Spec(strings.Repeat("x", 1<<20)) },
		"no purpose":       func(r *hsm.KeyRequest) { r.Purpose = "" },
		"unknown purpose":  func(r *hsm.KeyRequest) { r.Purpose = "fun" },
		"purpose with NUL": func(r *hsm.KeyRequest) { r.Purpose = "kms\x00" },
	} {
		r := good
		change(&r)
		_, err := b.Generate(t.Context(), r)
		wantRefused(t, name, err)
	}
}

// testTokenTampered: a token that differs from a good one in any byte, or in its length, is never usable, also while the good
// one is in the device's cache.
func testTokenTampered(t *testing.T, b hsm.Backend) {
	for _, spec := range []hsm.Spec{hsm.SymmetricDefault, hsm.ECCNISTP256} {
		t.Run(string(spec), func(t *testing.T) {
			k, token := generate(t, b, spec, hsm.PurposeKMS)
			wantUsable(t, k)
			for i := range token {
				bad := bytes.Clone(token)
				bad[i] ^= 1 << (i % 8)
				wantUnusable(t, b, bad, fmt.Sprintf("byte %d of %d", i, len(token)))
			}
			for _, n := range []int{0, 1, len(token) / 2, len(token) - 1} {
				wantUnusable(t, b, token[:n], fmt.Sprintf("first %d bytes", n))
			}
			wantUnusable(t, b, append(bytes.Clone(token), 0), "a byte more")
			wantUnusable(t, b, make([]byte, hsm.MaxToken+1), "more than a token may have")
			wantUsable(t, k)
		})
	}
}

// testTokenOfOtherPurpose: nothing that a token says can be changed and encoded again.
func testTokenOfOtherPurpose(t *testing.T, b hsm.Backend) {
	_, token := generate(t, b, hsm.SymmetricDefault, hsm.PurposeKMS)
	_, other := generate(t, b, hsm.SymmetricDefault, hsm.PurposeKMS)
	donor := mustParse(t, other)
	for name, change := range map[string]func(*hsm.Token){
		"purpose":     func(p *hsm.Token) { p.Purpose = hsm.PurposeHostRoot },
		"spec":        func(p *hsm.Token) { p.Spec = hsm.ECCNISTP256 },
		"key id":      func(p *hsm.Token) { p.KeyID = "another" },
		"material id": func(p *hsm.Token) { p.MaterialID = donor.MaterialID },
		"length":      func(p *hsm.Token) { p.Length-- },
		"wrapped key": func(p *hsm.Token) { p.Wrapped = donor.Wrapped },
		"wrapped key and check": func(p *hsm.Token) {
			p.Wrapped, p.Check, p.MaterialID = donor.Wrapped, donor.Check, donor.MaterialID
		},
		"MAC":                func(p *hsm.Token) { p.MAC = donor.MAC },
		"domain key version": func(p *hsm.Token) { p.DomainKeyVersion++ },
	} {
		p := mustParse(t, token)
		change(&p)
		bad, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(bad, token) {
			wantUnusable(t, b, bad, "changed "+name)
		}
	}
}

// wantUnusable checks that a token is refused, when it is opened or at first use of the key.
func wantUnusable(t testing.TB, b hsm.Backend, token []byte, what string) {
	t.Helper()
	k, err := b.Open(t.Context(), token)
	if err == nil {
		defer k.Close()
		err = use(t, k)
	}
	wantError(t, "using a token with "+what, err, hsm.ErrToken)
}

func wantUsable(t testing.TB, k hsm.Key) {
	t.Helper()
	if err := use(t, k); err != nil {
		t.Errorf("using a good key: %v", err)
	}
}

// use lets a key do what it can.
func use(t testing.TB, k hsm.Key) error {
	switch k := k.(type) {
	case hsm.Sealer:
		_, err := k.Seal(t.Context(), nil, []byte("text"))
		return err
	case hsm.Signer:
		_, err := k.SignDigest(t.Context(), make([]byte, 32))
		return err
	}
	return hsm.ErrUnsupported
}

// testForget: forgetting frees what the device holds and harms nothing.
func testForget(t *testing.T, b hsm.Backend) {
	k, token := generate(t, b, hsm.SymmetricDefault, hsm.PurposeKMS)
	s := k.(hsm.Sealer)
	sealed := mustSeal(t, s, nil, []byte("text"))
	held := func() int {
		status, err := b.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return status.CachedHandles
	}
	before := held()
	if before == 0 {
		t.Error("the device holds no key after it has used one")
	}
	for range 2 { // the second time it is unknown
		if err := b.Forget(t.Context(), token); err != nil {
			t.Fatalf("Forget: %v", err)
		}
	}
	if after := held(); after != before-1 {
		t.Errorf("the device held %d keys before Forget and %d after", before, after)
	}
	mustUnseal(t, openKey(t, b, token).(hsm.Sealer), nil, sealed, []byte("text"))
	if err := b.Forget(t.Context(), []byte("never seen")); err != nil {
		t.Errorf("Forget of an unknown token: %v", err)
	}
}
