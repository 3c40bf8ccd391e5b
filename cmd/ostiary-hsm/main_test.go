package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/hsmtest"
	"ostiary.dev/hsm/worker"
	"ostiary.dev/secret"
	"ostiary.dev/softhsm"
)

const (
	userPIN = "1234-user"
	soPIN   = "1234-officer"
)

// programDir is where TestMain puts the program, set once.
var programDir string

func TestMain(m *testing.M) { os.Exit(build(m)) }

// build makes the real program and runs the tests with it.
func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ostiary-hsm-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programDir = dir
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "ostiary-hsm"), ".")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the program:", err)
		return 1
	}
	return m.Run()
}

// testOutput is an io.Writer to a test's log.
func testLog(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

// bare is a configuration for a token that does not exist yet, in a store of its own.
func bare(t testing.TB) worker.InitConfig {
	t.Helper()
	library, err := softhsm.Library()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store, err := softhsm.Create(filepath.Join(dir, "softhsm"))
	if err != nil {
		t.Fatal(err)
	}
	return worker.InitConfig{
		Config: worker.Config{
			Program: filepath.Join(programDir, "ostiary-hsm"),
			Env:     []string{store.Environ()},
			Settings: worker.Settings{
				Library: library, TokenLabel: "ostiary", PINFile: writeFile(t, dir, "pin", userPIN+"\n", 0o600),
			},
			Log: testLog(t),
		},
		SOPIN: secret.FromString(soPIN),
	}
}

func writeFile(t testing.TB, dir, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// made is a configuration for a token with a domain key.
func made(t testing.TB) worker.Config {
	t.Helper()
	cfg := bare(t)
	if err := worker.Init(t.Context(), cfg); err != nil {
		t.Fatalf("Init: %v", err)
	}
	return cfg.Config
}

func start(t testing.TB, cfg worker.Config) *worker.Client {
	t.Helper()
	c, err := worker.Start(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func generate(t testing.TB, b hsm.Backend) []byte {
	t.Helper()
	token, err := b.Generate(t.Context(), hsm.KeyRequest{KeyID: "key", Spec: hsm.SymmetricDefault, Purpose: hsm.PurposeKMS})
	if err != nil {
		t.Fatalf("Generate: %v", err)
	}
	return token
}

func openKey(t testing.TB, b hsm.Backend, token []byte) hsm.Sealer {
	t.Helper()
	k, err := b.Open(t.Context(), token)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return k.(hsm.Sealer)
}

// TestConformance is the whole product below the services: client, socket, worker, PKCS#11 library, token.
func TestConformance(t *testing.T) {
	c := start(t, made(t))
	hsmtest.Run(t, func(*testing.T) hsm.Backend { return c })
}
