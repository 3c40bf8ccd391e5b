package pkcs11

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"ostiary.dev/secret"
	"ostiary.dev/softhsm"
)

const (
	userPIN = "1234-user"
	soPIN   = "1234-officer"
)

// SoftHSM reads its configuration once per process, so all tokens of these tests lie in one folder.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ostiary-pkcs11-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	store, err := softhsm.Create(filepath.Join(dir, "softhsm"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv(softhsm.ConfVariable, store.Conf())
	os.Setenv(faultyVariable, filepath.Join(dir, "faulty.so"))
	return m.Run()
}

func libraryPath(t testing.TB) string {
	t.Helper()
	path, err := softhsm.Library()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// newToken makes a token named like the test, with a domain key, and the configuration to open it.
func newToken(t testing.TB, suffix string) Config {
	t.Helper()
	c := bareToken(t, suffix)
	if v, err := Initialize(c); err != nil || v != 1 {
		t.Fatalf("Initialize = %d, %v", v, err)
	}
	return c
}

// bareToken makes a token without keys.
func bareToken(t testing.TB, suffix string) Config {
	t.Helper()
	name := t.Name()
	label := fmt.Sprintf("%.*s%s", maxLabel-len(suffix), name, suffix)
	_, err := InitToken(NewToken{Library: libraryPath(t), Label: label, UserPIN: secret.FromString(userPIN), SOPIN: secret.FromString(soPIN)})
	if err != nil {
		t.Fatal(err)
	}
	return Config{Library: libraryPath(t), Label: label, PIN: secret.FromString(userPIN),
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func openDevice(t testing.TB, c Config) *Device {
	t.Helper()
	d, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return d
}
