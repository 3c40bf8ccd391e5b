package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
)

// entry makes an entry whose content depends on index and term.
func entry(index, term uint64) *raft.Log {
	return &raft.Log{
		Index: index, Term: term, Type: raft.LogCommand, AppendedAt: time.Unix(0, int64(index)*7),
		Data: []byte(strings.Repeat(fmt.Sprintf("<%d/%d>", index, term), int(1+index%5))),
	}
}

func entries(from, to, term uint64) []*raft.Log {
	var out []*raft.Log
	for i := from; i <= to; i++ {
		out = append(out, entry(i, term))
	}
	return out
}

// quick is a disk without fsync, for tests of everything else.
type quick struct{ osDisk }

func (quick) create(path string, size int64) (file, error) {
	f, err := osDisk{}.create(path, size)
	return unsynced{f}, err
}

func (quick) open(path string) (file, error) {
	f, err := osDisk{}.open(path)
	return unsynced{f}, err
}

func (quick) replace(path string, data []byte) error { return os.WriteFile(path, data, 0o600) }
func (quick) syncDir(string) error                   { return nil }

type unsynced struct{ file }

func (unsynced) Sync() error { return nil }

func create(t testing.TB, o Options) (*Log, string) {
	t.Helper()
	if o.disk == nil {
		o.disk = quick{}
	}
	dir := t.TempDir()
	l, err := Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, dir
}

func reopen(t testing.TB, dir string, o Options) *Log {
	t.Helper()
	if o.disk == nil {
		o.disk = quick{}
	}
	f, err := Examine(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := f.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// crash ends a log as kill -9 does: without the mark of an orderly end.
func crash(l *Log) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.closeFiles()
}

func store(t testing.TB, l *Log, es ...*raft.Log) {
	t.Helper()
	if err := l.StoreLogs(es); err != nil {
		t.Fatal(err)
	}
}

// dump reads the whole log.
func dump(t testing.TB, l *Log) []*raft.Log {
	t.Helper()
	first, err := l.FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	last, err := l.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	var out []*raft.Log
	for i := first; i != 0 && i <= last; i++ {
		e := new(raft.Log)
		if err := l.GetLog(i, e); err != nil {
			t.Fatalf("entry %d of %d to %d: %v", i, first, last, err)
		}
		out = append(out, e)
	}
	return out
}

func wantLog(t testing.TB, l *Log, want []*raft.Log) {
	t.Helper()
	if diff := cmp.Diff(want, dump(t, l)); diff != "" {
		t.Fatalf("log (-want +got):\n%s", diff)
	}
}

func TestStoreAndReopen(t *testing.T) {
	l, dir := create(t, Options{SegmentSize: 1024, disk: osDisk{}})
	wantLog(t, l, nil)
	store(t, l, entries(1, 3, 1)...)
	odd := &raft.Log{Index: 4, Term: 2, Type: raft.LogNoop, Extensions: []byte("x")}
	store(t, l, odd)
	for i := uint64(5); i <= 60; i++ {
		store(t, l, entry(i, 2))
	}
	want := append(append(entries(1, 3, 1), odd), entries(5, 60, 2)...)
	wantLog(t, l, want)
	if len(l.segments) < 5 {
		t.Errorf("%d segments", len(l.segments))
	}
	for _, end := range []func(*Log){crash, func(l *Log) { _ = l.Close() }} {
		end(l)
		l = reopen(t, dir, Options{SegmentSize: 1024, disk: osDisk{}})
		wantLog(t, l, want)
		next := entries(uint64(len(want))+1, uint64(len(want))+3, 3)
		store(t, l, next...)
		want = append(want, next...)
		wantLog(t, l, want)
	}
	if err := l.GetLog(uint64(len(want))+1, new(raft.Log)); !errors.Is(err, raft.ErrLogNotFound) {
		t.Errorf("entry behind the end: %v", err)
	}
}

func TestStoreRefuses(t *testing.T) {
	l, _ := create(t, Options{})
	store(t, l, entries(10, 12, 1)...) // an empty log begins anywhere
	big := entry(13, 1)
	big.Data = make([]byte, maxPayload)
	for name, es := range map[string][]*raft.Log{
		"gap": {entry(14, 1)}, "again": {entry(12, 1)}, "gap within": {entry(13, 1), entry(15, 1)}, "too big": {big},
	} {
		if err := l.StoreLogs(es); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
	wantLog(t, l, entries(10, 12, 1))
	big.Data = make([]byte, maxPayload-payloadHeader)
	store(t, l, big, entry(14, 1))
	if err := l.GetLog(13, new(raft.Log)); err != nil {
		t.Error(err)
	}
	if err := l.DeleteRange(11, 12); err == nil {
		t.Error("deleted in the middle")
	}
}

// A random sequence of operations, with crashes and orderly ends between, gives the same log as a slice does.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		o := Options{SegmentSize: 512}
		l, dir := create(t, o)
		var model []*raft.Log
		next, term := uint64(1), uint64(1)
		for step := range 80 {
			first := next - uint64(len(model))
			switch rng.IntN(8) {
			case 0: // delete at the front, perhaps all
				to := first + rng.Uint64N(uint64(len(model))+2)
				if err := l.DeleteRange(first, to); err != nil {
					t.Fatal(err)
				}
				model = model[min(uint64(len(model)), to-first+1):]
			case 1: // delete at the end
				if len(model) < 2 {
					continue
				}
				from := first + 1 + rng.Uint64N(uint64(len(model))-1)
				if err := l.DeleteRange(from, next+3); err != nil {
					t.Fatal(err)
				}
				model = model[:from-first]
				next = from
				term++
			case 2:
				if err := l.Roll(); err != nil {
					t.Fatal(err)
				}
			case 3:
				crash(l)
				l = reopen(t, dir, o)
			case 4:
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				l = reopen(t, dir, o)
			case 5: // an empty log may go on elsewhere
				if len(model) == 0 {
					next += rng.Uint64N(5)
				}
			default:
				es := entries(next, next+rng.Uint64N(6), term)
				store(t, l, es...)
				model = append(model, es...)
				next += uint64(len(es))
			}
			if diff := cmp.Diff(append([]*raft.Log(nil), model...), dump(t, l)); diff != "" {
				t.Fatalf("seed %d, step %d (-want +got):\n%s", seed, step, diff)
			}
		}
		_ = l.Close()
	}
}

func TestConcurrentUse(t *testing.T) {
	l, _ := create(t, Options{SegmentSize: 2048})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				first, err := l.FirstIndex()
				if err != nil {
					t.Error(err)
					return
				}
				e := new(raft.Log)
				if err := l.GetLog(first, e); err == nil && !bytes.Equal(e.Data, entry(first, 1).Data) {
					t.Errorf("entry %d is %q", first, e.Data)
				} else if err != nil && !errors.Is(err, raft.ErrLogNotFound) {
					t.Error(err)
				}
			}
		})
	}
	for i := uint64(1); i <= 300; i++ {
		store(t, l, entry(i, 1))
		if i%17 == 0 {
			if err := l.DeleteRange(1, i-5); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	wg.Wait()
}

// After Roll, deleting what was there before leaves no byte of it in the folder.
func TestErase(t *testing.T) {
	l, dir := create(t, Options{})
	marked := func(i uint64) *raft.Log {
		return &raft.Log{Index: i, Term: 1, Data: []byte(fmt.Sprintf("MARKER-%d-END", i))}
	}
	for i := uint64(1); i <= 5; i++ {
		store(t, l, marked(i))
	}
	if err := l.Roll(); err != nil {
		t.Fatal(err)
	}
	store(t, l, entry(6, 1), entry(7, 1))
	if err := l.DeleteRange(1, 6); err != nil {
		t.Fatal(err)
	}
	wantNone(t, dir, "MARKER")
	wantLog(t, l, []*raft.Log{entry(7, 1)})

	store(t, l, marked(8), marked(9)) // deleted at the end, as a follower does with what never was committed
	if err := l.DeleteRange(8, 9); err != nil {
		t.Fatal(err)
	}
	wantNone(t, dir, "MARKER")
	store(t, l, marked(8))
	if err := l.DeleteRange(7, 8); err != nil {
		t.Fatal(err)
	}
	wantNone(t, dir, "MARKER")
}

func wantNone(t *testing.T, dir, marker string) {
	t.Helper()
	for name, data := range files(t, dir) {
		if bytes.Contains(data, []byte(marker)) {
			t.Errorf("%s has the marker", name)
		}
	}
}

func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range found {
		if out[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestPermissions(t *testing.T) {
	l, dir := create(t, Options{SegmentSize: 256})
	store(t, l, entries(1, 20, 1)...)
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", e.Name(), info.Mode())
		}
	}
}

func TestClosed(t *testing.T) {
	l, _ := create(t, Options{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, firstErr := l.FirstIndex()
	for name, err := range map[string]error{
		"first": firstErr, "get": l.GetLog(1, new(raft.Log)), "store": l.StoreLog(entry(1, 1)), "roll": l.Roll(),
		"delete": l.DeleteRange(1, 2), "set": l.Stable().SetUint64([]byte("a"), 1),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
