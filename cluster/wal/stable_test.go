package wal

import (
	"bytes"
	"slices"
	"syscall"
	"testing"
)

func TestStable(t *testing.T) {
	l, dir := create(t, Options{})
	s := l.Stable()
	if v, err := s.Get([]byte("none")); v != nil || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	if v, err := s.GetUint64([]byte("none")); v != 0 || err != nil {
		t.Errorf("got %d, %v", v, err)
	}
	for i := range uint64(10) {
		if err := s.SetUint64([]byte("term"), i); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Set([]byte("vote"), []byte("n1")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetUint64([]byte("vote")); err == nil {
		t.Error("a name was taken for a number")
	}
	if err := s.Set([]byte("big"), make([]byte, stableBlock)); err == nil {
		t.Error("stored more than a block takes")
	}
	crash(l)
	s = reopen(t, dir, Options{}).Stable()
	term, err := s.GetUint64([]byte("term"))
	vote, err2 := s.Get([]byte("vote"))
	if term != 9 || !bytes.Equal(vote, []byte("n1")) || err != nil || err2 != nil {
		t.Errorf("term %d, vote %q, %v, %v", term, vote, err, err2)
	}
}

// Whichever byte of the file is hit, both values of the last change are there.
func TestStableLosesABlock(t *testing.T) {
	l, dir := create(t, Options{})
	if err := l.Stable().SetUint64([]byte("term"), 7); err != nil {
		t.Fatal(err)
	}
	crash(l)
	found := files(t, dir)
	for at := range found[stableName] {
		changed := with(found, stableName, func(b []byte) []byte { b[at] ^= 0x40; return b })
		_, values, err := parseStable("f", changed[stableName])
		if err != nil || len(values["term"]) != 8 || values["term"][7] != 7 {
			t.Fatalf("byte %d: %v, %v", at, values, err)
		}
	}
}

// The process dies at the n-th change to the disk: the value is the old one or the new, and the new if it was acknowledged.
func TestStableCrash(t *testing.T) {
	for n := 1; n <= 5; n++ {
		dir := t.TempDir()
		l, err := Create(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		crash(l)
		left := 1 << 30
		l = reopen(t, dir, Options{disk: faulty{left: &left, err: syscall.EIO}})
		if err := l.Stable().SetUint64([]byte("term"), 1); err != nil {
			t.Fatal(err)
		}
		left = n
		err = l.Stable().SetUint64([]byte("term"), 2)
		crash(l)
		got, getErr := reopen(t, dir, Options{}).Stable().GetUint64([]byte("term"))
		if getErr != nil || got != 2 && (err == nil || got != 1) {
			t.Errorf("step %d: set: %v, found %d, %v", n, err, got, getErr)
		}
	}
}

// The inputs are blocks without the zeros at their end: the engine would spend its time on those.
func FuzzStable(f *testing.F) {
	for _, values := range []map[string][]byte{{}, {"term": {1}, "vote": []byte("n1")}} {
		block, err := encodeStable(3, values)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.TrimRight(block, "\x00"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > stableBlock {
			return
		}
		block := append(slices.Clone(data), make([]byte, stableBlock-len(data))...)
		seq, values, ok := parseStableBlock(block)
		if !ok {
			return
		}
		again, err := encodeStable(seq, values)
		if err != nil || !bytes.Equal(again, block) {
			t.Errorf("block is not canonical: %v", err)
		}
	})
}

func FuzzManifest(f *testing.F) {
	for _, m := range []manifest{
		{First: 1, Segments: []listed{{ID: 1, Base: 1}}},
		{First: 7, Clean: true, Next: 9, Segments: []listed{{ID: 2, Base: 5}, {ID: 4, Base: 8, Keep: 8}}},
	} {
		data, err := m.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest("f", data)
		if err != nil {
			return
		}
		again, err := m.encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("not canonical: %v", err)
		}
	})
}

func FuzzSegment(f *testing.F) {
	found, name, from, to := written(f)
	for _, data := range [][]byte{found[name], found[name][:to], found[name][:from+30]} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range []listed{{ID: 1, Base: 1}, {ID: 1, Base: 1, Keep: 3}} {
			for _, last := range []bool{true, false} {
				c, err := parseSegment("f", data, s, last && s.Keep == 0)
				if err != nil {
					continue
				}
				next := uint32(segmentHeader)
				for i, at := range c.offsets {
					r, err := parseRecord(data[at:], s.ID)
					if err != nil || at != next || r.index != s.Base+uint64(i) {
						t.Fatalf("record %d at %d: %v", i, at, err)
					}
					next = at + uint32(r.size)
				}
				if c.end != next || int(c.end) > len(data) {
					t.Fatalf("end is %d", c.end)
				}
			}
		}
	})
}
