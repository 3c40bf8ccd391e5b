package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ostiary.dev/hsm"
	"ostiary.dev/secret"
	"ostiary.dev/softhsm"
)

// roleVariable makes the test binary play a second process; its value is the role.
const roleVariable = "OSTIARY_PKCS11_TEST_ROLE"

// play is the second process. It returns its exit status.
func play(role string) int {
	roles := map[string]func() error{
		"attacker":   attackMain,
		"lifecycle":  lifecycleMain,
		"no library": brokenConfigurationMain,
	}
	if err := roles[role](); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// runChild runs the test binary in a role and gives what it printed.
func runChild(t *testing.T, role string, env ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	child := exec.Command(os.Args[0])
	child.Env = append(append(os.Environ(), roleVariable+"="+role), env...)
	child.Stdout, child.Stderr = &stdout, &stderr
	if err := child.Run(); err != nil {
		t.Fatalf("process %q: %v\n%s", role, err, stderr.Bytes())
	}
	return stdout.Bytes()
}

// A process of its own, as the worker is: the library is initialised and finalised by the device alone, again and again.
func TestWholeLife(t *testing.T) {
	store, err := softhsm.Create(filepath.Join(t.TempDir(), "softhsm"))
	if err != nil {
		t.Fatal(err)
	}
	runChild(t, "lifecycle", store.Environ())
	if err := store.Sync(); err != nil {
		t.Error(err)
	}
	// The key of a domain must not lie on the disk in the clear, nor its PINs.
	files := 0
	err = filepath.WalkDir(store.Tokens(), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(userPIN)) || bytes.Contains(content, []byte(soPIN)) {
			t.Errorf("%s holds a PIN", path)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
}

func lifecycleMain() error {
	path, err := softhsm.Library()
	if err != nil {
		return err
	}
	pin := secret.FromString(userPIN)
	if _, err := InitToken(NewToken{Library: path, Label: "life", UserPIN: pin, SOPIN: secret.FromString(soPIN)}); err != nil {
		return err
	}
	c := Config{Library: path, Label: "life", PIN: pin}
	if _, err := Initialize(c); err != nil {
		return err
	}
	var token []byte
	for range 3 {
		d, err := Open(c)
		if err != nil {
			return err
		}
		if !d.lib.ours {
			return errors.New("somebody else has initialised the library")
		}
		if token == nil {
			token, err = d.Generate(context.Background(), hsm.KeyRequest{KeyID: "k", Spec: hsm.SymmetricDefault, Purpose: hsm.PurposeKMS})
		}
		if err == nil {
			err = useToken(context.Background(), d, token)
		}
		if err := errors.Join(err, d.Close()); err != nil {
			return err
		}
	}
	return nil
}

// A library that is there but does not start is the library's error, and says where to look.
func TestLibraryThatDoesNotStart(t *testing.T) {
	out := runChild(t, "no library", softhsm.ConfVariable+"=/nonexistent/softhsm2.conf")
	if !bytes.Contains(out, []byte(softhsm.ConfVariable)) {
		t.Errorf("the error does not say where to look: %s", out)
	}
}

func brokenConfigurationMain() error {
	path, err := softhsm.Library()
	if err != nil {
		return err
	}
	_, err = Open(Config{Library: path, Label: "x", PIN: secret.FromString(userPIN)})
	if !errors.Is(err, ErrLibrary) {
		return fmt.Errorf("error %v, want ErrLibrary", err)
	}
	fmt.Println(err)
	return nil
}
