package wal

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
)

// write puts files into a new folder.
func write(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// with gives the files with one of them changed.
func with(files map[string][]byte, name string, change func([]byte) []byte) map[string][]byte {
	out := maps.Clone(files)
	out[name] = change(slices.Clone(out[name]))
	return out
}

// written gives a folder after a crash: entries 1 to 4 in two writes, then 5 and 6 in one, and where that begins and ends.
func written(t testing.TB) (found map[string][]byte, name string, from, to int) {
	t.Helper()
	l, dir := create(t, Options{SegmentSize: 2048})
	store(t, l, entries(1, 2, 1)...)
	store(t, l, entries(3, 4, 1)...)
	tail := l.tail()
	from = int(tail.end)
	store(t, l, entries(5, 6, 1)...)
	to = int(tail.end)
	crash(l)
	return files(t, dir), segmentName(tail.ID), from, to
}

// The last write is lost from any byte on, to zeros or to garbage, and the log has what was stored before it, takes what is
// stored next, and has that too after another crash.
func TestTornLastWrite(t *testing.T) {
	found, name, from, to := written(t)
	for at := from; at < to; at++ {
		for filler, fill := range map[string]func(int) byte{
			"zeros": func(int) byte { return 0 }, "ones": func(int) byte { return 0xff }, "noise": func(i int) byte { return byte(i*37 + 11) },
		} {
			dir := write(t, with(found, name, func(b []byte) []byte {
				for i := at; i < to+64; i++ {
					b[i] = fill(i)
				}
				return b
			}))
			l := reopen(t, dir, Options{})
			want := entries(1, 4, 1)
			for i := uint64(5); uint64(len(dump(t, l))) >= i; i++ { // a record that is whole may stay
				want = append(want, entry(i, 1))
			}
			wantLog(t, l, want)
			next := entries(uint64(len(want))+1, uint64(len(want))+1, 2)
			store(t, l, next...)
			crash(l)
			if diff := cmp.Diff(append(want, next...), dump(t, reopen(t, dir, Options{}))); diff != "" {
				t.Fatalf("byte %d, %s: %s", at-from, filler, diff)
			}
		}
	}
}

// The sectors of a write may reach the disk in any order.
func TestTornFirstHalf(t *testing.T) {
	found, name, from, _ := written(t)
	size := recordSize(payloadSize(entry(5, 1)))
	for at := from; at < from+size; at += 8 {
		dir := write(t, with(found, name, func(b []byte) []byte {
			clear(b[at : from+size])
			return b
		}))
		l := reopen(t, dir, Options{})
		wantLog(t, l, entries(1, 4, 1))
		store(t, l, entry(5, 3))
		crash(l)
		wantLog(t, reopen(t, dir, Options{}), append(entries(1, 4, 1), entry(5, 3)))
	}
}

// Any one byte changed in what was stored before the last write is found, and nothing in the folder changes.
func TestDamage(t *testing.T) {
	found, name, from, _ := written(t)
	for at := range from {
		files := with(found, name, func(b []byte) []byte { b[at] ^= 0x10; return b })
		dir := write(t, files)
		_, err := Examine(dir)
		var damage *Damage
		if !errors.As(err, &damage) {
			t.Fatalf("byte %d: %v", at, err)
		}
		wantFiles(t, dir, files)
	}
}

func wantFiles(t *testing.T, dir string, want map[string][]byte) {
	t.Helper()
	if !maps.EqualFunc(want, files(t, dir), bytes.Equal) {
		t.Fatal("a file changed")
	}
}

func TestDamageOfFiles(t *testing.T) {
	l, dir := create(t, Options{SegmentSize: 512})
	store(t, l, entries(1, 3, 1)...)
	for i := uint64(4); i < 60; i++ {
		store(t, l, entry(i, 1))
	}
	if err := l.DeleteRange(1, 20); err != nil {
		t.Fatal(err)
	}
	end := int(l.tail().end)
	tail, first, middle := segmentName(l.tail().ID), segmentName(l.segments[0].ID), segmentName(l.segments[1].ID)
	crash(l)
	crashed := files(t, dir)
	if err := reopen(t, dir, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	clean := files(t, dir)

	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	flip := func(n int) func([]byte) []byte { return func(b []byte) []byte { b[n] ^= 1; return b } }
	missing := func(files map[string][]byte, name string) map[string][]byte {
		out := maps.Clone(files)
		delete(out, name)
		return out
	}
	tests := map[string]map[string][]byte{
		"manifest empty":               with(crashed, manifestName, cut(0)),
		"manifest cut":                 with(crashed, manifestName, cut(40)),
		"manifest flipped":             with(crashed, manifestName, flip(60)),
		"manifest newer":               with(crashed, manifestName, func(b []byte) []byte { b[12] = '2'; return b }),
		"first segment missing":        missing(crashed, first),
		"middle segment missing":       missing(crashed, middle),
		"tail missing":                 missing(crashed, tail),
		"tail empty":                   with(crashed, tail, cut(0)),
		"tail cut in its header":       with(crashed, tail, cut(31)),
		"tail cut in a record":         with(crashed, tail, cut(end-9)),
		"tail cut behind a record":     with(crashed, tail, cut(end)),
		"tail grown":                   with(crashed, tail, func(b []byte) []byte { return append(b, 0) }),
		"last record of middle":        with(crashed, middle, func(b []byte) []byte { clear(b[len(b)-200:]); return b }),
		"segments swapped":             with(crashed, middle, func([]byte) []byte { return crashed[first] }),
		"stable missing":               missing(crashed, stableName),
		"stable cut":                   with(crashed, stableName, cut(stableBlock)),
		"both copies of stable":        with(crashed, stableName, func(b []byte) []byte { b[20] ^= 1; b[stableBlock+20] ^= 1; return b }),
		"after a clean end, last byte": with(clean, tail, flip(end-9)),
		"after a clean end, behind":    with(clean, tail, flip(end)),
		"after a clean end, last lost": with(clean, tail, func(b []byte) []byte { clear(b[end-recordSize(payloadSize(entry(59, 1))):]); return b }),
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			dir := write(t, files)
			_, err := Examine(dir)
			var damage *Damage
			if !errors.As(err, &damage) {
				t.Fatalf("error is %v", err)
			}
			t.Log(damage)
			wantFiles(t, dir, files)
		})
	}
	harmless := map[string]map[string][]byte{
		"tail cut behind the end": with(crashed, tail, cut(end+recordHeader)),
		"one copy of stable":      with(crashed, stableName, flip(20)),
		"leftovers":               with(crashed, "0000000000001000.seg", func([]byte) []byte { return []byte("half") }),
	}
	for name, files := range harmless {
		t.Run(name, func(t *testing.T) {
			dir := write(t, files)
			l := reopen(t, dir, Options{})
			wantLog(t, l, entries(21, 59, 1))
			store(t, l, entries(60, 90, 1)...)
			wantLog(t, reopen(t, copyOf(t, dir), Options{}), entries(21, 90, 1))
		})
	}
}

func copyOf(t *testing.T, dir string) string { return write(t, files(t, dir)) }

// faulty is a disk that fails the n-th call and all that follow, as if the process had died; once, if it is only full.
type faulty struct {
	quick
	left *int
	err  error
	once bool
}

func (d faulty) step() error {
	*d.left--
	if *d.left == 0 || *d.left < 0 && !d.once {
		return d.err
	}
	return nil
}

func (d faulty) create(path string, size int64) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := d.quick.create(path, size)
	return faultyFile{f, d}, err
}

func (d faulty) open(path string) (file, error) {
	f, err := d.quick.open(path)
	return faultyFile{f, d}, err
}

func (d faulty) replace(path string, data []byte) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.quick.replace(path, data)
}

func (d faulty) remove(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.quick.remove(path)
}

type faultyFile struct {
	file
	d faulty
}

func (f faultyFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.d.step(); err != nil {
		n, _ := f.file.WriteAt(b[:len(b)*2/3], at) // a torn write
		return n, err
	}
	return f.file.WriteAt(b, at)
}

func (f faultyFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	return f.file.Sync()
}

// script runs operations until one fails. It gives what is acknowledged, and what the failed operation would have made of it.
func script(l *Log) (acknowledged, possible []*raft.Log) {
	var model []*raft.Log
	step := func(err error, after []*raft.Log) bool {
		possible = after
		if err == nil {
			model = after
		}
		return err == nil
	}
	put := func(from, to, term uint64) bool {
		es := entries(from, to, term)
		return step(l.StoreLogs(es), append(slices.Clone(model), es...))
	}
	ok := put(1, 4, 1) && put(5, 9, 1) && put(10, 12, 1) &&
		step(l.DeleteRange(11, 12), entries(1, 10, 1)) && put(11, 14, 2) &&
		step(l.DeleteRange(1, 6), append(entries(7, 10, 1), entries(11, 14, 2)...)) &&
		step(l.DeleteRange(8, 20), entries(7, 7, 1)) && put(8, 20, 3) &&
		step(l.Roll(), model) && put(21, 22, 3) && step(l.DeleteRange(1, 20), entries(21, 22, 3)) &&
		step(l.DeleteRange(1, 22), nil) && put(40, 41, 4)
	_ = ok
	return model, possible
}

// The process dies at the n-th change to the disk, for every n. What was acknowledged is there afterwards; of the operation under way any
// part may be, but nothing else.
func TestCrashAtEveryStep(t *testing.T) {
	for n := 1; ; n++ {
		dir := t.TempDir()
		l, err := Create(dir, Options{SegmentSize: 320})
		if err != nil {
			t.Fatal(err)
		}
		crash(l)
		left := 1 << 30
		l = reopen(t, dir, Options{SegmentSize: 320, disk: faulty{left: &left, err: syscall.EIO}})
		left = n
		acknowledged, possible := script(l)
		died := left <= 0
		crash(l)
		got := dump(t, reopen(t, dir, Options{SegmentSize: 320}))
		if !between(got, acknowledged, possible) {
			t.Fatalf("step %d: acknowledged (-) and found (+):\n%s", n, cmp.Diff(acknowledged, got))
		}
		if !died {
			t.Logf("%d steps", n)
			return
		}
	}
}

// between reports whether got has every entry that both others have, and none that neither has.
func between(got, a, b []*raft.Log) bool {
	has := func(l []*raft.Log, e *raft.Log) bool {
		return slices.ContainsFunc(l, func(x *raft.Log) bool { return cmp.Equal(x, e) })
	}
	for _, e := range a {
		if has(b, e) && !has(got, e) {
			return false
		}
	}
	for _, e := range got {
		if !has(a, e) && !has(b, e) {
			return false
		}
	}
	return true
}

// A disk that is full for a moment loses nothing; one that fails makes the log say so from then on.
func TestFailures(t *testing.T) {
	for n := 1; n < 60; n++ {
		dir := t.TempDir()
		l, err := Create(dir, Options{SegmentSize: 320})
		if err != nil {
			t.Fatal(err)
		}
		crash(l)
		left := 1 << 30
		var failure error
		l = reopen(t, dir, Options{SegmentSize: 320, disk: faulty{left: &left, err: syscall.ENOSPC, once: true}, Failed: func(err error) { failure = err }})
		left = n
		var want []*raft.Log
		for i := uint64(1); i <= 12; i++ {
			err := l.StoreLog(entry(i, 1))
			if err != nil && failure == nil {
				err = l.StoreLog(entry(i, 1))
			}
			if err != nil {
				break
			}
			want = append(want, entry(i, 1))
		}
		if failure != nil {
			if err := l.StoreLog(entry(uint64(len(want))+1, 1)); !errors.Is(err, ErrFailed) {
				t.Fatalf("step %d: after %v: %v", n, failure, err)
			}
		}
		wantLog(t, l, want)
		crash(l)
		if got := dump(t, reopen(t, dir, Options{})); !between(got, want, append(want, entry(uint64(len(want))+1, 1))) {
			t.Fatalf("step %d: %s", n, cmp.Diff(want, got))
		}
	}
}
