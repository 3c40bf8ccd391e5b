package secret_test

import (
	"testing"

	"ostiary.dev/secret"
)

func TestRevealReturnsTheBytes(t *testing.T) {
	b := []byte("open sesame")
	s := secret.New(b)
	if got := string(s.Reveal()); got != "open sesame" {
		t.Errorf("Reveal = %q", got)
	}
	if &s.Reveal()[0] != &b[0] {
		t.Error("New copied the bytes; it takes ownership so that one wipe is enough")
	}
	if got := s.Len(); got != 11 {
		t.Errorf("Len = %d, want 11", got)
	}
	if got := string(secret.FromString("abc").Reveal()); got != "abc" {
		t.Errorf("FromString = %q", got)
	}
}

func TestZeroValueIsEmpty(t *testing.T) {
	var s secret.Bytes
	s.Wipe()
	if s.Reveal() != nil || s.Len() != 0 {
		t.Errorf("zero value holds %d bytes", s.Len())
	}
	if !s.Equal(secret.New(nil)) {
		t.Error("two empty secrets differ")
	}
	if s.Equal(secret.FromString("x")) {
		t.Error("an empty secret equals a full one")
	}
}

func TestEqual(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"same", "same", true},
		{"same", "sama", false},
		{"same", "samesame", false},
		{"", "", true},
		{"", "\x00", false},
	}
	for _, tt := range tests {
		if got := secret.FromString(tt.a).Equal(secret.FromString(tt.b)); got != tt.want {
			t.Errorf("Equal(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}

func TestWipeClearsEveryCopy(t *testing.T) {
	b := []byte("open sesame")
	s := secret.New(b)
	other := s
	s.Wipe()
	s.Wipe()
	for i, c := range b {
		if c != 0 {
			t.Fatalf("byte %d is %#x after Wipe", i, c)
		}
	}
	if other.Reveal() != nil || other.Len() != 0 {
		t.Error("a copy still reveals something after Wipe")
	}
	if other.Equal(secret.New(make([]byte, len(b)))) {
		t.Error("a wiped secret equals a key of zeros")
	}
}
