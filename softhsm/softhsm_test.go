package softhsm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	root := t.TempDir()
	if _, err := find("", root); !errors.Is(err, ErrNoLibrary) || !strings.Contains(err.Error(), "apt-get install softhsm2") {
		t.Errorf("find in an empty system gave %v, want ErrNoLibrary that says what to install", err)
	}
	put := func(path string) string {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := os.MkdirAll(filepath.Join(root, "usr/lib/softhsm/libsofthsm2.so"), 0o755); err != nil { // a folder is none
		t.Fatal(err)
	}
	multiarch := put("usr/lib/riscv64-linux-gnu/softhsm/libsofthsm2.so")
	put("usr/lib/pkcs11/libsofthsm2.so")
	if got, err := find("", root); err != nil || got != multiarch {
		t.Errorf("find = %q, %v; want %q", got, err, multiarch)
	}
	own := put("home/libsofthsm2.so")
	if got, err := find(own, root); err != nil || got != own {
		t.Errorf("find of an override = %q, %v; want %q", got, err, own)
	}
	if _, err := find(filepath.Join(root, "nothing"), root); err == nil || !strings.Contains(err.Error(), libraryVariable) {
		t.Errorf("find of a bad override gave %v; want the variable's name", err)
	}
}

func TestLibrary(t *testing.T) {
	path, err := Library()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		t.Errorf("Library gave %q: %v", path, err)
	}
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != want {
		t.Errorf("%s: mode %v, %v; want %v", path, info.Mode().Perm(), err, want)
	}
}

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "softhsm")
	for range 2 {
		s, err := Create(dir)
		if err != nil {
			t.Fatal(err)
		}
		wantMode(t, dir, 0o700)
		wantMode(t, s.Tokens(), 0o700)
		wantMode(t, s.Conf(), 0o600)
		conf, err := os.ReadFile(s.Conf())
		if err != nil || !strings.Contains(string(conf), "\ndirectories.tokendir = "+filepath.Join(dir, "tokens")+"\n") {
			t.Errorf("configuration %q, %v", conf, err)
		}
		if want := "SOFTHSM2_CONF=" + filepath.Join(dir, "softhsm2.conf"); s.Environ() != want {
			t.Errorf("Environ gave %q, want %q", s.Environ(), want)
		}
		if err := os.Chmod(s.Tokens(), 0o755); err != nil { // the second time it is put right
			t.Fatal(err)
		}
	}
}

func TestCreateIsAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := Create("rel")
	if err != nil || !filepath.IsAbs(s.Conf()) {
		t.Errorf("Create gave %q, %v; want an absolute path: the worker may start elsewhere", s.Conf(), err)
	}
}

func TestCreateRefuses(t *testing.T) {
	for _, name := range []string{"a#b", "a\nslots.removable = true", "a\tb"} {
		if _, err := Create(filepath.Join(t.TempDir(), name)); err == nil {
			t.Errorf("Create in %q: no error, but SoftHSM would read another path", name)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(file); err == nil {
		t.Error("Create in a file: no error")
	}
}

func TestSync(t *testing.T) {
	s, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(s.Tokens(), "token")
	if err := os.Mkdir(token, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(token, "token.object"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(); err != nil {
		t.Error(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(token, "link")); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(); err == nil {
		t.Error("Sync follows or ignores what is not SoftHSM's")
	}
	if err := (Store{dir: "/nonexistent"}).Sync(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Sync of nothing gave %v", err)
	}
}
