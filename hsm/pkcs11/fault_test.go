package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

// faultyVariable names where the faulty library (testdata/faulty.c) is built.
const faultyVariable = "OSTIARY_PKCS11_TEST_FAULTY"

// faulty makes c use a library that is SoftHSM until plan says otherwise.
func faulty(t *testing.T, c Config) Config {
	t.Helper()
	t.Setenv("FAULTY_LIBRARY", c.Library)
	t.Setenv("FAULTY_PLAN", "")
	c.Library = os.Getenv(faultyVariable)
	if _, err := os.Stat(c.Library); err != nil {
		build := exec.Command("gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", c.Library, "testdata/faulty.c", "-ldl", "-lpthread")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return c
}

// plan lets the n-th call of function from now on fail.
func plan(t *testing.T, function string, n int, code string) {
	t.Helper()
	t.Setenv("FAULTY_PLAN", "")
	touch(t)
	t.Setenv("FAULTY_PLAN", fmt.Sprintf("%s:%d:%s", function, n, code))
}

func noPlan(t *testing.T) { t.Helper(); t.Setenv("FAULTY_PLAN", "") }

// touch lets the library see that the plan was changed, so that two plans in a row that are the same are two plans.
func touch(t *testing.T) {
	t.Helper()
	l, err := openLibrary(os.Getenv(faultyVariable))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = l.openSession(1<<40, false) // no such slot
}

// faultCodes are one or two of each class.
var faultCodes = []uint{
	p11.CKR_GENERAL_ERROR, p11.CKR_DEVICE_REMOVED, p11.CKR_SESSION_HANDLE_INVALID, p11.CKR_KEY_HANDLE_INVALID,
	p11.CKR_DEVICE_MEMORY, p11.CKR_MECHANISM_INVALID, p11.CKR_VENDOR_DEFINED + 7,
}

// TestEveryCallFails lets every single call of every operation fail in every way. The operation must then fail as it should, or
// have the right result; and the device must serve on, without a key left behind, or ask to be replaced.
func TestEveryCallFails(t *testing.T) {
	c := faulty(t, newToken(t, ""))
	ctx := context.Background()
	d := openFaulty(t, c)
	symmetric := mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key")
	signer := mustGenerate(t, d, hsm.ECCNISTP256, hsm.PurposeCA, "ca")
	sealed := mustSealWith(t, d, symmetric)

	for name, op := range map[string]func(d *Device) error{
		"generate":      func(d *Device) error { return generateAndUse(ctx, d, hsm.SymmetricDefault) },
		"generate P256": func(d *Device) error { return generateAndUse(ctx, d, hsm.ECCNISTP256) },
		"unseal":        func(d *Device) error { return unsealWith(ctx, d, symmetric, sealed) },
		"sign":          func(d *Device) error { return useToken(ctx, d, signer) },
		"random":        func(d *Device) error { _, err := d.Random(ctx, 32); return err },
	} {
		before := d.lib.calls.Load()
		if err := forgetAfter(ctx, d, op, symmetric, signer); err != nil {
			t.Fatalf("%s without a fault: %v", name, err)
		}
		calls := 2*int(d.lib.calls.Load()-before) + 2 // a signature is two calls of the library
		for n := 1; n <= calls; n++ {
			for _, code := range faultCodes {
				plan(t, "*", n, fmt.Sprintf("%x", code))
				err := forgetAfter(ctx, d, op, symmetric, signer)
				noPlan(t)
				what := fmt.Sprintf("%s, call %d returns %v", name, n, &CallError{"it", code})
				checkOutcome(t, what, code, err)
				if lost := d.fuse.intact(); lost != nil {
					if err := d.Close(); err != nil && classOf(err) == classFatal {
						t.Errorf("%s: Close: %v", what, err)
					}
					d = openFaulty(t, c)
				}
				checkClean(t, what, d)
				if err := useToken(ctx, d, symmetric); err != nil {
					t.Fatalf("%s: afterwards the device fails: %v", what, err)
				}
				if err := d.Forget(ctx, symmetric); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func openFaulty(t *testing.T, c Config) *Device {
	t.Helper()
	d, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// forgetAfter runs op on a device that has nothing cached, and leaves it so.
func forgetAfter(ctx context.Context, d *Device, op func(*Device) error, tokens ...[]byte) error {
	err := op(d)
	for _, token := range tokens {
		_ = d.Forget(ctx, token) // a lost device cannot
	}
	return err
}

// checkOutcome wants err to be nil or what the fault means to the caller.
func checkOutcome(t *testing.T, what string, code uint, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, hsm.ErrMessage):
		t.Errorf("%s: %v: a device's fault is blamed on the message", what, err)
	case classify(code) == classInput: // what the device refuses for good is refused for good
		if fatal := new(*Fatal); errors.Is(err, hsm.ErrUnavailable) && !errors.As(err, fatal) {
			t.Errorf("%s: %v, which asks for another try", what, err)
		}
	case !errors.Is(err, hsm.ErrUnavailable):
		t.Errorf("%s: %v, want ErrUnavailable", what, err)
	}
}

// checkClean wants no session object but the cached keys.
func checkClean(t *testing.T, what string, d *Device) {
	t.Helper()
	d.ownerMu.Lock()
	defer d.ownerMu.Unlock()
	left, err := d.lib.objects(d.owner, flag(p11.CKA_TOKEN, false))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if cached, _, _ := d.cache.stats(); len(left) != cached {
		t.Errorf("%s: %d session objects, but %d cached keys", what, len(left), cached)
	}
}

func generateAndUse(ctx context.Context, d *Device, spec hsm.Spec) error {
	token, err := d.Generate(ctx, hsm.KeyRequest{KeyID: "new", Spec: spec, Purpose: hsm.PurposeKMS})
	if err != nil {
		return err
	}
	err = useToken(ctx, d, token)
	_ = d.Forget(ctx, token) // a lost device cannot
	return err
}

// useToken opens a key and checks what it does.
func useToken(ctx context.Context, d *Device, token []byte) error {
	k, err := d.Open(ctx, token)
	if err != nil {
		return err
	}
	defer k.Close()
	if s, ok := k.(hsm.Signer); ok {
		_, err := s.SignDigest(ctx, make([]byte, digestSize))
		return err
	}
	sealed, err := k.(hsm.Sealer).Seal(ctx, nil, []byte("text"))
	if err != nil {
		return err
	}
	return unsealWith(ctx, d, token, sealed)
}

func mustSealWith(t *testing.T, d *Device, token []byte) []byte {
	t.Helper()
	k, err := d.Open(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	sealed, err := k.(hsm.Sealer).Seal(context.Background(), nil, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func unsealWith(ctx context.Context, d *Device, token, sealed []byte) error {
	k, err := d.Open(ctx, token)
	if err != nil {
		return err
	}
	defer k.Close()
	text, err := k.(hsm.Sealer).Unseal(ctx, nil, sealed)
	if err == nil && !bytes.Equal(text, []byte("text")) {
		err = fmt.Errorf("unsealed %q", text)
	}
	return err
}

// A device that is full makes room by what nobody uses.
func TestFullDevice(t *testing.T) {
	c := faulty(t, newToken(t, ""))
	d := openFaulty(t, c)
	defer d.Close()
	var tokens [4][]byte
	for i := range tokens {
		tokens[i] = mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key")
	}
	if err := d.Forget(t.Context(), tokens[3]); err != nil {
		t.Fatal(err)
	}
	full := fmt.Sprintf("%x", p11.CKR_DEVICE_MEMORY)
	plan(t, "C_UnwrapKey", 1, full)
	if err := useToken(t.Context(), d, tokens[3]); err != nil {
		t.Error(err)
	}
	if cached, _, _ := d.cache.stats(); cached != 2 { // one of three, and the new one
		t.Errorf("%d keys cached, want 2", cached)
	}
	plan(t, "C_GenerateKey", 1, full)
	if err := generateAndUse(t.Context(), d, hsm.SymmetricDefault); err != nil {
		t.Error(err)
	}
	checkClean(t, "afterwards", d)
}

// A device that answers wrongly must not get a wrong key past Generate or Open.
func TestWrongAnswersAreCaught(t *testing.T) {
	c := faulty(t, newToken(t, ""))
	ctx := context.Background()
	d := openFaulty(t, c)
	defer d.Close()
	for _, spec := range []hsm.Spec{hsm.SymmetricDefault, hsm.ECCNISTP256} {
		token := mustGenerate(t, d, spec, hsm.PurposeKMS, "key")
		for _, function := range []string{"C_Sign", "C_WrapKey", "C_GetAttributeValue"} {
			for n := 1; n <= 8; n++ {
				plan(t, function, n, "flip")
				made, err := d.Generate(ctx, hsm.KeyRequest{KeyID: "new", Spec: spec, Purpose: hsm.PurposeKMS})
				noPlan(t)
				if err == nil {
					if err := useToken(ctx, d, made); err != nil {
						t.Errorf("%s, %s %d lies: Generate gave a token that does not open: %v", spec, function, n, err)
					}
				}
			}
		}
		for n := 1; n <= 2; n++ { // the token's MAC and the proof of the material
			if err := d.Forget(ctx, token); err != nil {
				t.Fatal(err)
			}
			plan(t, "C_Sign", n, "flip")
			_, err := d.Open(ctx, token)
			noPlan(t)
			if !errors.Is(err, hsm.ErrToken) {
				t.Errorf("%s, C_Sign %d lies: Open gave %v, want ErrToken", spec, n, err)
			}
		}
		if err := useToken(ctx, d, token); err != nil {
			t.Errorf("%s: the token no longer opens: %v", spec, err)
		}
	}
}

// Whatever fails while a device is opened, it is refused or works, and what was begun is undone.
func TestEveryCallFailsAtOpen(t *testing.T) {
	c := faulty(t, newToken(t, ""))
	ctx := context.Background()
	for _, how := range []string{"5", "30", "b3", "70", "flip"} {
		for n := 1; n < 140; n += 3 {
			plan(t, "*", n, how)
			d, err := Open(c)
			noPlan(t)
			if err != nil {
				continue
			}
			if err := generateAndUse(ctx, d, hsm.SymmetricDefault); err != nil && how != "flip" {
				t.Errorf("opened although call %d gave %s, and fails: %v", n, how, err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	d := openFaulty(t, c)
	defer d.Close()
	if err := generateAndUse(ctx, d, hsm.SymmetricDefault); err != nil {
		t.Error(err)
	}
}

func TestWrongHMACIsRefused(t *testing.T) {
	c := faulty(t, newToken(t, ""))
	plan(t, "C_Sign", 1, "flip")
	_, err := Open(c)
	if !errors.Is(err, ErrSelfTest) || !strings.Contains(err.Error(), "HMAC") {
		t.Errorf("Open gave %v, want ErrSelfTest that names the HMAC", err)
	}
}
