package hsm

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() Token {
	return Token{
		KeyID:            "1234abcd-12ab-34cd-56ef-1234567890ab",
		MaterialID:       [32]byte{1, 2, 3},
		Spec:             ECCNISTP256,
		Purpose:          PurposeKMS,
		Length:           67,
		Custody:          InDevice,
		DomainKeyVersion: 7,
		PublicKey:        bytes.Repeat([]byte{0x30}, 91),
		Check:            bytes.Repeat([]byte{0xc0}, 32),
		Wrapped:          bytes.Repeat([]byte{0xee}, 40),
		MAC:              bytes.Repeat([]byte{0xaa}, TokenMACSize),
	}
}

func mustMarshal(t testing.TB, tok Token) []byte {
	t.Helper()
	b, err := tok.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTokenRoundTrip(t *testing.T) {
	bare := sample()
	bare.Spec, bare.PublicKey, bare.Check, bare.Length = SymmetricDefault, nil, nil, 32
	longest := sample()
	longest.KeyID = strings.Repeat("k", MaxKeyID)
	longest.Spec = Spec(strings.Repeat("s", maxName))
	longest.Purpose = Purpose(strings.Repeat("p", maxName))
	longest.PublicKey = make([]byte, maxPublicKey)
	longest.Check = make([]byte, maxCheck)
	longest.Wrapped = make([]byte, maxWrapped)

	for name, want := range map[string]Token{"full": sample(), "bare": bare, "longest": longest} {
		b := mustMarshal(t, want)
		if len(b) > MaxToken || len(b) > want.sizeHint() {
			t.Errorf("%s: %d bytes, hint %d", name, len(b), want.sizeHint())
		}
		got, err := ParseToken(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// The stored form is a contract with every token ever made: it must not drift.
func TestTokenEncodingIsFixed(t *testing.T) {
	tok := Token{KeyID: "k", MaterialID: [32]byte{0xff}, Spec: "S", Purpose: "P", Length: 32, Custody: InDevice,
		DomainKeyVersion: 1, Check: []byte{9}, Wrapped: make([]byte, 16), MAC: make([]byte, 32)}
	want := "01" + "00016b" + "ff" + strings.Repeat("00", 31) + "000153" + "000150" + "00000020" + "0006646576696365" +
		"00000001" + "0000" + "000109" + "0010" + strings.Repeat("00", 16) + strings.Repeat("00", 32)
	if got := hex.EncodeToString(mustMarshal(t, tok)); got != want {
		t.Errorf("encoding\n got %s\nwant %s", got, want)
	}
}

func TestTokenBounds(t *testing.T) {
	for name, change := range map[string]func(*Token){
		"no key id":           func(t *Token) { t.KeyID = "" },
		"key id too long":     func(t *Token) { t.KeyID = strings.Repeat("k", MaxKeyID+1) },
		"NUL in key id":       func(t *Token) { t.KeyID = "a\x00b" },
		"newline in spec":     func(t *Token) { t.Spec = "S\n" },
		"umlaut in purpose":   func(t *Token) { t.Purpose = "ä" },
		"no spec":             func(t *Token) { t.Spec = "" },
		"no purpose":          func(t *Token) { t.Purpose = "" },
		"unknown custody":     func(t *Token) { t.Custody = "pocket" },
		"version 0":           func(t *Token) { t.DomainKeyVersion = 0 },
		"public key too long": func(t *Token) { t.PublicKey = make([]byte, maxPublicKey+1) },
		"check too long":      func(t *Token) { t.Check = make([]byte, maxCheck+1) },
		"nothing wrapped":     func(t *Token) { t.Wrapped = nil },
		"wrapped too long":    func(t *Token) { t.Wrapped = make([]byte, maxWrapped+1) },
		"no MAC":              func(t *Token) { t.MAC = nil },
		"MAC too long":        func(t *Token) { t.MAC = make([]byte, TokenMACSize+1) },
	} {
		tok := sample()
		change(&tok)
		if _, err := tok.Marshal(); !errors.Is(err, ErrToken) {
			t.Errorf("%s: Marshal gave %v, want ErrToken", name, err)
		}
	}
}

func TestParseTokenRefuses(t *testing.T) {
	good := mustMarshal(t, sample())
	for n := range good {
		if _, err := ParseToken(good[:n]); !errors.Is(err, ErrToken) {
			t.Fatalf("first %d bytes: %v, want ErrToken", n, err)
		}
	}
	for name, b := range map[string][]byte{
		"trailing byte": append(bytes.Clone(good), 0),
		"other version": append([]byte{2}, good[1:]...),
		"oversized":     make([]byte, MaxToken+1),
	} {
		if _, err := ParseToken(b); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v, want ErrToken", name, err)
		}
	}
}

// Whatever changes in a token changes what its MAC covers, unless it is the MAC.
func TestMACInputCoversEveryField(t *testing.T) {
	base, err := sample().MACInput()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{string(base): "unchanged"}
	for name, change := range map[string]func(*Token){
		"KeyID":            func(t *Token) { t.KeyID += "x" },
		"MaterialID":       func(t *Token) { t.MaterialID[31] ^= 1 },
		"Spec":             func(t *Token) { t.Spec = SymmetricDefault },
		"Purpose":          func(t *Token) { t.Purpose = PurposeCA },
		"Length":           func(t *Token) { t.Length++ },
		"Custody":          func(t *Token) { t.Custody = InHost },
		"DomainKeyVersion": func(t *Token) { t.DomainKeyVersion++ },
		"PublicKey":        func(t *Token) { t.PublicKey = t.PublicKey[1:] },
		"Check":            func(t *Token) { t.Check[0] ^= 1 },
		"Wrapped":          func(t *Token) { t.Wrapped[0] ^= 1 },
		// Two fields that share a boundary: the lengths keep them apart.
		"Spec to Purpose": func(t *Token) {
			t.Purpose = Purpose(t.Spec[len(t.Spec)-1:]) + t.Purpose
			t.Spec = t.Spec[:len(t.Spec)-1]
		},
	} {
		tok := sample()
		change(&tok)
		in, err := tok.MACInput()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if was, dup := seen[string(in)]; dup {
			t.Errorf("MAC input after changing %s equals that of %s", name, was)
		}
		seen[string(in)] = name
	}

	tok := sample()
	tok.MAC[0] ^= 1
	in, err := tok.MACInput()
	if err != nil || !bytes.Equal(in, base) {
		t.Errorf("MAC input depends on the MAC itself (%v)", err)
	}
	if !strings.HasPrefix(string(in), macLabel) {
		t.Error("MAC input lacks its label")
	}
}

func FuzzParseToken(f *testing.F) {
	good := mustMarshal(f, sample())
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(bytes.Clone(good), 0))
	f.Add([]byte{tokenVersion, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := ParseToken(b)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Fatalf("%v is not ErrToken", err)
			}
			return
		}
		if again := mustMarshal(t, tok); !bytes.Equal(again, b) {
			t.Fatalf("second encoding of one token:\n%x\n%x", b, again)
		}
	})
}
