package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ostiary.dev/hsm/pkcs11"
	"ostiary.dev/hsm/worker"
	"ostiary.dev/secret"
)

// TestInit: a token is made once, and found again with its keys by every later Init.
func TestInit(t *testing.T) {
	cfg := bare(t)
	for range 2 {
		if err := worker.Init(t.Context(), cfg); err != nil {
			t.Fatalf("Init: %v", err)
		}
	}
	c := start(t, cfg.Config)
	token := generate(t, c)
	sealed, err := openKey(t, c, token).Seal(t.Context(), nil, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Init(t.Context(), cfg); err != nil { // beside a worker that serves
		t.Fatalf("Init: %v", err)
	}
	again := start(t, cfg.Config)
	if got, err := openKey(t, again, token).Unseal(t.Context(), nil, sealed); err != nil || string(got) != "text" {
		t.Errorf("after Init was repeated, Unseal = %q, %v", got, err)
	}
}

// TestInitWithFile: the officer's PIN may come from a file that only the worker reads.
func TestInitWithFile(t *testing.T) {
	cfg := bare(t)
	cfg.SOPIN, cfg.SOPINFile = secret.Bytes{}, writeFile(t, t.TempDir(), "so-pin", soPIN, 0o400)
	if err := worker.Init(t.Context(), cfg); err != nil {
		t.Fatalf("Init: %v", err)
	}
	start(t, cfg.Config)
}

// TestInitFails: what is wrong is said by its kind, nothing is half done that a later Init does not finish.
func TestInitFails(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, cfg *worker.InitConfig)
		want   worker.StartKind
	}{
		"no library":  {func(_ *testing.T, cfg *worker.InitConfig) { cfg.Settings.Library = "/nowhere/p11.so" }, worker.StartLibrary},
		"no PIN file": {func(_ *testing.T, cfg *worker.InitConfig) { cfg.Settings.PINFile = "/nowhere/pin" }, worker.StartPINFile},
		"no SO PIN":   {func(_ *testing.T, cfg *worker.InitConfig) { cfg.SOPIN = secret.Bytes{} }, worker.StartSettings},
		"no SO PIN file": {func(_ *testing.T, cfg *worker.InitConfig) {
			cfg.SOPIN, cfg.SOPINFile = secret.Bytes{}, "/nowhere/so-pin"
		}, worker.StartPINFile},
		"short user PIN": {func(t *testing.T, cfg *worker.InitConfig) {
			cfg.Settings.PINFile = writeFile(t, t.TempDir(), "pin", "1", 0o600)
		}, worker.StartPIN},
		"no label": {func(_ *testing.T, cfg *worker.InitConfig) { cfg.Settings.TokenLabel = "" }, worker.StartSettings},
	} {
		t.Run(name, func(t *testing.T) {
			good := bare(t)
			bad := good
			c.change(t, &bad)
			wantKind(t, worker.Init(t.Context(), bad), c.want)
			if err := worker.Init(t.Context(), good); err != nil {
				t.Errorf("Init after it failed: %v", err)
			}
		})
	}
}

// TestInitWithOtherPIN: a token that has another user PIN is left as it is, and the wrong PIN is tried once.
func TestInitWithOtherPIN(t *testing.T) {
	cfg := bare(t)
	if err := worker.Init(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	other := cfg
	other.Settings.PINFile = writeFile(t, t.TempDir(), "pin", "9999-other", 0o600)
	wantKind(t, worker.Init(t.Context(), other), worker.StartPIN)
	start(t, cfg.Config)
}

func wantKind(t *testing.T, err error, want worker.StartKind) {
	t.Helper()
	var told *worker.StartError
	if !errors.As(err, &told) {
		t.Fatalf("error %v is a %T, want a *worker.StartError", err, err)
	}
	if told.Kind != want {
		t.Errorf("error %q is of kind %s, want %s", told, told.Kind, want)
	}
	t.Log(told.Message)
}

// TestStartFails: every way in which a worker cannot start has its kind, and leaves no process.
func TestStartFails(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, cfg *worker.Config)
		want   worker.StartKind
	}{
		"no program":     {func(_ *testing.T, cfg *worker.Config) { cfg.Program = "/nowhere/ostiary-hsm" }, worker.StartProgram},
		"other program":  {func(_ *testing.T, cfg *worker.Config) { cfg.Program = "/bin/true" }, worker.StartProgram},
		"unknown word":   {func(_ *testing.T, cfg *worker.Config) { cfg.Args = []string{"serve"} }, worker.StartProgram},
		"no library":     {func(_ *testing.T, cfg *worker.Config) { cfg.Settings.Library = "/nowhere/p11.so" }, worker.StartLibrary},
		"not a library":  {func(_ *testing.T, cfg *worker.Config) { cfg.Settings.Library = cfg.Settings.PINFile }, worker.StartLibrary},
		"other library":  {func(t *testing.T, cfg *worker.Config) { cfg.Settings.Library = libc(t) }, worker.StartLibrary},
		"no such token":  {func(_ *testing.T, cfg *worker.Config) { cfg.Settings.TokenLabel = "another" }, worker.StartToken},
		"no such serial": {func(_ *testing.T, cfg *worker.Config) { cfg.Settings.TokenSerial = "0" }, worker.StartToken},
		"no PIN file":    {func(_ *testing.T, cfg *worker.Config) { cfg.Settings.PINFile = "/nowhere/pin" }, worker.StartPINFile},
		"wrong PIN": {func(t *testing.T, cfg *worker.Config) {
			cfg.Settings.PINFile = writeFile(t, t.TempDir(), "pin", "4321-user", 0o600)
		}, worker.StartPIN},
		"too many sessions": {func(_ *testing.T, cfg *worker.Config) { cfg.Settings.Sessions = 1000 }, worker.StartSettings},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := made(t)
			c.change(t, &cfg)
			_, err := worker.Start(t.Context(), cfg)
			wantKind(t, err, c.want)
		})
	}
}

// TestStartWithoutDomainKey: a token without keys is not a device, and is not made one by starting.
func TestStartWithoutDomainKey(t *testing.T) {
	cfg := bare(t)
	if err := worker.Init(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for _, object := range domainObjects(t, cfg.Config) {
		if err := os.Remove(object); err != nil {
			t.Fatal(err)
		}
	}
	_, err := worker.Start(t.Context(), cfg.Config)
	wantKind(t, err, worker.StartDomainKey)
}

// domainObjects are SoftHSM's files of the objects in the token.
func domainObjects(t *testing.T, cfg worker.Config) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(filepath.Dir(cfg.Settings.PINFile), "softhsm", "tokens", "*", "*.object"))
	if err != nil {
		t.Fatal(err)
	}
	var objects []string
	for _, path := range all {
		if filepath.Base(path) != "token.object" {
			objects = append(objects, path)
		}
	}
	if len(objects) == 0 {
		t.Fatal("the token has no objects")
	}
	return objects
}

// libc is a library that is no PKCS#11 library.
func libc(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/lib/*/libm.so.6", "/lib64/libm.so.6", "/usr/lib/libm.so.6"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("no libm.so.6")
	return ""
}

func TestReadPIN(t *testing.T) {
	dir := t.TempDir()
	long := make([]byte, maxPIN+1)
	for i := range long {
		long[i] = '1'
	}
	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		want          string // "" for refused
	}{
		{"line", "1234\n", 0o600, "1234"},
		{"no end of line", "1234", 0o440, "1234"},
		{"spaces count", " 1 2 \n", 0o600, " 1 2 "},
		{"longest", string(long[:maxPIN]) + "\n", 0o600, string(long[:maxPIN])},
		{"too long", string(long), 0o600, ""},
		{"far too long", string(long) + string(long), 0o600, ""},
		{"empty", "", 0o600, ""},
		{"empty line", "\n", 0o600, ""},
		{"two lines", "1234\n5678\n", 0o600, ""},
		{"DOS line", "1234\r\n", 0o600, ""},
		{"NUL", "12\x0034", 0o600, ""},
		{"open to all", "1234\n", 0o604, ""},
	} {
		pin, err := readPIN(writeFile(t, dir, "pin-"+c.name, c.content, c.mode))
		if got := string(pin.Reveal()); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: PIN %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	if _, err := readPIN(dir); err == nil {
		t.Error("a folder is taken for a PIN file")
	}
}

func TestStartErrorKinds(t *testing.T) {
	for err, want := range map[error]worker.StartKind{
		pkcs11.ErrLibrary:         worker.StartLibrary,
		pkcs11.ErrNoToken:         worker.StartToken,
		pkcs11.ErrPIN:             worker.StartPIN,
		pkcs11.ErrDomainKey:       worker.StartDomainKey,
		pkcs11.ErrSelfTest:        worker.StartDomainDamaged,
		errors.New("other error"): worker.StartDevice,
		errors.Join(pkcs11.ErrPIN, &pkcs11.CallError{Call: "C_Login", Code: 0xa4}): worker.StartPINLocked,
	} {
		wantKind(t, startError(err), want)
	}
}
