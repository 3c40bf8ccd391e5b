package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/hsmtest"
	"ostiary.dev/hsm/worker"
)

// The tests' worker is this test binary once more: real processes and sockets, with a software device behind them. The
// first argument says how it behaves.
const workerWord = "as-device-worker"

// daemonWord makes the test binary a daemon that starts a worker, prints its process id and waits to be killed.
const daemonWord = "as-daemon"

func beDaemon() int {
	program, err := os.Executable()
	if err != nil {
		return 1
	}
	c, err := worker.Start(context.Background(), worker.Config{
		Program: program, Args: []string{workerWord, "hang-at=2"},
		Settings: worker.Settings{Library: "/nowhere/library.so", TokenLabel: "test", PINFile: "/nowhere/pin"},
		Log:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return 1
	}
	go c.Random(context.Background(), 1) // hangs in the device
	fmt.Println(c.Stats().WorkerPID)
	select {}
}

// domainKey is the same in every worker, so that tokens survive a worker.
var domainKey = []byte("domain key of the worker tests..")

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerWord {
		os.Exit(beWorker(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == daemonWord {
		os.Exit(beDaemon())
	}
	os.Exit(m.Run())
}

// beWorker serves on descriptor 3. Behaviour is a list of words such as delay=5ms.
func beWorker(behaviour []string) int {
	hook := &faults{}
	for _, word := range behaviour {
		name, value, _ := strings.Cut(word, "=")
		if err := hook.set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
	}
	conn := os.NewFile(3, "daemon")
	fmt.Fprint(conn, hook.garbage)
	hook.conn = conn
	err := worker.Serve(context.Background(), conn, func(_ context.Context, s worker.Settings) (hsm.Backend, error) {
		if err := obey(s.PINFile); err != nil {
			return nil, err
		}
		if hook.startError != nil {
			return nil, hook.startError
		}
		time.Sleep(hook.startDelay)
		m, err := hsmtest.NewMemory(hsmtest.MemoryConfig{DomainKey: domainKey, Hook: hook.call})
		return retiring{m, hook}, err
	})
	if errors.Is(err, worker.ErrRetired) {
		return worker.RetiredStatus
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	return 0
}

// retiring is a device that asks for a new process after some calls.
type retiring struct {
	*hsmtest.Memory
	faults *faults
}

func (r retiring) Retire() string {
	if limit := r.faults.retireAfter; limit > 0 && r.faults.calls.Load() >= limit {
		return "it has worked enough"
	}
	return ""
}

// What a test may write in the PIN file of a running client, for the next worker.
const (
	wrongPIN = "wrong" // the token refuses it
	deadPIN  = "dead"  // the worker ends at once
)

// obey does what the PIN file says, and leaves a trace of it: a line in another file for every start.
func obey(pinFile string) error {
	content, err := os.ReadFile(pinFile)
	if err != nil {
		return nil // most tests have none
	}
	trace, err := os.OpenFile(pinFile+".starts", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer trace.Close()
	fmt.Fprintf(trace, "%s\n", content)
	switch string(content) {
	case wrongPIN:
		return &worker.StartError{Kind: worker.StartPIN, Message: "the token refused the PIN"}
	case deadPIN:
		os.Exit(3)
	}
	return nil
}

// faults is how a test's worker misbehaves.
type faults struct {
	startError *worker.StartError
	startDelay time.Duration
	delay      time.Duration
	hangAt     uint64
	fatalAt    uint64
	exitAt     uint64
	garbageAt  uint64
	garbage    string

	retireAfter uint64
	calls       atomic.Uint64
	conn        *os.File
}

func (f *faults) set(name, value string) (err error) {
	switch name {
	case "start-error":
		f.startError = &worker.StartError{Kind: worker.StartKind(value), Message: "as the test wants"}
	case "start-delay":
		f.startDelay, err = time.ParseDuration(value)
	case "delay":
		f.delay, err = time.ParseDuration(value)
	case "hang-at":
		f.hangAt, err = strconv.ParseUint(value, 10, 64)
	case "fatal-at":
		f.fatalAt, err = strconv.ParseUint(value, 10, 64)
	case "exit-at":
		f.exitAt, err = strconv.ParseUint(value, 10, 64)
	case "garbage-at":
		f.garbageAt, err = strconv.ParseUint(value, 10, 64)
	case "garbage":
		f.garbage = value
	case "retire-after":
		f.retireAfter, err = strconv.ParseUint(value, 10, 64)
	case "say":
		fmt.Fprintln(os.Stderr, value)
		slog.New(slog.NewJSONHandler(os.Stderr, nil)).Info("structured", "answer", 42)
	case "leave":
		os.Exit(3)
	default:
		err = fmt.Errorf("unknown behaviour %q", name)
	}
	return err
}

func (f *faults) call(_ context.Context, op string, n uint64) error {
	time.Sleep(f.delay)
	f.calls.Add(1)
	switch n {
	case f.hangAt:
		select {}
	case f.fatalAt:
		return fatal{errors.New("the device fell over")}
	case f.exitAt:
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case f.garbageAt:
		f.conn.WriteString("this is not the protocol\n")
	}
	return nil
}

type fatal struct{ error }

func (fatal) Fatal() bool { return true }

// config is for a worker of this binary.
func config(t testing.TB, behaviour ...string) worker.Config {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return worker.Config{
		Program: program,
		Args:    append([]string{workerWord}, behaviour...),
		Settings: worker.Settings{
			Library: "/nowhere/library.so", TokenLabel: "test", PINFile: t.TempDir() + "/pin", Sessions: 2,
		},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func start(t testing.TB, cfg worker.Config) *worker.Client {
	t.Helper()
	c, err := worker.Start(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func newKey(t testing.TB, b hsm.Backend) (hsm.Key, hsm.Sealer) {
	t.Helper()
	token, err := b.Generate(t.Context(), hsm.KeyRequest{KeyID: "key", Spec: hsm.SymmetricDefault, Purpose: hsm.PurposeKMS})
	if err != nil {
		t.Fatalf("Generate: %v", err)
	}
	k, err := b.Open(t.Context(), token)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return k, k.(hsm.Sealer)
}
