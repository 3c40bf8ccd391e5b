package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"testing/iotest"
)

// TestGoldenSnapshot holds the snapshot format fast: testdata/snapshot-1.golden is the state that filledLog makes.
func TestGoldenSnapshot(t *testing.T) {
	golden, err := os.ReadFile("testdata/snapshot-1.golden")
	if err != nil {
		t.Fatal(err)
	}
	l := filledLog(t)
	if got := l.snapshot(); !bytes.Equal(got, golden) {
		t.Errorf("the snapshot has changed; it is now\n%x", got)
	}
	s := New()
	if err := s.Restore(bytes.NewReader(golden)); err != nil {
		t.Fatal(err)
	}
	diffViews(t, l.store.View(), s.View())
}

func TestEmptySnapshot(t *testing.T) {
	l := &log{t: t, store: New()}
	if got := l.restored().store.View().Counts(); got != (Counts{}) {
		t.Errorf("restored %+v", got)
	}
}

// TestSnapshotDamage changes every byte, cuts at every length and adds bytes. The state must stay as it was.
func TestSnapshotDamage(t *testing.T) {
	data := filledLog(t).snapshot()
	l := world(t)
	before := l.snapshot()
	refuse := func(what string, at int, damaged []byte) {
		t.Helper()
		err := l.store.Restore(bytes.NewReader(damaged))
		var corrupt *Corrupt
		if !errors.As(err, &corrupt) || corrupt.Index != 0 {
			t.Fatalf("%s at %d: %v", what, at, err)
		}
	}
	for i := range data {
		damaged := bytes.Clone(data)
		damaged[i] ^= 1 << (i % 8)
		refuse("bit flipped", i, damaged)
		refuse("cut", i, data[:i])
	}
	refuse("byte added", len(data), append(bytes.Clone(data), 0))
	if !bytes.Equal(before, l.snapshot()) {
		t.Error("a failed restore changed the state")
	}
	l.must(SetDescription{ref("on"), "goes on"})
}

// TestSnapshotMeaning has snapshots whose checksum is right.
func TestSnapshotMeaning(t *testing.T) {
	good := splitFrames(t, filledLog(t).snapshot())
	find := func(k kind) int {
		for i, f := range good {
			if f.kind == k {
				return i
			}
		}
		t.Fatalf("no record of kind %d", k)
		return 0
	}
	without := func(i int) []frame { return slices.Delete(slices.Clone(good), i, i+1) }
	twice := func(i int) []frame { return slices.Insert(slices.Clone(good), i, good[i]) }
	swapped := func(i int) []frame {
		f := slices.Clone(good)
		f[i], f[i+1] = f[i+1], f[i]
		return f
	}
	replaced := func(i int, record any) []frame {
		payload, err := marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		f := slices.Clone(good)
		f[i].payload = payload
		return f
	}
	key := testKey(ref("a"))
	key.Policy = nil
	pending := key
	pending.State = PendingDeletion
	inline := testKey(ref("a"))
	unused := slices.Insert(slices.Clone(good), find(kindAccount), frame{kindDocument, []byte("\xa1\x01\x61~")})
	tests := map[string][]frame{
		"no frames":            {},
		"no header":            without(find(kindHeader)),
		"two headers":          twice(find(kindHeader)),
		"no cluster":           without(find(kindCluster)),
		"two clusters":         twice(find(kindCluster)),
		"document missing":     without(find(kindDocument)),
		"document twice":       twice(find(kindDocument)),
		"documents swapped":    swapped(find(kindDocument)),
		"no account":           without(find(kindAccount)),
		"account twice":        twice(find(kindAccount)),
		"no user":              without(find(kindUser)),
		"user twice":           twice(find(kindUser)),
		"users swapped":        swapped(find(kindUser)),
		"access key twice":     twice(find(kindAccessKey)),
		"access keys swapped":  swapped(find(kindAccessKey)),
		"key missing":          without(find(kindKey)),
		"key twice":            twice(find(kindKey)),
		"keys swapped":         swapped(find(kindKey)),
		"alias twice":          twice(find(kindAlias)),
		"aliases swapped":      swapped(find(kindAlias)),
		"kinds out of order":   swapped(find(kindAlias) - 1),
		"unknown kind":         append(slices.Clone(good), frame{kind: 200}),
		"key with no document": replaced(find(kindKey), keyRecord{key, 99}),
		"key with its policy":  replaced(find(kindKey), keyRecord{inline, 0}),
		"key in a bad state":   replaced(find(kindKey), keyRecord{pending, 0}),
		"document not used":    unused,
		"user with no name":    replaced(find(kindUser), userRecord{testUser(""), nil}),
		"alias of nothing":     replaced(find(kindAlias), Alias{account, region, "alias/a", "none", now, now}),
		"account without id":   replaced(find(kindAccount), Account{"", "", now}),
		"empty cluster":        replaced(find(kindCluster), Cluster{}),
	}
	for name, frames := range tests {
		var corrupt *Corrupt
		if err := New().Restore(bytes.NewReader(joinFrames(frames))); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := New().Restore(bytes.NewReader(joinFrames(good))); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestSnapshotErrors(t *testing.T) {
	failed := errors.New("disk is gone")
	l := filledLog(t)
	data := l.snapshot()
	for i := range data {
		r := io.MultiReader(bytes.NewReader(data[:i]), iotest.ErrReader(failed))
		var corrupt *Corrupt
		if err := New().Restore(r); !errors.Is(err, failed) || errors.As(err, &corrupt) {
			t.Fatalf("reading fails at %d: %v", i, err)
		}
	}
	if _, err := l.store.View().WriteTo(failingWriter{failed}); !errors.Is(err, failed) {
		t.Errorf("writing: %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestRestoreReadsSmallPieces(t *testing.T) {
	data := filledLog(t).snapshot()
	if err := New().Restore(iotest.OneByteReader(bytes.NewReader(data))); err != nil {
		t.Error(err)
	}
}

type frame struct {
	kind    kind
	payload []byte
}

// splitFrames gives the frames but the last.
func splitFrames(t testing.TB, data []byte) []frame {
	t.Helper()
	var frames []frame
	for data = data[len(magic):]; ; {
		k, size := kind(data[0]), binary.BigEndian.Uint32(data[1:])
		if k == kindEnd {
			return frames
		}
		frames = append(frames, frame{k, data[frameHeader : frameHeader+size]})
		data = data[frameHeader+size:]
	}
}

// joinFrames adds what must be around frames, with the right checksum.
func joinFrames(frames []frame) []byte {
	data := []byte(magic)
	for _, f := range frames {
		data = appendFrame(data, f.kind, f.payload)
	}
	sum := sha256.Sum256(data)
	return appendFrame(data, kindEnd, sum[:])
}

func appendFrame(data []byte, k kind, payload []byte) []byte {
	data = append(data, byte(k))
	data = binary.BigEndian.AppendUint32(data, uint32(len(payload)))
	return append(data, payload...)
}
