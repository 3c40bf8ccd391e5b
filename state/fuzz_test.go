package state

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

// FuzzDecode looks for entries that panic, that decode though encode would not write them, or that leave a state
// that cannot be saved.
func FuzzDecode(f *testing.F) {
	for _, c := range samples() {
		data, err := encode(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decode(data)
		if err != nil {
			return
		}
		again, err := encode(c)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("decodes, but encodes as %x, %v", again, err)
		}
		l := world(t)
		l.index++
		code(t, l.store.Apply(l.index, data).Err)
		l.restored()
	})
}

// FuzzRestore puts the right magic and checksum around what it is given, so that records are reached.
func FuzzRestore(f *testing.F) {
	for _, l := range []*log{{t: f, store: New()}, newLog(f), filledLog(f)} {
		data := l.snapshot()
		f.Add(data[len(magic) : len(data)-frameHeader-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, frames []byte) {
		data := append([]byte(magic), frames...)
		sum := sha256.Sum256(data)
		l := &log{t: t, store: New()}
		if err := l.store.Restore(bytes.NewReader(appendFrame(data, kindEnd, sum[:]))); err != nil {
			return
		}
		l.index = l.store.View().Index()
		l.restored()
	})
}
