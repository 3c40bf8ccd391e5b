package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPrivateFolder: a folder in which others could replace files is refused before anything is put there.
func TestPrivateFolder(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{0o700: "", 0o755: "", 0o770: "others may write", 0o702: "others may write"} {
		path := filepath.Join(t.TempDir(), "data")
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		f, err := openFolder(path, false)
		if want == "" {
			if err != nil {
				t.Errorf("%v: %v", mode, err)
				continue
			}
			f.close()
			continue
		}
		var p *Problem
		if !errors.As(err, &p) || !strings.Contains(p.What, want) {
			t.Errorf("%v: %v", mode, err)
		}
		if left, err := os.ReadDir(path); err != nil || len(left) != 0 {
			t.Errorf("%v: %v, %v", mode, left, err)
		}
	}
}

func TestForeignFolder(t *testing.T) {
	path := "/" // belongs to root
	if os.Geteuid() == 0 {
		path = t.TempDir()
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	if err := private(path); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
		t.Errorf("%v", err)
	}
}
