package message

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/cryptotest"

	"ostiary.dev/hsm"
)

const label = "ostiary/message/v1/kms"

func key(seed byte) []byte { return bytes.Repeat([]byte{seed}, 32) }

func mustSeal(t testing.TB, prf PRF, label string, aad, plaintext []byte) []byte {
	t.Helper()
	m, err := Seal(prf, label, aad, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(bytes.Join(parts, nil))
	return h.Sum(nil)
}

// build makes a message with nothing but HMAC, AES and GCM, from the text of the design: a second implementation.
func build(t *testing.T, k []byte, label string, nonce, iv, aad, plaintext []byte) []byte {
	t.Helper()
	prk := mac(k, []byte{0, 0, 0, 1}, []byte(label), []byte{0}, nonce, []byte{0, 0, 1, 0})
	info := []byte("ostiary message v1 key and commitment")
	aesKey := mac(prk, info, []byte{1})
	commitment := mac(prk, aesKey, info, []byte{2})
	block, err := aes.NewCipher(aesKey)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{{1}, nonce, commitment, iv, gcm.Seal(nil, iv, plaintext, aad)}, nil)
}

func TestAgreesWithSecondImplementation(t *testing.T) {
	nonce, iv := bytes.Repeat([]byte{0xa5}, 16), bytes.Repeat([]byte{0x5a}, 12)
	aad, plaintext := []byte("context"), []byte("attack at dawn")
	m := build(t, key(7), label, nonce, iv, aad, plaintext)
	got, err := Open(HMACPRF(key(7)), label, aad, m)
	if err != nil || !bytes.Equal(got, plaintext) {
		t.Fatalf("Open = %q, %v", got, err)
	}

	sealed := mustSeal(t, HMACPRF(key(7)), label, aad, plaintext)
	want := build(t, key(7), label, sealed[1:17], sealed[49:61], aad, plaintext)
	if !bytes.Equal(sealed, want) {
		t.Errorf("Seal made\n%x, the design\n%x", sealed, want)
	}
}

// Messages are stored for years: this one must open for ever.
func TestKnownAnswer(t *testing.T) {
	const stored = "01a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
	nonce, iv := bytes.Repeat([]byte{0xa5}, 16), bytes.Repeat([]byte{0x5a}, 12)
	m := build(t, key(7), label, nonce, iv, []byte("context"), []byte("attack at dawn"))
	if got := hex.EncodeToString(m[:17]); got != stored {
		t.Fatalf("header %s, want %s", got, stored)
	}
	const digest = "fe6c1df6764a474320d69a8f1e9dd50b7c76d7b2e8ec8845472f793d68609b98"
	if sum := sha256.Sum256(m); hex.EncodeToString(sum[:]) != digest {
		t.Errorf("message is %x\nSHA-256 %x, want %s", m, sum, digest)
	}
}

func TestDeterministicUnderFixedRandomness(t *testing.T) {
	var got [2][]byte
	for i := range got {
		cryptotest.SetGlobalRandom(t, 42)
		got[i] = mustSeal(t, HMACPRF(key(1)), label, nil, []byte("x"))
	}
	if !bytes.Equal(got[0], got[1]) {
		t.Error("randomness enters a message elsewhere than through crypto/rand")
	}
}

func TestRoundTripSizes(t *testing.T) {
	prf := HMACPRF(key(1))
	for _, n := range []int{0, 1, 15, 16, 17, 4096, hsm.MaxPlaintext} {
		plaintext := bytes.Repeat([]byte{'p'}, n)
		m := mustSeal(t, prf, label, []byte("aad"), plaintext)
		if len(m) != n+Overhead {
			t.Errorf("%d bytes: message of %d, want %d", n, len(m), n+Overhead)
		}
		got, err := Open(prf, label, []byte("aad"), m)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: Open = %d bytes, %v", n, len(got), err)
		}
	}
}

func TestEveryByteCounts(t *testing.T) {
	prf := HMACPRF(key(1))
	m := mustSeal(t, prf, label, []byte("aad"), []byte("some plaintext"))
	for i := range m {
		for _, x := range []byte{0x01, 0x80, 0xff} {
			bad := bytes.Clone(m)
			bad[i] ^= x
			if got, err := Open(prf, label, []byte("aad"), bad); err != hsm.ErrMessage || got != nil {
				t.Fatalf("byte %d ^ %#x: %q, %v; want ErrMessage", i, x, got, err)
			}
		}
	}
	for n := range m {
		if _, err := Open(prf, label, []byte("aad"), m[:n]); err != hsm.ErrMessage {
			t.Fatalf("first %d bytes: %v, want ErrMessage", n, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	prf, aad := HMACPRF(key(1)), []byte("aad")
	m := mustSeal(t, prf, label, aad, []byte("some plaintext"))
	for _, tc := range []struct {
		name    string
		prf     PRF
		label   string
		aad     []byte
		message []byte
	}{
		{"other key", HMACPRF(key(2)), label, aad, m},
		{"other label", prf, "ostiary/message/v1/host-root", aad, m},
		{"label cut", prf, label[:len(label)-1], aad, m},
		{"other aad", prf, label, []byte("aae"), m},
		{"no aad", prf, label, nil, m},
		{"aad over the limit", prf, label, make([]byte, hsm.MaxAAD+1), m},
		{"trailing byte", prf, label, aad, append(bytes.Clone(m), 0)},
		{"empty", prf, label, aad, nil},
		{"over the limit", prf, label, aad, append([]byte{version}, make([]byte, hsm.MaxPlaintext+Overhead)...)},
	} {
		if got, err := Open(tc.prf, tc.label, tc.aad, tc.message); err != hsm.ErrMessage || got != nil {
			t.Errorf("%s: %q, %v; want ErrMessage", tc.name, got, err)
		}
	}
}

// GCM alone can be made to open under two keys. With the other key's commitment put in, the first key refuses it;
// with its own, the second does.
func TestCommitsToKey(t *testing.T) {
	nonce, iv := make([]byte, 16), make([]byte, 12)
	a := build(t, key(1), label, nonce, iv, nil, []byte("text"))
	b := build(t, key(2), label, nonce, iv, nil, []byte("text"))
	if bytes.Equal(a[17:49], b[17:49]) {
		t.Fatal("two keys have one commitment")
	}
	swapped := bytes.Join([][]byte{a[:17], b[17:49], a[49:]}, nil)
	if _, err := Open(HMACPRF(key(1)), label, nil, swapped); err != hsm.ErrMessage {
		t.Errorf("own ciphertext under a foreign commitment: %v, want ErrMessage", err)
	}
	if _, err := Open(HMACPRF(key(2)), label, nil, swapped); err != hsm.ErrMessage {
		t.Errorf("foreign ciphertext under the own commitment: %v, want ErrMessage", err)
	}
}

func TestMessagesDiffer(t *testing.T) {
	prf := HMACPRF(key(1))
	a, b := mustSeal(t, prf, label, nil, []byte("x")), mustSeal(t, prf, label, nil, []byte("x"))
	if bytes.Equal(a[1:17], b[1:17]) || bytes.Equal(a[17:49], b[17:49]) {
		t.Error("two messages share a nonce or a one-time key")
	}
}

func TestArguments(t *testing.T) {
	prf := HMACPRF(key(1))
	for name, err := range map[string]error{
		"plaintext": second(Seal(prf, label, nil, make([]byte, hsm.MaxPlaintext+1))),
		"aad":       second(Seal(prf, label, make([]byte, hsm.MaxAAD+1), nil)),
		"no label":  second(Seal(prf, "", nil, nil)),
		"NUL label": second(Seal(prf, "a\x00b", nil, nil)),
		"long":      second(Seal(prf, strings.Repeat("l", maxLabel+1), nil, nil)),
	} {
		if !errors.Is(err, ErrArgument) {
			t.Errorf("%s: %v, want ErrArgument", name, err)
		}
	}
}

// A device that fails is not a message that fails: callers retry one and refuse the other.
func TestPRFErrorPassesThrough(t *testing.T) {
	m := mustSeal(t, HMACPRF(key(1)), label, nil, nil)
	away := func([]byte) (out [32]byte, err error) { return out, hsm.ErrUnavailable }
	if _, err := Open(away, label, nil, m); err != hsm.ErrUnavailable {
		t.Errorf("Open: %v, want ErrUnavailable", err)
	}
	if _, err := Seal(away, label, nil, nil); err != hsm.ErrUnavailable {
		t.Errorf("Seal: %v, want ErrUnavailable", err)
	}
}

// SP 800-108r1, 4.1 with r = 32, L = 256: one iteration of the counter.
func TestBlock(t *testing.T) {
	got := hex.EncodeToString(appendBlock(nil, "lb", bytes.Repeat([]byte{0xee}, 16)))
	want := "00000001" + "6c62" + "00" + strings.Repeat("ee", 16) + "00000100"
	if got != want {
		t.Errorf("block %s, want %s", got, want)
	}
}

func TestExpandIsHKDF(t *testing.T) {
	for seed := range 50 {
		k := sha256.Sum256([]byte{byte(seed)})
		want, err := hkdf.Expand(sha256.New, k[:], info, keySize+commitmentSize)
		if err != nil {
			t.Fatal(err)
		}
		if got := expand(&k); !bytes.Equal(got[:], want) {
			t.Fatalf("expand(%x)\n got %x\nwant %x", k, got, want)
		}
	}
}

func TestAllocations(t *testing.T) {
	prf := func([]byte) (out [32]byte, err error) { return out, nil }
	m := mustSeal(t, prf, label, nil, nil)
	for name, f := range map[string]func() error{
		"Seal": func() error { return second(Seal(prf, label, nil, nil)) },
		"Open": func() error { return second(Open(prf, label, nil, m)) },
	} {
		// The PRF's input, the result, the AES key schedule and the GCM tables.
		n := testing.AllocsPerRun(100, func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		})
		if n > 4 {
			t.Errorf("%s allocates %v times, want at most 4", name, n)
		}
	}
}

// RFC 4231, test cases 1 and 2, of which the second has a short key.
func TestHMACPRF(t *testing.T) {
	for _, tc := range []struct{ key, data, want string }{
		{strings.Repeat("\x0b", 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	} {
		prf := HMACPRF([]byte(tc.key))
		for range 2 { // the second time from the pool
			if got, err := prf([]byte(tc.data)); err != nil || hex.EncodeToString(got[:]) != tc.want {
				t.Errorf("%q: %x, %v; want %s", tc.data, got, err, tc.want)
			}
		}
	}
}

func second(_ []byte, err error) error { return err }

func FuzzOpen(f *testing.F) {
	prf := HMACPRF(key(1))
	f.Add([]byte("aad"), mustSeal(f, prf, label, []byte("aad"), []byte("seed")))
	f.Add([]byte{}, make([]byte, Overhead))
	f.Add([]byte{}, []byte{version})
	f.Fuzz(func(t *testing.T, aad, m []byte) {
		// Nobody without the key makes a message that opens, but the seed, with its own aad.
		plaintext, err := Open(prf, label, aad, m)
		if err == nil && (string(aad) != "aad" || string(plaintext) != "seed") {
			t.Fatalf("forged: %x opens to %q", m, plaintext)
		}
		if err != nil && err != hsm.ErrMessage {
			t.Fatalf("error %v, want ErrMessage", err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	plaintext, aad := make([]byte, 64), make([]byte, 100)
	none := func([]byte) (out [32]byte, err error) { return out, nil }
	for name, prf := range map[string]PRF{"beyond the PRF": none, "software": HMACPRF(key(1))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Seal(prf, label, aad, plaintext); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	aad := make([]byte, 100)
	none := func([]byte) (out [32]byte, err error) { return out, nil }
	m := mustSeal(b, none, label, aad, make([]byte, 64))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(none, label, aad, m); err != nil {
			b.Fatal(err)
		}
	}
}
