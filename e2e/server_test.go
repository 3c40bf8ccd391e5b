package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startTime = 20 * time.Second // how long a start may take on a machine that is busy with other tests
	stopTime  = 10 * time.Second // how long a stop may take
)

// server is `ostiary dev` on one data folder, running or not.
type server struct {
	t    testing.TB
	dir  string   // data folder
	args []string // besides --data, --listen and --metrics
	env  map[string]string

	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process is gone and its output read
	err     error         // of Wait, once exited is closed
	banner  string
	metrics string // http://host:port
	stderr  output
	stopped bool // the test has ended this run itself
}

// newServer starts a server on a fresh folder. It is stopped at the test's end by Ctrl-C, and must then exit well.
func newServer(t testing.TB, args ...string) *server {
	t.Helper()
	s := &server{t: t, dir: filepath.Join(t.TempDir(), "data"), args: args}
	t.Cleanup(s.end)
	s.start()
	return s
}

// command is `ostiary dev` with free ports. The process leads a group of its own, so that no signal of the test's
// terminal reaches it.
func (s *server) command() *exec.Cmd {
	cmd := exec.Command(ostiary(), append([]string{"dev", "--data", s.dir, "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"}, s.args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// start starts the process and waits until it has printed its banner.
func (s *server) start() {
	s.t.Helper()
	if err := s.startCommand(s.command()); err != nil {
		s.t.Fatalf("the server did not start: %v\n%s", err, s.stderr.String())
	}
}

func (s *server) startCommand(cmd *exec.Cmd) error {
	s.cmd, s.exited, s.stopped, s.banner = cmd, make(chan struct{}), false, ""
	cmd.Stderr = &s.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		s.stopped = true
		return err
	}
	ready := make(chan string, 1)
	go func(exited chan struct{}) {
		readBanner(out, ready)
		s.err = cmd.Wait()
		close(exited)
	}(s.exited)
	select {
	case s.banner = <-ready:
		return s.configure()
	case <-s.exited:
		s.stopped = true
		return errors.Join(errors.New("it ended before its banner"), s.err)
	case <-time.After(startTime):
		return errors.New("no banner in time")
	}
}

// readBanner hands over the banner once it is whole and then reads to the end.
func readBanner(out io.Reader, ready chan<- string) {
	var banner strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		banner.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "Ctrl-C stops it") {
			ready <- banner.String()
		}
	}
}

// configure reads what clients need: the env file, and where the metrics are from the banner.
func (s *server) configure() error {
	text, err := os.ReadFile(filepath.Join(s.dir, "env"))
	if err != nil {
		return err
	}
	s.env = make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok && strings.HasPrefix(line, "export ") {
			s.env[name] = strings.Trim(value, "'")
		}
	}
	_, rest, _ := strings.Cut(s.banner, "metrics at ")
	s.metrics, _, _ = strings.Cut(rest, "/metrics")
	if s.env["AWS_ENDPOINT_URL"] == "" || s.metrics == "" {
		return errors.New("no endpoint in the env file or no metrics in the banner")
	}
	return nil
}

// stop asks the server to end, as Ctrl-C does, and demands that it does so well and soon.
func (s *server) stop() { s.t.Helper(); s.signal(syscall.SIGINT) }

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	s.stopped = true
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Errorf("%v: %v", sig, err)
	}
	select {
	case <-s.exited:
		if s.err != nil {
			s.t.Errorf("after %v the server ended with %v\n%s", sig, s.err, s.stderr.String())
		}
	case <-time.After(stopTime):
		s.t.Errorf("after %v the server did not end in %v", sig, stopTime)
		s.kill()
	}
}

// kill ends the server as a crash does.
func (s *server) kill() {
	s.stopped = true
	_ = s.cmd.Process.Kill() // it may have ended already
	<-s.exited
}

// end is the test's end.
func (s *server) end() {
	if s.cmd != nil && !s.stopped {
		s.stop()
	}
	log := s.stderr.String()
	if s.t.Failed() && log != "" {
		s.t.Logf("the server's log:\n%s", tail(log, 4000))
	}
	if strings.Contains(log, "panicked") || strings.Contains(log, "DATA RACE") {
		s.t.Errorf("the server panicked:\n%s", tail(log, 8000))
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// output collects what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
