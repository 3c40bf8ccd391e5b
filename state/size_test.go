package state

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"weak"
)

// keyID gives ids that look like a UUID and come in no order.
func keyID(i int) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(i)*2654435761, i)
}

// crowdedLog gives a cluster with n keys of one policy.
func crowdedLog(t testing.TB, n int) *log {
	l := newLog(t)
	entries := make([]Entry, 0, 1000)
	for i := range n {
		l.index++
		entries = append(entries, Entry{l.index, mustEncode(t, CreateKey{testKey(ref(keyID(i)))})})
		if len(entries) == cap(entries) || i == n-1 {
			for _, r := range l.store.ApplyBatch(entries) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			entries = entries[:0]
		}
	}
	return l
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemoryPerKey holds the promise that a key costs well under 1 KiB: its token of 250 bytes and about 400 more.
func TestMemoryPerKey(t *testing.T) {
	const n, limit = 20_000, 800
	before := heap()
	l := crowdedLog(t, n)
	applied := (heap() - before) / n
	data := l.snapshot()
	before = heap()
	s := New()
	if err := s.Restore(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	restored := (heap() - before) / n
	t.Logf("bytes per key: %d applied, %d restored, %d in a snapshot", applied, restored, len(data)/n)
	if applied > limit || restored > limit {
		t.Errorf("a key costs %d bytes applied and %d restored, more than %d", applied, restored, limit)
	}
	runtime.KeepAlive(l)
	runtime.KeepAlive(s)
	runtime.KeepAlive(data)
}

// TestSnapshotForgetsDeletedKeys holds that no memory of a deleted key outlives the next snapshot.
func TestSnapshotForgetsDeletedKeys(t *testing.T) {
	const n = 5000
	l := crowdedLog(t, n)
	var records []weak.Pointer[Key]
	for i := 0; i < n; i += 10 {
		r := ref(keyID(i))
		records = append(records, weak.Make(l.store.View().Key(r)))
		l.must(ScheduleDeletion{r, 7, now + 1, now})
		records = append(records, weak.Make(l.store.View().Key(r)))
		l.must(DeleteKey{r, now + 1})
	}
	before := l.store.View().Counts()
	if got := l.store.Snapshot().Counts(); got != before {
		t.Errorf("snapshot has %+v, want %+v", got, before)
	}
	runtime.GC()
	kept := 0
	for _, r := range records {
		if r.Value() != nil {
			kept++
		}
	}
	if kept > 0 {
		t.Errorf("%d of %d records are still in memory", kept, len(records))
	}
	l.restored()
}

func TestInternerIsBounded(t *testing.T) {
	p := newInterner()
	for i := range maxInterned + 10 {
		s := fmt.Sprint(i)
		p.share(&s)
		if s != fmt.Sprint(i) {
			t.Fatalf("%d became %s", i, s)
		}
	}
	if len(p) > maxInterned {
		t.Errorf("%d strings", len(p))
	}
}

func BenchmarkPurge(b *testing.B) {
	l := crowdedLog(b, 100_000)
	for b.Loop() {
		l.store.work.purge()
	}
}

func BenchmarkFindKey(b *testing.B) {
	for _, n := range []int{1, 1000, 100_000} {
		v := crowdedLog(b, n).store.View()
		ids := make([]string, n)
		for i := range ids {
			ids[i] = keyID(i * 7919 % n)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if v.Key(KeyRef{account, region, ids[i%n]}) == nil {
					b.Fatal("key is not there")
				}
			}
		})
	}
}

// BenchmarkApply applies single entries, each with a view of its own, to a state of 100,000 keys.
func BenchmarkApply(b *testing.B) {
	l := crowdedLog(b, 100_000)
	for i := 0; b.Loop(); i++ {
		l.must(SetKeyEnabled{ref(keyID(i * 7919 % 100_000)), i%2 == 0, now})
	}
}

func BenchmarkSnapshot(b *testing.B) {
	v := crowdedLog(b, 100_000).store.View()
	for b.Loop() {
		if _, err := v.Hash(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRestore(b *testing.B) {
	data := crowdedLog(b, 100_000).snapshot()
	b.ReportAllocs()
	for b.Loop() {
		if err := New().Restore(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
