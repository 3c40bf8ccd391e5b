package worker_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ostiary.dev/hsm/hsmtest"
	"ostiary.dev/hsm/worker"
)

// BenchmarkSeal measures a Seal of 32 bytes through a worker with a software device at different numbers of callers, as wall
// time and as CPU of both processes; BenchmarkSealInProcess is the same without a worker.
func BenchmarkSeal(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			c := start(b, config(b))
			_, k := newKey(b, c)
			benchmark(b, callers, c, func() error {
				_, err := k.Seal(b.Context(), benchAAD, benchText)
				return err
			})
		})
	}
}

func BenchmarkPing(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			c := start(b, config(b))
			benchmark(b, callers, c, func() error { return c.Ping(b.Context()) })
		})
	}
}

func BenchmarkSealInProcess(b *testing.B) {
	m, err := hsmtest.NewMemory(hsmtest.MemoryConfig{})
	if err != nil {
		b.Fatal(err)
	}
	_, k := newKey(b, m)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Seal(b.Context(), benchAAD, benchText); err != nil {
			b.Fatal(err)
		}
	}
}

var (
	benchAAD  = []byte(strings.Repeat("context ", 8))
	benchText = []byte(strings.Repeat("x", 32))
)

// benchmark runs b.N calls from so many goroutines, and reports the CPU of this process and of the worker's per call.
func benchmark(b *testing.B, callers int, c *worker.Client, call func() error) {
	pid := c.Stats().WorkerPID
	ours, theirs := cpuTime(b, os.Getpid()), cpuTime(b, pid)
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range callers {
		n := b.N / callers
		if i < b.N%callers {
			n++
		}
		all.Go(func() {
			for range n {
				if err := call(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	ours, theirs = cpuTime(b, os.Getpid())-ours, cpuTime(b, pid)-theirs
	perCall := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(b.N) }
	b.ReportMetric(perCall(ours), "client-cpu-us/op")
	b.ReportMetric(perCall(theirs), "worker-cpu-us/op")
	b.ReportMetric(perCall(ours+theirs), "cpu-us/op")
}

// cpuTime is the user and system time of a process so far, from the scheduler's own count.
func cpuTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	if pid == os.Getpid() {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil { // utime and stime, proc(5)
		t.Fatal(err)
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100
	return time.Duration(user+system) * tick
}
