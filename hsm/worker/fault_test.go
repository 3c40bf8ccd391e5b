package worker_test

import (
	"bufio"
	"context"
	"errors"
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

// short is a time limit that tests of hanging workers wait for. It is long enough for a worker to start on a busy machine.
const short = time.Second

// wait waits for a condition that must come true.
func wait(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// TestRetire: a device that asks for a new process gets one again and again, and no call is lost by it.
func TestRetire(t *testing.T) {
	c := start(t, config(t, "retire-after=500"))
	_, k := newKey(t, c)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				if _, err := k.Seal(t.Context(), nil, []byte("text")); err != nil {
					t.Errorf("a call was lost: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	if n := c.Stats().Restarts; n < 2 {
		t.Errorf("%d workers were replaced in 1,600 calls", n)
	}
}

// TestKillUnderLoad: a worker that is killed loses no call that could be sent again, and is replaced each time.
func TestKillUnderLoad(t *testing.T) {
	const kills, callers = 5, 16
	c := start(t, config(t))
	_, k := newKey(t, c)
	var stop atomic.Bool
	var served atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for !stop.Load() {
				sealed, err := k.Seal(t.Context(), nil, []byte("text"))
				if err == nil {
					_, err = k.Unseal(t.Context(), nil, sealed)
				}
				if err != nil {
					t.Errorf("a call was lost: %v", err)
					return
				}
				served.Add(1)
			}
		})
	}
	for range kills {
		before, pid := served.Load(), c.Stats().WorkerPID
		syscall.Kill(pid, syscall.SIGKILL)
		wait(t, "a new worker that serves", func() bool {
			now := c.Stats().WorkerPID
			return now != 0 && now != pid && served.Load() > before+callers
		})
		if !gone(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
	stop.Store(true)
	all.Wait()
	if s := c.Stats(); s.Restarts != kills || s.Retries == 0 || s.InFlight != 0 || s.Waiting != 0 {
		t.Errorf("%+v; want %d restarts, some retries and nothing left", s, kills)
	}
}

// TestStoppedWorker: a worker that hangs is killed when a call has waited for its time limit; calls that have time left are
// sent again.
func TestStoppedWorker(t *testing.T) {
	cfg := config(t)
	cfg.CallTimeout = short
	c := start(t, cfg)
	_, k := newKey(t, c)
	pid := c.Stats().WorkerPID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	first := make(chan error, 1)
	go func() {
		_, err := k.Seal(t.Context(), nil, nil)
		first <- err
	}()
	time.Sleep(short * 8 / 10)
	if _, err := k.Seal(t.Context(), nil, nil); err != nil && !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("the later call: %v", err)
	}
	// It waits for all of its time, unless the supervisor's own ping was on its way before it.
	if err := <-first; err != nil && !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("the call that waited for all of its time: %v, want %v", err, hsm.ErrUnavailable)
	}
	wait(t, "another worker", func() bool { now := c.Stats().WorkerPID; return now != pid && now != 0 })
	wait(t, "the end of the first", func() bool { return gone(pid) })
	if _, err := k.Seal(t.Context(), nil, nil); err != nil {
		t.Errorf("after the worker was replaced: %v", err)
	}
}

// TestStoppedWhileIdle: a worker that hangs while nobody calls is replaced as well.
func TestStoppedWhileIdle(t *testing.T) {
	cfg := config(t)
	cfg.CallTimeout = short
	c := start(t, cfg)
	pid := c.Stats().WorkerPID
	syscall.Kill(pid, syscall.SIGSTOP)
	wait(t, "another worker", func() bool { now := c.Stats().WorkerPID; return now != pid && now != 0 })
}

// TestStoppedUnderBulk: callers are not held up by a worker that does not read, however much there is to write.
func TestStoppedUnderBulk(t *testing.T) {
	c := start(t, config(t))
	_, k := newKey(t, c)
	pid := c.Stats().WorkerPID
	syscall.Kill(pid, syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if _, err := k.Seal(ctx, nil, make([]byte, hsm.MaxPlaintext)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("callers with 100 ms waited for %v", took)
	}
	syscall.Kill(pid, syscall.SIGCONT)
	for range 3 { // the worker goes on, and so does the conversation
		if _, err := k.Seal(t.Context(), nil, make([]byte, hsm.MaxPlaintext)); err != nil {
			t.Error(err)
		}
	}
	if s := c.Stats(); s.Restarts != 0 || s.WorkerPID != pid {
		t.Errorf("the worker was replaced: %+v", s)
	}
}

// TestDeviceFaults: whatever happens to the worker under a call, the call is sent again to the next one. The second operation
// of each worker goes wrong; the first is the status at the start.
func TestDeviceFaults(t *testing.T) {
	for _, fault := range []string{"exit-at=2", "fatal-at=2", "garbage-at=2"} {
		t.Run(fault, func(t *testing.T) {
			c := start(t, config(t, fault))
			_, err := c.Random(t.Context(), 8)
			if err != nil && !errors.Is(err, hsm.ErrUnavailable) {
				t.Errorf("Random: %v", err)
			}
			wait(t, "the fault to be noticed", func() bool { return c.Stats().Restarts > 0 })
		})
	}
	t.Run("once", func(t *testing.T) {
		c := start(t, config(t, "exit-at=3"))
		for i := range 4 { // the first is the second operation; the second kills the worker, and is the next one's first
			if _, err := c.Random(t.Context(), 8); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
}

// TestHangingDevice: a call that never returns from the device costs its worker.
func TestHangingDevice(t *testing.T) {
	cfg := config(t, "hang-at=3")
	cfg.CallTimeout = short
	c := start(t, cfg)
	if _, err := c.Random(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Random(t.Context(), 8); !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("hanging call: %v, want %v", err, hsm.ErrUnavailable)
	}
	if _, err := c.Random(t.Context(), 8); err != nil {
		t.Errorf("the call after: %v", err)
	}
	if n := c.Stats().Restarts; n != 1 {
		t.Errorf("%d restarts, want 1", n)
	}
}

// TestCallersLimit: a caller's own time limit ends its call, not the worker.
func TestCallersLimit(t *testing.T) {
	c := start(t, config(t, "delay=100ms"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := c.Random(ctx, 8)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("error %v, want %v and %v", err, context.DeadlineExceeded, hsm.ErrUnavailable)
	}
	if _, err := c.Random(t.Context(), 8); err != nil {
		t.Error(err)
	}
	if s := c.Stats(); s.Restarts != 0 || s.InFlight != 0 {
		t.Errorf("%+v; want no restart and nothing in flight", s)
	}
}

// TestOverload: more calls than may be on their way are refused at once.
func TestOverload(t *testing.T) {
	const limit, callers = 4, 12
	cfg := config(t, "delay=200ms")
	cfg.MaxInFlight = limit
	c := start(t, cfg)
	var served, refused atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			began := time.Now()
			_, err := c.Random(t.Context(), 8)
			switch {
			case err == nil:
				served.Add(1)
			case errors.Is(err, hsm.ErrUnavailable) && time.Since(began) < 150*time.Millisecond:
				refused.Add(1)
			default:
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		})
	}
	all.Wait()
	if served.Load() != limit || refused.Load() != callers-limit {
		t.Errorf("%d served and %d refused, want %d and %d", served.Load(), refused.Load(), limit, callers-limit)
	}
}

// TestStartErrors: a start that fails says why, in time, and leaves neither a process nor a goroutine.
func TestStartErrors(t *testing.T) {
	for _, c := range []struct {
		name, behaviour string
		change          func(*worker.Config)
		want            worker.StartKind
	}{
		{"told", "start-error=token", nil, worker.StartToken},
		{"wrong PIN", "start-error=pin", nil, worker.StartPIN},
		{"ends at once", "leave", nil, worker.StartProgram},
		{"garbage", "garbage=GET / HTTP/1.1", nil, worker.StartProgram},
		{"long garbage", "garbage=\x00\x00\x00\x05hello, and so on", nil, worker.StartProgram},
		{"hangs", "start-delay=1m", func(c *worker.Config) { c.StartTimeout = 100 * time.Millisecond }, worker.StartDevice},
		{"relative program", "", func(c *worker.Config) { c.Program = "ostiary-hsm" }, worker.StartSettings},
		{"relative library", "", func(c *worker.Config) { c.Settings.Library = "p11.so" }, worker.StartSettings},
		{"too many calls", "", func(c *worker.Config) { c.MaxInFlight = 1 << 20 }, worker.StartSettings},
		{"negative time", "", func(c *worker.Config) { c.CallTimeout = -1 }, worker.StartSettings},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t, strings.Fields(c.behaviour)...)
			if strings.HasPrefix(c.behaviour, "garbage") {
				cfg = config(t, c.behaviour)
			}
			if c.change != nil {
				c.change(&cfg)
			}
			before := runtime.NumGoroutine()
			_, err := worker.Start(t.Context(), cfg)
			var told *worker.StartError
			if !errors.As(err, &told) || told.Kind != c.want || !errors.Is(err, hsm.ErrUnavailable) {
				t.Errorf("Start: %v, want kind %s", err, c.want)
			}
			wait(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

func TestStartGivenUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := worker.Start(ctx, config(t, "start-delay=1m"))
	var told *worker.StartError
	if !errors.As(err, &told) || told.Kind != worker.StartProgram {
		t.Errorf("Start: %v", err)
	}
}

// TestRefusedPIN: a PIN that the token refused is not tried again until the file is another; calls fail at once meanwhile.
func TestRefusedPIN(t *testing.T) {
	cfg := config(t)
	setPIN := func(pin string) {
		if err := os.WriteFile(cfg.Settings.PINFile, []byte(pin), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	setPIN("right")
	c := start(t, cfg)
	setPIN(wrongPIN)
	syscall.Kill(c.Stats().WorkerPID, syscall.SIGKILL)
	wait(t, "the refusal", func() bool { return c.Stats().State == worker.StateRefused })
	for range 3 {
		if err := c.Ping(t.Context()); !errors.Is(err, hsm.ErrUnavailable) || !strings.Contains(err.Error(), "refused the PIN") {
			t.Errorf("Ping: %v, want %v with the reason", err, hsm.ErrUnavailable)
		}
		time.Sleep(700 * time.Millisecond)
	}
	setPIN("right again")
	wait(t, "the corrected PIN to be used", func() bool { return c.Stats().State == worker.StateServing })
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	starts, err := os.ReadFile(cfg.Settings.PINFile + ".starts")
	if err != nil || string(starts) != "right\nwrong\nright again\n" {
		t.Errorf("the workers were started with %q, %v", starts, err)
	}
}

// TestBackoff: a worker that keeps failing is started ever less often, calls fail at once, and it heals by itself.
func TestBackoff(t *testing.T) {
	cfg := config(t)
	if err := os.WriteFile(cfg.Settings.PINFile, []byte(deadPIN), 0o600); err != nil {
		t.Fatal(err)
	}
	hidden := cfg.Settings.PINFile + ".hidden"
	if err := os.Rename(cfg.Settings.PINFile, hidden); err != nil {
		t.Fatal(err)
	}
	c := start(t, cfg)
	if err := os.Rename(hidden, cfg.Settings.PINFile); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(c.Stats().WorkerPID, syscall.SIGKILL)
	wait(t, "a pause", func() bool { return c.Stats().State == worker.StateBackoff })
	if err := c.Ping(t.Context()); !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("Ping: %v, want %v", err, hsm.ErrUnavailable)
	}
	if s := c.Stats(); s.LastError == "" || s.WorkerPID != 0 {
		t.Errorf("%+v; want the reason and no process", s)
	}
	if err := os.Remove(cfg.Settings.PINFile); err != nil {
		t.Fatal(err)
	}
	wait(t, "a worker", func() bool { return c.Ping(t.Context()) == nil })
}

// TestClose: closing ends the process, the goroutines and the calls, and may be repeated.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	files := openFiles(t)
	c := start(t, config(t, "delay=50ms"))
	pid := c.Stats().WorkerPID
	call := make(chan error, 1)
	go func() {
		_, err := c.Random(t.Context(), 8)
		call <- err
	}()
	wait(t, "the call to be on its way", func() bool { return c.Stats().InFlight > 0 })
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-call; !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("the call on its way: %v, want %v", err, hsm.ErrUnavailable)
	}
	if err := c.Ping(t.Context()); !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("a later call: %v, want %v", err, hsm.ErrUnavailable)
	}
	if !gone(pid) {
		t.Error("the process is still there")
	}
	wait(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
	if now := openFiles(t); now > files {
		t.Errorf("%d files were open before and %d are after", files, now)
	}
	if s := c.Stats(); s.State != worker.StateClosed || s.WorkerPID != 0 {
		t.Errorf("%+v; want it closed", s)
	}
}

// TestRestartsLeakNothing: many workers leave as little as one.
func TestRestartsLeakNothing(t *testing.T) {
	c := start(t, config(t))
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	for range 6 {
		pid := c.Stats().WorkerPID
		syscall.Kill(pid, syscall.SIGKILL)
		wait(t, "another worker", func() bool { now := c.Stats().WorkerPID; return now != pid && now != 0 })
	}
	wait(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines })
	wait(t, "files to be closed", func() bool { return openFiles(t) <= files })
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestDaemonDies: a daemon that is killed leaves no worker, not even one that hangs in its device.
func TestDaemonDies(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command(program, daemonWord)
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer daemon.Wait()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if gone(pid) {
		t.Fatalf("there is no worker %d", pid)
	}
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the worker to end", func() bool { return gone(pid) || zombie(pid) })
}

// zombie reports whether a process has ended and waits for its new parent to notice.
func zombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
