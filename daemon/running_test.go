package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	home    = "us-east-1"    // the region of a running daemon, unless a test says otherwise
	account = "111122223333" // its account

	startTime = 20 * time.Second // how long a start may take on a busy machine
	soon      = 10 * time.Second // how long anything else may
)

// hurried is a routine that tests need not wait for.
var hurried = routine{every: 20 * time.Millisecond, purgeWithin: 100 * time.Millisecond, shutdown: 5 * time.Second}

// clock is a wall clock that tests move, for the daemon and its clients.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// set moves the clock to some time after, or before, that of the test.
func (c *clock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

const day = 24 * time.Hour

// running is a daemon within the test's process. A test may stop it, change its config and start it again.
type running struct {
	*testing.T
	config DevConfig
	clock  clock

	stopNow context.CancelFunc // nil unless it runs
	ended   chan error
	banner  string
	env     map[string]string
	log     lockedBuffer
}

// newRunning starts a daemon on a new folder. It is stopped at the test's end, and must then end well.
func newRunning(t *testing.T, r routine) *running {
	t.Helper()
	d := &running{T: t}
	d.config = DevConfig{
		Dir: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0", Metrics: "127.0.0.1:0", Account: account, Regions: []string{home},
		Worker: workerPath, Log: slog.New(slog.NewTextHandler(&d.log, nil)), Now: d.clock.now, routine: r,
	}
	t.Cleanup(func() {
		if d.stopNow != nil {
			d.stop()
		}
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", d.log.String())
		}
	})
	d.start()
	return d
}

// start runs the daemon and waits for its banner.
func (d *running) start() {
	d.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(d.Context()))
	banner := make(bannerWriter, 1)
	config := d.config
	config.Out = banner
	d.stopNow, d.ended = stop, make(chan error, 1)
	go func() { d.ended <- Dev(ctx, config) }()
	select {
	case d.banner = <-banner:
	case err := <-d.ended:
		d.stopNow = nil
		d.Fatalf("the daemon ended before its banner: %v", err)
	case <-time.After(startTime):
		d.Fatal("no banner in time")
	}
	d.readEnv()
}

// stop does what Ctrl-C does, and demands that the daemon ends well and soon.
func (d *running) stop() {
	d.Helper()
	d.stopNow()
	d.stopNow = nil
	select {
	case err := <-d.ended:
		if err != nil {
			d.Errorf("the daemon ended with %v", err)
		}
	case <-time.After(2 * d.config.routine.shutdown):
		d.Fatal("the daemon did not end in time")
	}
}

func (d *running) restart() {
	d.Helper()
	d.stop()
	d.start()
}

func (d *running) file(name string) string { return filepath.Join(d.config.Dir, name) }

func (d *running) readEnv() {
	d.Helper()
	text := d.read(envFile)
	d.env = map[string]string{}
	for line := range strings.Lines(string(text)) {
		if assignment, ok := strings.CutPrefix(line, "export "); ok {
			name, value, _ := strings.Cut(strings.TrimSpace(assignment), "=")
			d.env[name] = strings.Trim(value, "'")
		}
	}
}

// read gives the content of a file of the data folder.
func (d *running) read(name string) []byte {
	d.Helper()
	text, err := os.ReadFile(d.file(name))
	if err != nil {
		d.Fatal(err)
	}
	return text
}

// get reads a page of the metrics' port.
func (d *running) get(path string) (status int, body string) {
	d.Helper()
	_, rest, _ := strings.Cut(d.banner, "metrics at ")
	base, _, _ := strings.Cut(rest, "/metrics")
	r, err := http.NewRequestWithContext(d.Context(), http.MethodGet, base+path, nil)
	if err != nil {
		d.Fatal(err)
	}
	r.Close = true
	out, err := http.DefaultClient.Do(r)
	if err != nil {
		d.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		d.Fatal(err)
	}
	return out.StatusCode, string(text)
}

// metric gives the value of a metric without labels, which must be there.
func (d *running) metric(name string) (v float64) {
	d.Helper()
	_, text := d.get("/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			if _, err := fmt.Sscan(value, &v); err != nil {
				d.Fatal(err)
			}
			return v
		}
	}
	d.Fatalf("no metric %s", name)
	return 0
}

// eventually waits until something is so.
func (d *running) eventually(what string, so func() bool) {
	d.Helper()
	for end := time.Now().Add(soon); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			d.Fatalf("not in time: %s", what)
		}
	}
}

// bannerWriter takes the banner, which the daemon writes at one stroke.
type bannerWriter chan string

func (w bannerWriter) Write(b []byte) (int, error) {
	w <- string(b)
	return len(b), nil
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
