package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/worker"
)

// TestByHand: started from a terminal the program says what it is for.
func TestByHand(t *testing.T) {
	for _, args := range [][]string{nil, {"init"}, {"--help"}} {
		out, err := exec.Command(filepath.Join(programDir, "ostiary-hsm"), args...).CombinedOutput()
		if code := err.(*exec.ExitError).ExitCode(); code != exitUsage || !strings.Contains(string(out), "ostiary dev") {
			t.Errorf("%v: exit status %d, output %q", args, code, out)
		}
	}
}

// TestHardened looks at a serving worker from outside.
func TestHardened(t *testing.T) {
	// A descriptor that a careless library has left open to every child.
	leaked, err := syscall.Open("/dev/zero", syscall.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(leaked)

	t.Setenv("OSTIARY_TEST_SECRET", "of the daemon")
	c := start(t, made(t))
	generate(t, c)
	pid := c.Stats().WorkerPID

	for _, thread := range glob(t, fmt.Sprintf("/proc/%d/task/*", pid)) {
		b, err := os.ReadFile(filepath.Join(thread, "status"))
		if err == nil && !strings.Contains(string(b), "NoNewPrivs:\t1") { // a thread may have ended
			t.Errorf("%s may gain privileges", thread)
		}
	}
	// The files of a process that is not dumpable are root's (proc(5)).
	if dir, err := os.Stat(fmt.Sprintf("/proc/%d/fd", pid)); err != nil || dir.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("the process is dumpable (%v)", err)
	}
	if os.Getuid() != 0 {
		if _, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil {
			t.Error("its own user can look into the process")
		}
		return
	}
	if limits := strings.Fields(procFile(t, pid, "limits")); !strings.Contains(strings.Join(limits, " "), "Max core file size 0 0") {
		t.Errorf("core dumps are possible: %s", limits)
	}
	if field(t, procFile(t, pid, "status"), "VmLck") == 0 {
		t.Error("no memory is locked")
	}
	if strings.Contains(procFile(t, pid, "environ"), "OSTIARY_TEST_SECRET") {
		t.Error("the daemon's environment was passed on")
	}
	inherited(t, pid)
}

// inherited looks for descriptors above the socket's that the worker has not opened itself: what it opens it marks close-on-exec.
func inherited(t *testing.T, pid int) {
	t.Helper()
	for _, path := range glob(t, fmt.Sprintf("/proc/%d/fdinfo/*", pid)) {
		fd, err := strconv.Atoi(filepath.Base(path))
		if err != nil || fd <= worker.SocketFD {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			continue // closed meanwhile
		}
		var flags int64
		for line := range strings.Lines(string(b)) {
			if value, ok := strings.CutPrefix(line, "flags:"); ok {
				if flags, err = strconv.ParseInt(strings.TrimSpace(value), 8, 64); err != nil {
					t.Fatal(err)
				}
			}
		}
		if flags&syscall.O_CLOEXEC == 0 {
			target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
			t.Errorf("descriptor %d (%s, %v) was inherited", fd, target, err)
		}
	}
}

func procFile(t testing.TB, pid int, name string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found
}

// field gives a number of KiB from /proc/PID/status.
func field(t testing.TB, status, name string) int {
	t.Helper()
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in\n%s", name, status)
	return 0
}

// TestMemory: an idle worker has at most 40 MiB resident, and a cached handle adds at most 10 KiB.
func TestMemory(t *testing.T) {
	const (
		handles   = 2000
		maxIdle   = 40 << 10 // KiB
		maxHandle = 10       // KiB
	)
	cfg := made(t)
	c := start(t, cfg)
	tokens := make([][]byte, handles)
	for i := range tokens {
		tokens[i] = generate(t, c)
	}
	c.Close()

	c = start(t, cfg)
	token := generate(t, c)
	if _, err := openKey(t, c, token).Seal(t.Context(), nil, []byte("text")); err != nil {
		t.Fatal(err)
	}
	idle := residentKiB(t, c)
	for _, token := range tokens {
		if _, err := openKey(t, c, token).Seal(t.Context(), nil, []byte("text")); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := c.Status(t.Context()); err != nil || s.CachedHandles < handles {
		t.Fatalf("Status = %+v, %v; want %d handles", s, err, handles)
	}
	churn(t, c, tokens)
	full := residentKiB(t, c)
	t.Logf("%d KiB idle, %d KiB with %d handles: %.1f KiB each", idle, full, handles, float64(full-idle)/handles)
	if idle > maxIdle {
		t.Errorf("an idle worker has %d KiB resident, at most %d are allowed", idle, maxIdle)
	}
	if most := maxIdle + maxHandle*handles; full > most {
		t.Errorf("a worker with %d handles has %d KiB resident, at most %d are allowed", handles, full, most)
	}
}

// churn uses some keys as callers do, so that the collector has something to do.
func churn(t *testing.T, c *worker.Client, tokens [][]byte) {
	t.Helper()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			k := openKey(t, c, tokens[i])
			for range 1000 {
				if _, err := k.Seal(t.Context(), nil, make([]byte, 4096)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func residentKiB(t testing.TB, c *worker.Client) int {
	t.Helper()
	return field(t, procFile(t, c.Stats().WorkerPID, "status"), "VmRSS")
}

// TestKillUnderLoad: the worker is killed again and again while callers use it. Every call succeeds or says that it can be sent
// again, and every killed worker is replaced.
func TestKillUnderLoad(t *testing.T) {
	const kills, callers = 4, 8
	c := start(t, made(t))
	k := openKey(t, c, generate(t, c))
	var stop atomic.Bool
	var served, unavailable atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for !stop.Load() {
				text := []byte("text")
				sealed, err := k.Seal(t.Context(), nil, text)
				if err == nil {
					text, err = k.Unseal(t.Context(), nil, sealed)
				}
				switch {
				case err == nil && string(text) == "text":
					served.Add(1)
				case isUnavailable(err):
					unavailable.Add(1)
				default:
					t.Errorf("a call ended with %q, %v", text, err)
					return
				}
			}
		})
	}
	for range kills {
		before, pid := served.Load(), c.Stats().WorkerPID
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		wait(t, "another worker that serves", func() bool {
			s := c.Stats()
			return s.WorkerPID != 0 && s.WorkerPID != pid && served.Load() > before+callers
		})
		t.Logf("back after %v", time.Since(began).Round(time.Millisecond))
	}
	stop.Store(true)
	all.Wait()
	s := c.Stats()
	t.Logf("%d calls served, %d not; %+v", served.Load(), unavailable.Load(), s)
	if s.Restarts != kills || s.Retries == 0 {
		t.Errorf("%d restarts and %d retries, want %d and some", s.Restarts, s.Retries, kills)
	}
	if unavailable.Load() > 0 {
		t.Errorf("%d calls failed that could have been retried", unavailable.Load())
	}
}

func isUnavailable(err error) bool {
	return err != nil && strings.Contains(err.Error(), hsm.ErrUnavailable.Error())
}

// wait waits for a condition that must come true.
func wait(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// BenchmarkSeal is a Seal through the worker and SoftHSM, with the CPU of both processes per call.
func BenchmarkSeal(b *testing.B) {
	cfg := made(b)
	for _, sessions := range []int{1, 4} {
		for _, callers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("sessions=%d/callers=%d", sessions, callers), func(b *testing.B) {
				cfg := cfg
				cfg.Settings.Sessions = sessions
				c := start(b, cfg)
				benchmarkSeal(b, c, openKey(b, c, generate(b, c)), callers)
			})
		}
	}
}

func benchmarkSeal(b *testing.B, c *worker.Client, k hsm.Sealer, callers int) {
	aad, text := make([]byte, 64), make([]byte, 32)
	pid := c.Stats().WorkerPID
	runtime.GC()
	ours, theirs := cpuTime(b, os.Getpid()), cpuTime(b, pid)
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := k.Seal(b.Context(), aad, text); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpuTime(b, os.Getpid())-ours).Nanoseconds())/1e3/float64(b.N), "client-cpu-us/op")
	b.ReportMetric(float64((cpuTime(b, pid)-theirs).Nanoseconds())/1e3/float64(b.N), "worker-cpu-us/op")
}

// cpuTime is the user and system time of a process so far, to 10 ms.
func cpuTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat := procFile(t, pid, "stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+2:])
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil { // utime and stime, proc(5)
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}
