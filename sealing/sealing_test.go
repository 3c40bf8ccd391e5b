package sealing

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"ostiary.dev/hsm"
	"ostiary.dev/secret"
)

func newBox(t testing.TB, fill byte) *Box {
	t.Helper()
	key := secret.New(bytes.Repeat([]byte{fill}, KeySize))
	b, err := NewBox(key)
	if err != nil {
		t.Fatal(err)
	}
	key.Wipe() // the box has its own
	return b
}

const path = "accounts/111122223333/access-keys/AKIAEXAMPLE"

func TestSealAndOpen(t *testing.T) {
	b := newBox(t, 1)
	for _, plain := range []string{"", "s", strings.Repeat("s", 4096)} {
		sealed, err := b.Seal(path, secret.FromString(plain))
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) > 1 && bytes.Contains(sealed, []byte(plain)) {
			t.Error("the secret can be read")
		}
		got, err := b.Open(path, sealed)
		if err != nil || string(got.Reveal()) != plain {
			t.Errorf("%d bytes: %v", len(plain), err)
		}
		again, err := b.Seal(path, secret.FromString(plain))
		if err != nil || bytes.Equal(again, sealed) {
			t.Errorf("sealed alike twice: %v", err)
		}
	}
}

// TestBound: what was sealed for one record, or under another key, opens nowhere else.
func TestBound(t *testing.T) {
	b := newBox(t, 1)
	sealed, err := b.Seal(path, secret.FromString("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"", path + "X", path[:len(path)-1], strings.ToLower(path), "accounts/444455556666/access-keys/AKIAEXAMPLE"} {
		if got, err := b.Open(other, sealed); !errors.Is(err, hsm.ErrMessage) || got.Len() != 0 {
			t.Errorf("%q: %v", other, err)
		}
	}
	if _, err := newBox(t, 2).Open(path, sealed); !errors.Is(err, hsm.ErrMessage) {
		t.Errorf("another key: %v", err)
	}
}

// TestTampering: every byte counts, and so does the length.
func TestTampering(t *testing.T) {
	b := newBox(t, 1)
	sealed, err := b.Seal(path, secret.FromString("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := b.Open(path, bad); !errors.Is(err, hsm.ErrMessage) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := b.Open(path, sealed[:i]); !errors.Is(err, hsm.ErrMessage) {
			t.Errorf("cut to %d: %v", i, err)
		}
	}
	if _, err := b.Open(path, append(bytes.Clone(sealed), 0)); !errors.Is(err, hsm.ErrMessage) {
		t.Errorf("one byte more: %v", err)
	}
	_, err = b.Open(path, nil)
	if !errors.Is(err, hsm.ErrMessage) || !strings.Contains(err.Error(), path) {
		t.Errorf("the error does not name the record: %v", err)
	}
}

func TestKeySize(t *testing.T) {
	for _, size := range []int{0, KeySize - 1, KeySize + 1} {
		if _, err := NewBox(secret.New(make([]byte, size))); err == nil {
			t.Errorf("a key of %d bytes was taken", size)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	box, plain := newBox(b, 1), secret.FromString(strings.Repeat("s", 40))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Seal(path, plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	box := newBox(b, 1)
	sealed, err := box.Seal(path, secret.FromString(strings.Repeat("s", 40)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Open(path, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
