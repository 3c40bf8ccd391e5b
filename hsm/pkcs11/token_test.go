package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"ostiary.dev/hsm"
)

// reseal gives t a right MAC, as only somebody with the user PIN could.
func reseal(t *testing.T, d *Device, token hsm.Token) []byte {
	t.Helper()
	d.ownerMu.Lock()
	defer d.ownerMu.Unlock()
	var err error
	if token.MAC, err = d.tokenMAC(d.current, token); err != nil {
		t.Fatal(err)
	}
	b, err := token.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustParse(t *testing.T, b []byte) hsm.Token {
	t.Helper()
	token, err := hsm.ParseToken(b)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Behind the MAC stands the proof of the material: even tokens with a right MAC open only to what they say.
func TestConfusedTokensAreRefused(t *testing.T) {
	d := openDevice(t, newToken(t, ""))
	symmetric := mustParse(t, mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "one"))
	second := mustParse(t, mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "one"))
	signer := mustParse(t, mustGenerate(t, d, hsm.ECCNISTP256, hsm.PurposeCA, "ca"))
	other := mustParse(t, mustGenerate(t, d, hsm.ECCNISTP256, hsm.PurposeCA, "ca"))

	for name, tc := range map[string]struct {
		base   hsm.Token
		change func(*hsm.Token)
	}{
		"P-256 key as a secret":                  {symmetric, func(k *hsm.Token) { k.Wrapped = signer.Wrapped }},
		"P-256 key as a secret, with its length": {symmetric, func(k *hsm.Token) { k.Wrapped, k.Length = signer.Wrapped, signer.Length }},
		"P-256 token under another spec":         {signer, func(k *hsm.Token) { k.Spec = hsm.SymmetricDefault }},
		"secret as a P-256 key":                  {signer, func(k *hsm.Token) { k.Wrapped = symmetric.Wrapped }},
		"secret as a P-256 key, with its length": {signer, func(k *hsm.Token) { k.Wrapped, k.Length = symmetric.Wrapped, 32 }},
		"other secret":                           {symmetric, func(k *hsm.Token) { k.Wrapped = second.Wrapped }},
		"other private key":                      {signer, func(k *hsm.Token) { k.Wrapped = other.Wrapped }},
		"other public key":                       {signer, func(k *hsm.Token) { k.PublicKey = other.PublicKey }},
		"other pair under the old check":         {signer, func(k *hsm.Token) { k.Wrapped, k.PublicKey = other.Wrapped, other.PublicKey }},
		"public key of another curve":            {signer, func(k *hsm.Token) { k.PublicKey = bytes.Repeat([]byte{1}, 91) }},
		"wrapped bytes that do not unwrap":       {symmetric, func(k *hsm.Token) { k.Wrapped = make([]byte, 40) }},
		"P-256 bytes that do not unwrap":         {signer, func(k *hsm.Token) { k.Wrapped = make([]byte, len(k.Wrapped)) }},
		"other key id":                           {symmetric, func(k *hsm.Token) { k.KeyID = "two" }},
		"other purpose":                          {symmetric, func(k *hsm.Token) { k.Purpose = hsm.PurposeHostRoot }},
		"other purpose of a signer":              {signer, func(k *hsm.Token) { k.Purpose = hsm.PurposeKMS }},
		"other length":                           {symmetric, func(k *hsm.Token) { k.Length = 31 }},
		"other check value":                      {symmetric, func(k *hsm.Token) { k.Check = second.Check }},
		"no check value":                         {symmetric, func(k *hsm.Token) { k.Check = nil }},
		"no check value of a signer":             {signer, func(k *hsm.Token) { k.Check = nil }},
		"short check value":                      {symmetric, func(k *hsm.Token) { k.Check = k.Check[:16] }},
		"host custody":                           {symmetric, func(k *hsm.Token) { k.Custody = hsm.InHost }},
	} {
		forged := tc.base
		tc.change(&forged)
		k, err := d.Open(context.Background(), reseal(t, d, forged))
		if err == nil {
			k.Close()
		}
		if !errors.Is(err, hsm.ErrToken) || errors.Is(err, hsm.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrToken alone", name, err)
		}
		if err := d.fuse.intact(); err != nil {
			t.Fatalf("%s: a bad token has cost the device: %v", name, err)
		}
	}

	unknown := symmetric
	unknown.Spec = "RSA_2048"
	if _, err := d.Open(context.Background(), reseal(t, d, unknown)); !errors.Is(err, hsm.ErrUnsupported) {
		t.Errorf("unknown spec: %v, want ErrUnsupported", err)
	}
	checkClean(t, "after all of them", d)
}

func TestTokensOfAnotherDomainKey(t *testing.T) {
	ours, theirs := openDevice(t, newToken(t, "-a")), openDevice(t, newToken(t, "-b"))
	for _, spec := range []hsm.Spec{hsm.SymmetricDefault, hsm.ECCNISTP256} {
		token := mustGenerate(t, theirs, spec, hsm.PurposeKMS, "key")
		if _, err := ours.Open(context.Background(), token); !errors.Is(err, hsm.ErrToken) {
			t.Errorf("%s: %v, want ErrToken", spec, err)
		}
		stolen := reseal(t, ours, mustParse(t, token))
		if _, err := ours.Open(context.Background(), stolen); !errors.Is(err, hsm.ErrToken) {
			t.Errorf("%s under our MAC: %v, want ErrToken", spec, err)
		}
	}
	later := mustParse(t, mustGenerate(t, ours, hsm.SymmetricDefault, hsm.PurposeKMS, "key"))
	later.DomainKeyVersion = 2
	_, err := ours.Open(context.Background(), reseal(t, ours, later))
	if !errors.Is(err, hsm.ErrToken) || !strings.Contains(err.Error(), "v2") {
		t.Errorf("domain key v2: %v, want ErrToken that names it", err)
	}
}

// The material id names the material under a key id: the same for every opening, and no other key's.
func TestMaterialID(t *testing.T) {
	d := openDevice(t, newToken(t, ""))
	token := mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "one")
	k := mustOpen(t, d, token).(*symmetricKey)
	id, err := k.prf(context.Background(), materialInput("one"))
	if err != nil || id != k.Token().MaterialID {
		t.Errorf("material id %x, %v; the token says %x", id, err, k.Token().MaterialID)
	}
}

// Messages are stored for years: their labels must never change, nor may two purposes share one.
func TestMessageLabels(t *testing.T) {
	for p, want := range map[hsm.Purpose]string{
		hsm.PurposeKMS:      "ostiary/message/v1/kms",
		hsm.PurposeHostRoot: "ostiary/message/v1/host-root",
		hsm.PurposeCA:       "ostiary/message/v1/ca",
	} {
		if got := messageLabel(p); got != want {
			t.Errorf("label of %s is %q, want %q", p, got, want)
		}
	}
}
