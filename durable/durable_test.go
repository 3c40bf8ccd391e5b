package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var errInjected = errors.New("injected")

// recorder is a real disk that notes its calls and fails the n-th (counted from 0; -1 for none).
type recorder struct {
	osDisk
	calls  []string
	failAt int
}

func (r *recorder) note(format string, args ...any) error {
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
	if len(r.calls)-1 == r.failAt {
		return errInjected
	}
	return nil
}

func (r *recorder) createTemp(dir, pattern string) (file, error) {
	if err := r.note("create"); err != nil {
		return nil, err
	}
	f, err := r.osDisk.createTemp(dir, pattern)
	return recordedFile{f, r}, err
}

func (r *recorder) rename(from, to string) error {
	if err := r.note("rename to %s", filepath.Base(to)); err != nil {
		return err
	}
	return r.osDisk.rename(from, to)
}

func (r *recorder) remove(path string) error {
	r.calls = append(r.calls, "remove")
	return r.osDisk.remove(path)
}

func (r *recorder) mkdir(path string, perm fs.FileMode) error {
	if err := r.note("mkdir %s", filepath.Base(path)); err != nil {
		return err
	}
	return r.osDisk.mkdir(path, perm)
}

func (r *recorder) syncDir(path string) error {
	if err := r.note("sync folder %s", filepath.Base(path)); err != nil {
		return err
	}
	return r.osDisk.syncDir(path)
}

type recordedFile struct {
	file
	r *recorder
}

func (f recordedFile) Write(b []byte) (int, error) {
	if err := f.r.note("write"); err != nil {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, err
	}
	return f.file.Write(b)
}

func (f recordedFile) Chmod(perm fs.FileMode) error {
	if err := f.r.note("chmod"); err != nil {
		return err
	}
	return f.file.Chmod(perm)
}

func (f recordedFile) Sync() error {
	if err := f.r.note("sync file"); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f recordedFile) Close() error {
	if err := f.r.note("close"); err != nil {
		return errors.Join(err, f.file.Close())
	}
	return f.file.Close()
}

func TestWriteFileOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r := &recorder{failAt: -1}
	if err := writeFile(r, filepath.Join(dir, "f"), []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"create", "chmod", "write", "sync file", "close", "rename to f", "sync folder d"}
	if diff := cmp.Diff(want, r.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// Whatever step fails, a reader sees all of the old content or all of the new, and no temporary file stays.
func TestWriteFileFailureAtEveryStep(t *testing.T) {
	const steps, renameStep = 7, 5
	for n := range steps {
		path := filepath.Join(t.TempDir(), "f")
		if err := WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := writeFile(&recorder{failAt: n}, path, []byte("new content"), 0o600)
		if !errors.Is(err, errInjected) {
			t.Errorf("step %d: error = %v, want the injected one", n, err)
		}
		want := "old"
		if n > renameStep {
			want = "new content"
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("step %d: content = %q, %v, want %q", n, got, err, want)
		}
		if names := list(t, filepath.Dir(path)); len(names) != 1 {
			t.Errorf("step %d: folder holds %v", n, names)
		}
	}
}

func TestWriteFilePermissionsIgnoreUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	for _, perm := range []fs.FileMode{0o600, 0o640, 0o444} {
		path := filepath.Join(t.TempDir(), "f")
		if err := WriteFile(path, nil, perm); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != perm {
			t.Errorf("permissions = %v, want %v", got, perm)
		}
	}
}

func TestWriteFileReplacesALink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, []byte("ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "theirs" {
		t.Errorf("the link's target now holds %q, %v", got, err)
	}
	if err := WriteFile(dir, []byte("x"), 0o600); err == nil {
		t.Error("WriteFile on a folder succeeded")
	}
}

func TestMkdirAllSyncsEachNewParent(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	r := &recorder{failAt: -1}
	if err := mkdirAll(r, filepath.Join(root, "a", "b")); err != nil {
		t.Fatal(err)
	}
	want := []string{"mkdir b", "mkdir a", "sync folder root", "mkdir b", "sync folder a"}
	if diff := cmp.Diff(want, r.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	r.calls = nil
	if err := mkdirAll(r, filepath.Join(root, "a", "b")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"mkdir b", "sync folder a"}, r.calls); diff != "" {
		t.Errorf("calls of a second run (-want +got):\n%s", diff)
	}
	for _, dir := range []string{filepath.Join(root, "a"), filepath.Join(root, "a", "b")} {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o700 {
			t.Errorf("%s has permissions %v, want 0700", dir, got)
		}
	}
}

func TestMkdirAllKeepsWhatExists(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := MkdirAll(dir + "/"); err != nil {
		t.Errorf("MkdirAll of an existing folder: %v", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("existing folder now has %v, %v", info.Mode(), err)
	}
	occupied := filepath.Join(dir, "file")
	if err := os.WriteFile(occupied, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{occupied, filepath.Join(occupied, "below")} {
		if err := MkdirAll(path); err == nil {
			t.Errorf("MkdirAll(%s) succeeded on a file", path)
		}
	}
}

func TestSyncDir(t *testing.T) {
	if err := SyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := SyncDir(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SyncDir of a missing folder = %v", err)
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSpace(e.Name()))
	}
	return names
}
