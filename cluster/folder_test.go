package cluster

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary.dev/durable"
)

// put makes a folder of the files.
func put(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// used gives a folder with a snapshot and a log behind it, after an orderly end.
func used(t *testing.T) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	n := founded(t, config(dir))
	propose(t, n, newKey(keyID(1)))
	if err := n.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	propose(t, n, newKey(keyID(2)))
	closeNode(t, n)
	return tree(t, dir)
}

// one gives the only file whose name ends so.
func one(t *testing.T, files map[string][]byte, suffix string) string {
	t.Helper()
	var found []string
	for name := range files {
		if strings.HasSuffix(name, suffix) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		t.Fatalf("files %q", found)
	}
	return found[0]
}

// with adds a file to those of a folder.
func with(files map[string][]byte, name string) map[string][]byte {
	out := maps.Clone(files)
	out[name] = []byte("MARKER")
	return out
}

// A folder that cannot be used is refused with one line that says why, where and what to do, and stays as it is.
func TestFolderErrors(t *testing.T) {
	good := used(t)
	segment, snapshot, meta := one(t, good, ".seg"), one(t, good, stateName), one(t, good, metaName)
	change := func(name string, to func([]byte) []byte) map[string][]byte {
		out := maps.Clone(good)
		out[name] = to(append([]byte(nil), out[name]...))
		return out
	}
	flip := func(at int) func([]byte) []byte { return func(b []byte) []byte { b[at] ^= 1; return b } }
	half := func(b []byte) []byte { return b[:len(b)/2] }
	garbage := func(b []byte) []byte { return []byte(strings.Repeat("garbage ", len(b)/8+1)) }
	to := func(s string) func([]byte) []byte { return func([]byte) []byte { return []byte(s) } }
	without := func(prefix string) map[string][]byte {
		out := maps.Clone(good)
		maps.DeleteFunc(out, func(name string, _ []byte) bool { return strings.HasPrefix(name, prefix) })
		return out
	}
	tests := map[string]struct {
		files map[string][]byte
		kind  error
		in    string // the file that is named
	}{
		"identity garbage":     {change(identityName, garbage), ErrDamaged, identityName},
		"identity empty":       {change(identityName, to("")), ErrDamaged, identityName},
		"identity cut":         {change(identityName, half), ErrDamaged, identityName},
		"identity extended":    {change(identityName, to(`{"format":1,"node":"n1","initialised":true,"x":1}`)), ErrDamaged, identityName},
		"identity missing":     {without(identityName), ErrDamaged, identityName},
		"another node":         {change(identityName, to(`{"format":1,"node":"n2","initialised":true}`)), ErrForeign, ""},
		"newer format":         {change(identityName, to(`{"format":2,"node":{"id":"n1"}}`)), ErrTooNew, identityName},
		"log missing":          {without(logName), ErrDamaged, logName},
		"manifest missing":     {without(logName + "/manifest"), ErrDamaged, logName},
		"manifest garbage":     {change(logName+"/manifest", garbage), ErrDamaged, "manifest"},
		"segment missing":      {without(segment), ErrDamaged, segment},
		"segment cut":          {change(segment, func(b []byte) []byte { return b[:100] }), ErrDamaged, segment},
		"segment header":       {change(segment, flip(3)), ErrDamaged, segment},
		"segment record":       {change(segment, flip(60)), ErrDamaged, segment},
		"vote garbage":         {change(logName+"/stable", garbage), ErrDamaged, "stable"},
		"vote missing":         {without(logName + "/stable"), ErrDamaged, "stable"},
		"snapshots missing":    {without(snapshotsName), ErrDamaged, snapshotsName},
		"snapshot cut":         {change(snapshot, half), ErrDamaged, snapshot},
		"snapshot flipped":     {change(snapshot, flip(100)), ErrDamaged, snapshot},
		"snapshot garbage":     {change(snapshot, func(b []byte) []byte { return garbage(b)[:len(b)] }), ErrDamaged, snapshot},
		"snapshot missing":     {without(snapshot), ErrDamaged, snapshot},
		"description cut":      {change(meta, half), ErrDamaged, meta},
		"description empty":    {change(meta, to("{}")), ErrDamaged, meta},
		"description missing":  {without(meta), ErrDamaged, meta},
		"headless snapshot":    {with(good, snapshotsName+"/9-9-9/state.bin"), ErrDamaged, "9-9-9/" + metaName},
		"headless stranger":    {with(good, snapshotsName+"/x/state.bin"), ErrDamaged, "x/" + metaName},
		"snapshot folder gone": {without(filepath.Dir(meta)), ErrDamaged, snapshotsName},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := put(t, test.files)
			n, err := Open(config(dir))
			if err == nil {
				closeNode(t, n)
				t.Fatal("opened")
			}
			var folder *FolderError
			if !errors.As(err, &folder) || !errors.Is(err, test.kind) {
				t.Fatalf("error is %v", err)
			}
			if strings.Contains(err.Error(), "\n") || folder.Advice == "" || !strings.Contains(err.Error(), test.in) {
				t.Errorf("error is %q", err)
			}
			t.Log(err)
			if diff := cmp.Diff(names(test.files), names(tree(t, dir))); diff != "" {
				t.Errorf("files changed: %s", diff)
			}
			if !maps.EqualFunc(test.files, tree(t, dir), bytes.Equal) {
				t.Error("a file changed")
			}
		})
	}
	t.Run("good", func(t *testing.T) {
		n := open(t, config(put(t, good)))
		for i := 1; i <= 2; i++ {
			if view(t, n).Key(ref(keyID(i))) == nil {
				t.Errorf("key %d is gone", i)
			}
		}
	})
}

func names(files map[string][]byte) map[string]int {
	out := map[string]int{}
	for name, data := range files {
		out[name] = len(data)
	}
	return out
}

func TestFolderNotInitialised(t *testing.T) {
	for name, dir := range map[string]string{"empty": t.TempDir(), "missing": filepath.Join(t.TempDir(), "x")} {
		cfg := config(dir)
		cfg.Bootstrap = false
		if _, err := Open(cfg); !errors.Is(err, ErrUninitialised) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, lockName)); err == nil {
			t.Errorf("%s: something was made", name)
		}
	}
	dir := t.TempDir()
	closeNode(t, founded(t, config(dir)))
	cfg := config(dir)
	cfg.Bootstrap = false
	if view(t, open(t, cfg)).Cluster() == nil {
		t.Error("no cluster")
	}
}

func TestFolderInUse(t *testing.T) {
	dir := t.TempDir()
	n := founded(t, config(dir))
	_, err := Open(config(dir))
	if !errors.Is(err, ErrInUse) || !errors.Is(err, durable.ErrLocked) {
		t.Errorf("error is %v", err)
	}
	propose(t, n, newKey(keyID(1)))
	closeNode(t, n)
	open(t, config(dir))
}

// The process can die at any moment of the making of a cluster, and in the middle of a purge.
func TestInterruptedSteps(t *testing.T) {
	good := used(t)
	snapshot := filepath.Dir(one(t, good, metaName))
	plus := func(more map[string][]byte) map[string][]byte {
		out := maps.Clone(good)
		maps.Copy(out, more)
		return out
	}
	begun := []byte(`{"format":1,"node":"n1","initialised":false}`)
	for name, files := range map[string]map[string][]byte{
		"identity written":  {identityName: begun},
		"log begun":         {identityName: begun, logName + "/stable": []byte("?")},
		"all but the mark":  plus(map[string][]byte{identityName: begun}),
		"locked before":     plus(map[string][]byte{lockName: []byte("12345\n")}),
		"snapshot begun":    plus(map[string][]byte{snapshotsName + "/9-9-9.tmp/state.bin": []byte("half")}),
		"old snapshot left": plus(map[string][]byte{snapshotsName + "/1-2-3/meta.json": renamed(good[snapshot+"/"+metaName], filepath.Base(snapshot)), snapshotsName + "/1-2-3/state.bin": []byte("MARKER")}),
		"old snapshot half": with(good, snapshotsName+"/1-2-3/state.bin"),
		"temporary files":   plus(map[string][]byte{logName + "/.manifest.tmp-1": []byte("MARKER"), logName + "/00000000000000ff.seg": []byte("MARKER")}),
	} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, files)
			n := open(t, config(dir))
			if name == "identity written" || name == "log begun" || name == "all but the mark" {
				propose(t, n, found()...)
			} else if view(t, n).Key(ref(keyID(2))) == nil {
				t.Error("a key is gone")
			}
			if contains(t, dir, "MARKER") {
				t.Error("leftovers stay")
			}
			closeNode(t, n)
			open(t, config(dir))
		})
	}
}

// renamed makes the description of a snapshot that of an older one.
func renamed(meta []byte, id string) []byte {
	return []byte(strings.Replace(strings.Replace(string(meta), id, "1-2-3", 1), `"Term":2`, `"Term":1`, 1))
}

func FuzzIdentity(f *testing.F) {
	f.Add([]byte(`{"format":1,"node":"n1","initialised":true}`))
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := parseIdentity("p", data)
		if err == nil && (id.Format != format || !validNodeID(id.Node)) {
			t.Errorf("accepted %+v", id)
		}
	})
}
