package kms

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

func TestHeader(t *testing.T) {
	material := [32]byte{1, 2, 3, 31: 0xff}
	for _, ref := range []state.KeyRef{
		{Account: "111122223333", ID: "12345678-90ab-cdef-1234-567890abcdef"},
		{Account: "000000000000", ID: "00000000-0000-0000-0000-000000000000"},
		{Account: "999999999999", ID: "mrk-ffffffffffffffffffffffffffffffff"},
		{Account: "000000000001", ID: "mrk-00000000000000000000000000000000"},
	} {
		b, ok := appendHeader(nil, ref, &state.Version{MaterialID: material})
		if !ok || len(b) != headerSize {
			t.Fatalf("%v: %d bytes, %v", ref, len(b), ok)
		}
		h, message, ok := parseHeader(append(b, "message"...))
		if want := (header{account: ref.Account, id: ref.ID, material: material}); !ok || h != want || string(message) != "message" {
			t.Errorf("%v: %v, %q, %v", ref, h, message, ok)
		}
	}
	for _, ref := range []state.KeyRef{
		{Account: "account", ID: "12345678-90ab-cdef-1234-567890abcdef"},
		{Account: "111122223333", ID: "12345678"},
		{Account: "111122223333", ID: "host-root"},
		{Account: "111122223333", ID: "mrk-ffffffffffffffffffffffffffffffffff"},
	} {
		if _, ok := appendHeader(nil, ref, &state.Version{}); ok {
			t.Errorf("%v was encoded", ref)
		}
	}
}

// FuzzParseHeader: what is accepted is exactly what appendHeader makes, so that no two headers name one key.
func FuzzParseHeader(f *testing.F) {
	ref := state.KeyRef{Account: here, ID: "12345678-90ab-cdef-1234-567890abcdef"}
	b, _ := appendHeader(nil, ref, &state.Version{MaterialID: [32]byte{7}})
	f.Add(b)
	f.Add(append(b, make([]byte, 93)...))
	ref.ID = "mrk-1234567890abcdef1234567890abcdef"
	b, _ = appendHeader(nil, ref, &state.Version{})
	f.Add(b)
	f.Add(b[:headerSize-1])
	f.Fuzz(func(t *testing.T, blob []byte) {
		h, message, ok := parseHeader(blob)
		if !ok {
			return
		}
		if !isKeyID(h.id) || len(h.account) != 12 {
			t.Fatalf("names %+v", h)
		}
		again, ok := appendHeader(nil, state.KeyRef{Account: h.account, ID: h.id}, &state.Version{MaterialID: h.material})
		if !ok || !bytes.Equal(append(again, message...), blob) {
			t.Fatalf("%x became %x", blob, again)
		}
	})
}

// TestEveryByteOfACiphertext changes each byte in several ways, and cuts at each length. With the key's id given or not,
// as ciphertext of Decrypt or of ReEncrypt, none opens, and what is answered does not depend on the reason.
func TestEveryByteOfACiphertext(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k, other := w.key(), w.key()
	context := map[string]string{"a": "b"}
	blob := w.encrypt(w.admin(), k.Ref.ID, "plaintext", context)
	answers := map[string]int{}
	try := func(what string, bad []byte) {
		t.Helper()
		for _, id := range []*string{nil, &k.Ref.ID} {
			in := &kmsapi.DecryptRequest{CiphertextBlob: bad, KeyId: id, EncryptionContext: context}
			out, err := invoke(w.admin(), w.NeedsDecrypt, w.Decrypt, in)
			move := &kmsapi.ReEncryptRequest{CiphertextBlob: bad, SourceKeyId: id, SourceEncryptionContext: context, DestinationKeyId: &other.Ref.ID}
			moved, moveErr := invoke(w.admin(), w.NeedsReEncrypt, w.ReEncrypt, move)
			if out != nil || moved != nil {
				t.Fatalf("%s opened", what)
			}
			if text(err) != text(moveErr) {
				t.Errorf("%s: Decrypt %s, ReEncrypt %s", what, text(err), text(moveErr))
			}
			answers[text(err)]++
		}
	}
	for i := range blob {
		for _, x := range []byte{0x01, 0x80, 0xff} {
			bad := bytes.Clone(blob)
			bad[i] ^= x
			try(fmt.Sprintf("byte %d changed by %#x", i, x), bad)
		}
		try(fmt.Sprintf("cut to %d bytes", i), blob[:i])
	}
	try("one byte more", append(bytes.Clone(blob), 0))
	for answer := range answers {
		switch answer {
		case "InvalidCiphertextException: ",
			"IncorrectKeyException: The key ID in the request does not identify a CMK that can perform this operation.", // header of another key, id given
			"AccessDeniedException: " + unknownCiphertextKey:                                                            // header of another key
		default:
			t.Errorf("%d times %s", answers[answer], answer)
		}
	}
	if len(answers) != 3 {
		t.Errorf("%d answers: %v", len(answers), answers)
	}
	if got, err := w.decrypt(w.admin(), blob, context); err != nil || got != "plaintext" {
		t.Errorf("unchanged: %q, %v", got, err)
	}
}

// TestContextMustMatch: names and values count to the byte; nothing is folded, trimmed or normalised.
func TestContextMustMatch(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.key()
	sealed := map[string]string{"Key": "caf\u00e9", "empty": ""}
	blob := w.encrypt(w.admin(), k.Ref.ID, "x", sealed)
	for _, other := range []map[string]string{
		nil,
		{},
		{"Key": "caf\u00e9"},
		{"key": "caf\u00e9", "empty": ""},
		{"Key": "Caf\u00e9", "empty": ""},
		{"Key": "cafe\u0301", "empty": ""},     // the same, decomposed
		{"\u212aey": "caf\u00e9", "empty": ""}, // KELVIN SIGN folds to k
		{"Key": "caf\u00e9", "empty": " "},
		{"Key": "caf\u00e9 ", "empty": ""},
		{"Key": "caf\u00e9", "empty": "", "": ""},
		{"Key": "caf\u00e9", "empty": "", "more": ""},
		{"Keycaf\u00e9": "", "empty": ""},
	} {
		if got, err := w.decrypt(w.admin(), blob, other); text(err) != "InvalidCiphertextException: " {
			t.Errorf("%q: %q, %v", other, got, err)
		}
	}
	if got, err := w.decrypt(w.admin(), blob, sealed); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
	empty := w.encrypt(w.admin(), k.Ref.ID, "x", map[string]string{})
	if got, err := w.decrypt(w.admin(), empty, nil); err != nil || got != "x" {
		t.Errorf("no context is not the empty one: %q, %v", got, err)
	}
}

// TestAADIsInjective: over many contexts made of a few parts, no two different pairs of header and context have the same
// associated data, and equal ones do whatever the order.
func TestAADIsInjective(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"", "a", "b", "aa", "ab", "\x00", "\x00\x00\x00\x01", "\x00\x00\x00\x01a", "a\x00\x00\x00\x01b", "é", "e\u0301"}
	part := func() string { return parts[random.IntN(len(parts))] }
	seen := map[string]string{}
	for range 50_000 {
		context := map[string]string{}
		for range random.IntN(4) {
			context[part()] = part()
		}
		header := part()
		name := fmt.Sprintf("%q %q", header, context) // fmt sorts the keys of maps
		aad := string(appendAAD(nil, []byte(header), context))
		if other, ok := seen[aad]; ok && other != name {
			t.Fatalf("%s and %s are the same", other, name)
		}
		seen[aad] = name
	}
	if len(seen) < 1000 {
		t.Errorf("only %d different ones", len(seen))
	}
	context := map[string]string{}
	for i := range 20 {
		context[fmt.Sprint(i)] = "v"
	}
	want := appendAAD(nil, nil, context)
	for range 20 {
		if !bytes.Equal(appendAAD(nil, nil, context), want) {
			t.Fatal("depends on the order of a map")
		}
	}
}

// TestContextSize: what the device could not bind is the caller's mistake, not an internal error.
func TestContextSize(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.key()
	fits := map[string]string{"k": strings.Repeat("v", maxContext-1)}
	blob := w.encrypt(w.admin(), k.Ref.ID, "x", fits)
	if got, err := w.decrypt(w.admin(), blob, fits); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
	for _, size := range []int{maxContext, 1 << 20} {
		big := map[string]string{"k": strings.Repeat("v", size)}
		in := &kmsapi.EncryptRequest{KeyId: &k.Ref.ID, Plaintext: []byte("x"), EncryptionContext: big}
		if got := text(second(invoke(w.admin(), w.NeedsEncrypt, w.Encrypt, in))); got != "ValidationException: EncryptionContext is larger than 8192 bytes." {
			t.Errorf("%d: %s", size, got)
		}
		if _, err := w.decrypt(w.admin(), blob, big); code(err) != "InvalidCiphertextException" {
			t.Errorf("%d: %v", size, err)
		}
	}
}

// TestOtherCluster: a ciphertext of another cluster, even of a key of the same name, does not open.
func TestOtherCluster(t *testing.T) {
	w, other := newWorld(t, memoryConfig), newWorld(t, memoryConfig)
	k, twin := w.key(), other.key()
	if k.Ref != twin.Ref {
		t.Fatal("the ids of the two worlds differ")
	}
	if got, err := w.decrypt(w.admin(), other.encrypt(other.admin(), twin.Ref.ID, "x", nil), nil); text(err) != "InvalidCiphertextException: " {
		t.Errorf("same id: %q, %v", got, err)
	}
	stranger := other.key()
	blob := other.encrypt(other.admin(), stranger.Ref.ID, "x", nil)
	if got, err := w.decrypt(w.admin(), blob, nil); text(err) != "AccessDeniedException: "+unknownCiphertextKey {
		t.Errorf("another id: %q, %v", got, err)
	}
}

// TestGraftedHeader puts the header of one key before the message of another. The caller may use both.
func TestGraftedHeader(t *testing.T) {
	w := newWorld(t, memoryConfig)
	a, b := w.key(), w.key()
	underA, underB := w.encrypt(w.admin(), a.Ref.ID, "secret", nil), w.encrypt(w.admin(), b.Ref.ID, "secret", nil)
	grafted := append(bytes.Clone(underA[:headerSize]), underB[headerSize:]...)
	if got, err := w.decrypt(w.admin(), grafted, nil); text(err) != "InvalidCiphertextException: " {
		t.Errorf("%q, %v", got, err)
	}
	// A ciphertext is tied to the region of its key, though the header does not say it.
	if got, err := w.decrypt(w.call(here, "admin", away), underA, nil); text(err) != "AccessDeniedException: "+unknownCiphertextKey {
		t.Errorf("in another region: %q, %v", got, err)
	}
}
