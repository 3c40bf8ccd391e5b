package hsmtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"ostiary.dev/hsm"
)

// Run checks that a backend keeps the promises of package hsm. open gives a device for one test, which may be one that other
// tests use too, and arranges for its end with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) hsm.Backend) {
	for _, c := range []struct {
		name string
		test func(*testing.T, hsm.Backend)
	}{
		{"Status", testStatus},
		{"Generate", testGenerate},
		{"GenerateArguments", testGenerateArguments},
		{"TokenTampered", testTokenTampered},
		{"TokenOfOtherPurpose", testTokenOfOtherPurpose},
		{"Forget", testForget},
		{"Random", testRandom},
		{"Capabilities", testCapabilities},
		{"SealUnseal", testSealUnseal},
		{"UnsealRefuses", testUnsealRefuses},
		{"TwoKeys", testTwoKeys},
		{"SealArguments", testSealArguments},
		{"SealRandom", testSealRandom},
		{"Reseal", testReseal},
		{"ResealRefuses", testResealRefuses},
		{"Sign", testSign},
		{"Context", testContext},
		{"Concurrency", testConcurrency},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// generate makes a key and opens it.
func generate(t testing.TB, b hsm.Backend, spec hsm.Spec, purpose hsm.Purpose) (hsm.Key, []byte) {
	t.Helper()
	token, err := b.Generate(t.Context(), hsm.KeyRequest{KeyID: "0f3c7a52-1b66-4f0e-9f6d-0123456789ab", Spec: spec, Purpose: purpose})
	if err != nil {
		t.Fatalf("Generate(%s, %s): %v", spec, purpose, err)
	}
	return openKey(t, b, token), token
}

func openKey(t testing.TB, b hsm.Backend, token []byte) hsm.Key {
	t.Helper()
	k, err := b.Open(t.Context(), token)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(k.Close)
	return k
}

// symmetric is what a key of spec SYMMETRIC_DEFAULT can do.
type symmetric interface {
	hsm.Key
	hsm.Sealer
	hsm.DataKeyer
	hsm.Resealer
}

func generateSymmetric(t testing.TB, b hsm.Backend) symmetric {
	t.Helper()
	k, _ := generate(t, b, hsm.SymmetricDefault, hsm.PurposeKMS)
	s, ok := k.(symmetric)
	if !ok {
		t.Fatalf("a %s key is a %T, which lacks a capability", hsm.SymmetricDefault, k)
	}
	return s
}

func mustSeal(t testing.TB, k hsm.Sealer, aad, plaintext []byte) []byte {
	t.Helper()
	sealed, err := k.Seal(t.Context(), aad, plaintext)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return sealed
}

func mustUnseal(t testing.TB, k hsm.Sealer, aad, sealed, want []byte) {
	t.Helper()
	got, err := k.Unseal(t.Context(), aad, sealed)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("Unseal = %d bytes, %v; want the %d bytes that were sealed", len(got), err, len(want))
	}
}

func wantError(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// wantRefused checks that an argument was refused, as such: not as the device's fault and not as a bad token or message.
func wantRefused(t testing.TB, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
	}
	for _, wrong := range []error{hsm.ErrUnavailable, hsm.ErrToken, hsm.ErrMessage} {
		if errors.Is(err, wrong) {
			t.Errorf("%s: error %v says more than that the argument is wrong", what, err)
		}
	}
}

func testStatus(t *testing.T, b hsm.Backend) {
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Library == "" || s.DomainKey == 0 || len(s.Specs) == 0 {
		t.Errorf("Status = %+v: it lacks the library, the domain key or the specs", s)
	}
	generateSymmetric(t, b)
	after, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.DeviceCalls <= s.DeviceCalls {
		t.Errorf("device calls went from %d to %d over a Generate", s.DeviceCalls, after.DeviceCalls)
	}
}

func testRandom(t *testing.T, b hsm.Backend) {
	for _, n := range []int{1, 32, 33, 4096, hsm.MaxRandom} {
		one, err := b.Random(t.Context(), n)
		if err != nil || len(one) != n {
			t.Fatalf("Random(%d) = %d bytes, %v", n, len(one), err)
		}
		two, err := b.Random(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if n >= 32 && bytes.Equal(one, two) {
			t.Errorf("Random(%d) gave the same bytes twice", n)
		}
	}
	for _, n := range []int{-1, 0, hsm.MaxRandom + 1, 1 << 40} {
		_, err := b.Random(t.Context(), n)
		wantRefused(t, fmt.Sprintf("Random(%d)", n), err)
	}
}

// testContext: a context that is over ends a call, with its own error or with ErrUnavailable.
func testContext(t *testing.T, b hsm.Backend) {
	k := generateSymmetric(t, b)
	sealed := mustSeal(t, k, nil, []byte("text"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"Generate": func() error {
			_, err := b.Generate(ctx, hsm.KeyRequest{KeyID: "k", Spec: hsm.SymmetricDefault, Purpose: hsm.PurposeKMS})
			return err
		},
		"Random": func() error { _, err := b.Random(ctx, 8); return err },
		"Status": func() error { _, err := b.Status(ctx); return err },
		"Seal":   func() error { _, err := k.Seal(ctx, nil, nil); return err },
		"Unseal": func() error { _, err := k.Unseal(ctx, nil, sealed); return err },
	} {
		if err := call(); err != nil && !errors.Is(err, hsm.ErrUnavailable) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s under a cancelled context: %v, want %v or %v", name, err, hsm.ErrUnavailable, context.Canceled)
		}
	}
	mustUnseal(t, k, nil, sealed, []byte("text")) // the device lives on
}
