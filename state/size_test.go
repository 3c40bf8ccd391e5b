package state

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"
)

func keyID(i int) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(i)*2654435761, i)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestX(t *testing.T) {
	const n = 100_000
	l := newLog(t)
	before := heap()
	t0 := time.Now()
	for i := range n {
		l.must(CreateKey{testKey(ref(keyID(i)))})
	}
	t.Log("create", time.Since(t0), "per key", (heap()-before)/n)
	var b bytes.Buffer
	t0 = time.Now()
	l.store.View().WriteTo(&b)
	t.Log("snapshot", time.Since(t0), b.Len())
	b1 := heap()
	t0 = time.Now()
	s := New()
	if err := s.Restore(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	t.Log("restore", time.Since(t0), (heap()-b1)/n)
	runtime.KeepAlive(s)
	runtime.KeepAlive(l)
	runtime.KeepAlive(&b)
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		l := newLog(b)
		for i := range n {
			l.must(CreateKey{testKey(ref(keyID(i)))})
		}
		v := l.store.View()
		ids := make([]string, n)
		for i := range ids {
			ids[i] = string([]byte(keyID(i * 7919 % n)))
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if v.Key(KeyRef{account, region, ids[i%n]}) == nil {
					b.Fatal("missing")
				}
				i++
			}
		})
	}
}

func BenchmarkRestore(b *testing.B) {
	l := newLog(b)
	for i := range 100000 {
		l.must(CreateKey{testKey(ref(keyID(i)))})
	}
	data := l.snapshot()
	b.Run("x", func(b *testing.B) {
		for b.Loop() {
			if err := New().Restore(bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("w", func(b *testing.B) {
		for b.Loop() {
			l.snapshot()
		}
	})
}
