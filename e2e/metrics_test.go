package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// get reads a page of the metrics' port.
func (s *server) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.metrics+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return out.StatusCode, string(text)
}

// metric gives the value of a metric with its labels, or -1.
func (s *server) metric(t *testing.T, name string) float64 {
	t.Helper()
	_, text := s.get(t, "/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			var v float64
			if _, err := fmt.Sscan(value, &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	return -1
}

// TestMetrics: calls are counted by operation and outcome, and what operators watch has a name.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.kms()
	key := newKey(t, c)
	decrypts(t, c, encrypt(t, c, *key.KeyId, "text"), "text")
	client := s.http()
	s.send(t, client, jsonCall("DescribeKey", `{"KeyId":"x"}`))
	s.send(t, client, jsonCall("Client'sText", `{}`))
	for name, want := range map[string]float64{
		`ostiary_requests_total{operation="CreateKey",outcome="ok",service="kms"}`:                      1,
		`ostiary_requests_total{operation="Encrypt",outcome="ok",service="kms"}`:                        1,
		`ostiary_requests_total{operation="DescribeKey",outcome="NotFoundException",service="kms"}`:     1,
		`ostiary_requests_total{operation="unknown",outcome="UnknownOperationException",service="kms"}`: 1,
		`ostiary_request_seconds_count{operation="Decrypt",service="kms"}`:                              1,
		`ostiary_keys`: 1, `ostiary_aliases`: 0, `ostiary_device_worker_restarts_total`: 0, `ostiary_keys_deleted_total`: 0,
		`ostiary_device_queue_depth`: 0, `ostiary_device_waiting`: 0,
	} {
		if got := s.metric(t, name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	_, text := s.get(t, "/metrics")
	for _, name := range []string{"ostiary_device_call_seconds_bucket", "ostiary_device_handles", "ostiary_device_handle_hits_total", "ostiary_device_handle_misses_total",
		"ostiary_device_library_calls_total", "ostiary_device_retries_total", "ostiary_commit_seconds_count", "ostiary_raft_term", "ostiary_raft_applied_index",
		"ostiary_raft_snapshot_index", "process_cpu_seconds_total", "process_resident_memory_bytes", "go_goroutines"} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("no metric %s", name)
		}
	}
	if strings.Contains(text, "Client'sText") || strings.Contains(text, *key.KeyId) {
		t.Error("a label has a client's text")
	}
}

// TestHealth: /healthz says that the process answers, /readyz whether it can serve calls now, and why not.
func TestHealth(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := s.get(t, path); status != http.StatusOK || body != "ok\n" {
			t.Errorf("%s = %d %q", path, status, body)
		}
	}
	if status, _ := s.get(t, "/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("/debug/pprof/ = %d", status)
	}
	// Without its PIN the worker does not come back.
	pin := filepath.Join(s.dir, "pin")
	if err := os.Rename(pin, pin+".away"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.worker(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait(t, "/readyz to fail", func() bool {
		status, body := s.get(t, "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "worker") && strings.Count(body, "\n") == 1
	})
	if status, _ := s.get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz = %d", status)
	}
	a := s.send(t, s.http(), jsonCall("GenerateRandom", `{"NumberOfBytes":8}`))
	a.check(t, wireError{http.StatusServiceUnavailable, inJSON, "DependencyTimeoutException", "*"})
	if a := s.send(t, s.http(), jsonCall("ListKeys", `{}`)); a.status != http.StatusOK {
		t.Errorf("ListKeys, which needs no device: %d %s", a.status, a.body)
	}
	if err := os.Rename(pin+".away", pin); err != nil {
		t.Fatal(err)
	}
	wait(t, "/readyz to succeed", func() bool { status, _ := s.get(t, "/readyz"); return status == http.StatusOK })
	encrypt(t, s.kms(), *newKey(t, s.kms()).KeyId, "text")
	if n := s.metric(t, "ostiary_device_worker_restarts_total"); n < 1 {
		t.Errorf("%v restarts were counted", n)
	}
}

// TestReadyWhileStopped: a worker that hangs while nobody calls is found all the same, and /readyz says so until it is replaced.
func TestReadyWhileStopped(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	pid := s.worker()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	seen := false
	wait(t, "the stopped worker to be replaced", func() bool {
		status, _ := s.get(t, "/readyz")
		seen = seen || status == http.StatusServiceUnavailable
		return !alive(pid) && status == http.StatusOK
	})
	if !seen {
		t.Error("/readyz never failed")
	}
}
