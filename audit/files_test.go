package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, l *Log, n int) {
	t.Helper()
	for range n {
		if err := l.Write(t.Context(), sampleRecord()); err != nil {
			t.Fatal(err)
		}
	}
}

// logFiles gives the names of the log's files in dir, as the folder sorts them.
func logFiles(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "audit-*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i] = filepath.Base(all[i])
	}
	return all
}

func TestNames(t *testing.T) {
	name := fileName{made: time.Date(2026, 11, 22, 2, 45, 45, 0, time.UTC), first: 42}
	const text = "audit-20261122T024545Z-00000000000000000042.jsonl"
	if name.String() != text {
		t.Errorf("name is %s", name)
	}
	if got, ok := parseName(text); !ok || got != name {
		t.Errorf("parsed: %v %v", got, ok)
	}
	for _, bad := range []string{
		"", "lock", text + ".gz", "x" + text, strings.Replace(text, "2026", "+026", 1), strings.Replace(text, "1122", "1322", 1),
		strings.Replace(text, "00042", "+0042", 1), strings.Replace(text, "42", "00", 1), strings.Replace(text, "Z-0", "Z-9", 1),
		strings.Replace(text, "Z-", "Z_", 1), strings.ToUpper(text),
	} {
		if got, ok := parseName(bad); ok {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}

func FuzzName(f *testing.F) {
	f.Add("audit-20261122T024545Z-00000000000000000042.jsonl")
	f.Fuzz(func(t *testing.T, s string) {
		if name, ok := parseName(s); ok && name.String() != s {
			t.Errorf("%q is read as %s", s, name)
		}
	})
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	write(t, begin(t, Config{Dir: dir}), 1)
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, filepath.Join(dir, logFiles(t, dir)[0]): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
}

func TestRotationUnderLoad(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, Config{Dir: dir, MaxFileBytes: 16 << 10})
	var wg sync.WaitGroup
	for writer := range 16 {
		wg.Go(func() {
			for i := range 50 {
				r := sampleRecord()
				r.RequestID = fmt.Sprintf("%d-%d", writer, i)
				if err := l.Write(t.Context(), r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if found := requestIDs(t, dir); len(found) != 800 {
		t.Errorf("%d records", len(found))
	}
	names, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 50 {
		t.Errorf("%d files", len(names))
	}
	for _, n := range names {
		info, err := os.Stat(filepath.Join(dir, n.String()))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 16<<10+17*1300 {
			t.Errorf("%s has %d bytes", n, info.Size())
		}
	}
}

func TestOldFilesAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "audit-notes.txt"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		l := begin(t, Config{Dir: dir, MaxFileBytes: 4 << 10, KeepFiles: 3})
		write(t, l, 50)
		synctest.Wait()
		if files := logFiles(t, dir); len(files) != 4 { // with the notes
			t.Errorf("files: %v", files)
		}
		all := records(t, dir)
		if last := all[len(all)-1].Ostiary.Sequence; last != 50 || len(all) > 10 {
			t.Errorf("%d records, the last one is %d", len(all), last)
		}
	})
}

// TestClockGoesBack still sorts files by name.
func TestClockGoesBack(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 3 {
		l, err := Open(Config{Dir: dir, MaxFileBytes: 4 << 10, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		write(t, l, 10)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		now = now.AddDate(-1, 0, 0)
	}
	names, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	var inOrder []string
	for _, n := range names {
		inOrder = append(inOrder, n.String())
	}
	if diff := cmp.Diff(inOrder, logFiles(t, dir)); diff != "" {
		t.Error(diff)
	}
	if n := len(records(t, dir)); n != 30 {
		t.Errorf("%d records", n)
	}
}

func TestRemovedFileIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := begin(t, Config{Dir: dir})
		write(t, l, 3)
		if err := os.Remove(filepath.Join(dir, logFiles(t, dir)[0])); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		write(t, l, 2)
		if all := records(t, dir); len(all) != 2 || all[0].Ostiary.Sequence != 4 {
			t.Errorf("records: %+v", all)
		}
	})
}

// TestNewFileFails goes on in the old file.
func TestNewFileFails(t *testing.T) {
	dir := t.TempDir()
	d := &faultyDisk{from: 1, to: 1 << 60}
	d.repaired.Store(true)
	l := openFaulty(t, Config{Dir: dir, MaxFileBytes: 8 << 10}, d)
	write(t, l, 6) // 7,700 bytes
	d.calls.Store(0)
	d.from, d.to = 1, 2 // the next call is for the new file
	d.repaired.Store(false)
	write(t, l, 1)
	if files := logFiles(t, dir); len(files) != 1 {
		t.Errorf("files: %v", files)
	}
	write(t, l, 3)
	if files := logFiles(t, dir); len(files) != 2 {
		t.Errorf("files: %v", files)
	}
	if err := errors.Join(l.Err(), l.Close()); err != nil {
		t.Error(err)
	}
	if n := len(records(t, dir)); n != 10 {
		t.Errorf("%d records", n)
	}
}

func TestOneWriterPerFolder(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open: %v", err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if err := l.Write(t.Context(), sampleRecord()); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	if err := l.Err(); !errors.Is(err, ErrClosed) {
		t.Errorf("Err after Close: %v", err)
	}
	write(t, begin(t, Config{Dir: dir}), 1)
}

func TestCloseDuringWrites(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(Config{Dir: dir, Sync: SyncDisk})
	if err != nil {
		t.Fatal(err)
	}
	counts := make([]int, 8)
	var wg sync.WaitGroup
	for writer := range counts {
		wg.Go(func() {
			for {
				if err := l.Write(context.Background(), sampleRecord()); err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				counts[writer]++
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if n := len(records(t, dir)); n != sum || n == 0 {
		t.Errorf("%d records, %d acknowledged", n, sum)
	}
}

func TestBadConfigs(t *testing.T) {
	for _, cfg := range []Config{
		{MaxFileBytes: 100}, {MaxFileBytes: -1}, {KeepFiles: -1}, {Sync: 7}, {Flood: Flood{Window: -1}}, {Flood: Flood{Total: -1}}, {Flood: Flood{PerSource: -1}},
	} {
		cfg.Dir = t.TempDir()
		if _, err := Open(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

func TestUnusableFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: path}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Open of a file: %v", err)
	}
}

// TestSequenceOverRestarts restarts often, with files that are full, new and empty.
func TestSequenceOverRestarts(t *testing.T) {
	dir := t.TempDir()
	for i := range 12 {
		l, err := Open(Config{Dir: dir, MaxFileBytes: 4 << 10})
		if err != nil {
			t.Fatal(err)
		}
		write(t, l, i%4)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var got []uint64
	for _, p := range records(t, dir) {
		got = append(got, p.Ostiary.Sequence)
	}
	if len(got) != 18 || !slices.IsSorted(got) || got[0] != 1 || got[17] != 18 {
		t.Errorf("sequence %v", got)
	}
}
