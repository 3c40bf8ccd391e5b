// Package worker runs a device in a child process: the client in the daemon and the server in the worker, ostiary-hsm.
//
// It promises that a device library that hangs, crashes or loses its sessions costs no more than some calls' latency: the
// worker is killed and replaced, and what was in flight is sent once more within its time limit. No key material and no PIN
// is in the daemon's process: the worker reads the PIN file itself, and a backing key crosses only wrapped, as its token.
// The worker dies with the daemon.
//
// The two talk over an inherited socket pair. The conversation is stateless: every request carries the full token, so that
// a new worker serves the next request without being told anything. See wire.go for the frames.
package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ostiary.dev/hsm"
)

// Config says how to run a worker.
type Config struct {
	Program string   // absolute path of ostiary-hsm
	Args    []string // its arguments, normally none
	// Env is the worker's environment beside PATH; the daemon's own is not passed on. E.g. SOFTHSM2_CONF=...
	Env      []string
	Settings Settings

	// CallTimeout is how long a call may take in all, and how long a worker may take over one before it is killed.
	// 0 means 3 s.
	CallTimeout time.Duration
	// StartTimeout is how long a worker may take to say hello. 0 means 10 s.
	StartTimeout time.Duration
	// MaxInFlight bounds the calls on their way, and those that wait for a worker being started; more get
	// hsm.ErrUnavailable at once. 1 to 4,096; 0 means 1,024.
	MaxInFlight int

	Log      *slog.Logger // required
	Observer Observer     // may be nil
}

// Observer is told what a Client does, for metrics. Its methods may be called from any goroutine and must not block.
type Observer interface {
	// Called follows every call that was within its bounds: its operation, how long the caller waited, and the outcome.
	Called(op string, took time.Duration, err error)
	// Restarted follows every replacement of a worker that had been serving, with the reason.
	Restarted(reason error)
}

// Client is a device behind a worker process. It implements hsm.Backend.
type Client struct {
	cfg  Config
	log  *slog.Logger
	pool callPool
	stop context.CancelFunc
	done chan struct{} // closed when the supervisor has ended

	calls    atomic.Uint64
	retries  atomic.Uint64
	restarts atomic.Uint64
	waiting  atomic.Int64

	live atomic.Pointer[link] // same as now.link, for the fast path

	mu  sync.Mutex // guards now
	now situation
}

var _ hsm.Backend = (*Client)(nil)

// Start starts a worker and waits until it has opened its device. It returns a *StartError when the worker could not; then
// nothing stays behind. ctx bounds the start only: end the client with Close.
func Start(ctx context.Context, cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, &StartError{StartSettings, err.Error()}
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &Client{
		cfg: cfg, log: cfg.Log, stop: stop, done: make(chan struct{}),
		now: situation{state: StateStarting, changed: make(chan struct{})},
	}
	started := make(chan error, 1)
	go c.supervise(ctx, life, started)
	if err := <-started; err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// withDefaults checks cfg and fills what was left out.
func (cfg Config) withDefaults() (Config, error) {
	if cfg.CallTimeout == 0 {
		cfg.CallTimeout = 3 * time.Second
	}
	if cfg.StartTimeout == 0 {
		cfg.StartTimeout = 10 * time.Second
	}
	if cfg.MaxInFlight == 0 {
		cfg.MaxInFlight = 1024
	}
	switch {
	case cfg.Log == nil:
		return cfg, fmt.Errorf("a worker needs a log")
	case !goodPath(cfg.Program):
		return cfg, fmt.Errorf("the worker program must be an absolute path")
	case cfg.CallTimeout < 0 || cfg.StartTimeout < 0:
		return cfg, fmt.Errorf("a time limit is negative")
	case cfg.MaxInFlight < 1 || cfg.MaxInFlight > maxInFlight:
		return cfg, fmt.Errorf("calls in flight must be 1 to %d", maxInFlight)
	}
	var err error
	cfg.Settings, err = cfg.Settings.withDefaults()
	return cfg, err
}

// Close ends the worker, first by hanging up, and waits until it is gone. Calls on their way get hsm.ErrUnavailable.
func (c *Client) Close() error {
	c.stop()
	<-c.done
	return nil
}

// Stats is what a Client counts.
type Stats struct {
	State     State
	LastError string // why the worker is not serving, or why the last one ended
	WorkerPID int    // 0 while there is none
	InFlight  int    // calls sent and not yet answered
	Waiting   int    // calls that wait for a worker
	Calls     uint64 // calls ended, whatever the outcome
	Retries   uint64 // calls sent again after their worker went away
	Restarts  uint64 // workers replaced
}

// Stats gives the client's counters; it does not call the worker.
func (c *Client) Stats() Stats {
	now := c.situation()
	s := Stats{
		State: now.state, WorkerPID: now.pid, Waiting: int(c.waiting.Load()),
		Calls: c.calls.Load(), Retries: c.retries.Load(), Restarts: c.restarts.Load(),
	}
	if now.reason != nil {
		s.LastError = now.reason.Error()
	}
	if now.link != nil {
		s.InFlight = now.link.depth()
	}
	return s
}

// Generate asks the worker for a new backing key.
func (c *Client) Generate(ctx context.Context, r hsm.KeyRequest) ([]byte, error) {
	v, err := c.call(ctx, &request{op: opGenerate, fields: [maxFields][]byte{[]byte(r.KeyID), []byte(r.Spec), []byte(r.Purpose)}})
	return v[0], err
}

// Forget asks the worker to destroy what the device holds of a key. A worker that has been replaced holds nothing.
func (c *Client) Forget(ctx context.Context, token []byte) error {
	_, err := c.call(ctx, &request{op: opForget, fields: [maxFields][]byte{token}})
	return err
}

// Random asks the worker for n random bytes of the device.
func (c *Client) Random(ctx context.Context, n int) ([]byte, error) {
	if n < 1 || n > hsm.MaxRandom {
		return nil, fmt.Errorf("random: %d bytes, want 1 to %d", n, hsm.MaxRandom)
	}
	v, err := c.call(ctx, &request{op: opRandom, number: uint32(n)})
	if err == nil && len(v[0]) != n {
		return nil, fmt.Errorf("%w: %d random bytes, want %d", hsm.ErrUnavailable, len(v[0]), n)
	}
	return v[0], err
}

// Status asks the worker for the device's status.
func (c *Client) Status(ctx context.Context) (hsm.Status, error) {
	v, err := c.call(ctx, &request{op: opStatus})
	if err != nil {
		return hsm.Status{}, err
	}
	var s hsm.Status
	if err := json.Unmarshal(v[0], &s); err != nil {
		return hsm.Status{}, fmt.Errorf("%w: status: %w", hsm.ErrUnavailable, err)
	}
	s.WorkerPID, s.Restarts = c.situation().pid, c.restarts.Load()
	return s, nil
}

// Ping goes through the worker's queue and back without touching the device.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.call(ctx, &request{op: opPing})
	return err
}
