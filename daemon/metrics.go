package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ostiary.dev/hsm"
)

// meters counts what the daemon does, for Prometheus. Labels are names of the models, of errors and of device
// operations, never a client's text.
type meters struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	device   *prometheus.HistogramVec
	restarts prometheus.Counter
	commits  prometheus.Histogram
	deleted  prometheus.Counter

	answered, called sync.Map // of seriesKey to series
}

// latencies are histogram buckets in seconds: device calls take some 10 us, a commit a fsync, a hung device seconds.
var latencies = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}

func newMeters() *meters {
	m := &meters{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ostiary_requests_total", Help: "API requests answered, by operation and outcome (ok or the error's code)."},
			[]string{"service", "operation", "outcome"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "ostiary_request_seconds", Help: "Time from the request's arrival to its answer.", Buckets: latencies},
			[]string{"service", "operation"}),
		device: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "ostiary_device_call_seconds", Help: "Time of calls to the device worker, as its callers waited.", Buckets: latencies},
			[]string{"call", "outcome"}),
		restarts: prometheus.NewCounter(prometheus.CounterOpts{Name: "ostiary_device_worker_restarts_total", Help: "Device workers replaced."}),
		commits:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "ostiary_commit_seconds", Help: "Time from the proposal of a change to its being in force.", Buckets: latencies}),
		deleted:  prometheus.NewCounter(prometheus.CounterOpts{Name: "ostiary_keys_deleted_total", Help: "Keys deleted because their waiting period was over."}),
	}
	m.registry.MustRegister(m.requests, m.latency, m.device, m.restarts, m.commits, m.deleted,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request counts an answered API request.
func (m *meters) Request(service, operation, outcome string, took time.Duration) {
	m.series(&m.answered, seriesKey{service, operation, outcome}, func(k seriesKey) series {
		return series{m.requests.WithLabelValues(k[0], k[1], k[2]), m.latency.WithLabelValues(k[0], k[1])}
	}).add(took)
}

// Called counts a call to the device worker.
func (m *meters) Called(call string, took time.Duration, err error) {
	m.series(&m.called, seriesKey{call, deviceOutcome(err)}, func(k seriesKey) series {
		return series{histogram: m.device.WithLabelValues(k[0], k[1])}
	}).add(took)
}

// seriesKey is the label values of a series, series what they stand for. The registry's own look-up by labels costs more
// than all of the counting, so it is done once.
type (
	seriesKey [3]string
	series    struct {
		counter   prometheus.Counter // may be nil
		histogram prometheus.Observer
	}
)

func (s series) add(took time.Duration) {
	if s.counter != nil {
		s.counter.Inc()
	}
	s.histogram.Observe(took.Seconds())
}

func (*meters) series(known *sync.Map, k seriesKey, find func(seriesKey) series) series {
	if s, ok := known.Load(k); ok {
		return s.(series)
	}
	s, _ := known.LoadOrStore(k, find(k))
	return s.(series)
}

// Restarted counts a device worker that was replaced.
func (m *meters) Restarted(error) { m.restarts.Inc() }

func deviceOutcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, hsm.ErrMessage):
		return "message"
	case errors.Is(err, hsm.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, hsm.ErrToken):
		return "token"
	}
	return "error"
}

// gauge exports a number that is read when it is asked for.
func (m *meters) gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// counter is gauge for a number that only grows.
func (m *meters) counter(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
}

// watch exports what the parts of a node count themselves.
func (m *meters) watch(n *node) {
	m.gauge("ostiary_device_queue_depth", "Calls sent to the device worker and not yet answered.", func() float64 { return float64(n.worker.Stats().InFlight) })
	m.gauge("ostiary_device_waiting", "Calls that wait for a device worker to be started.", func() float64 { return float64(n.worker.Stats().Waiting) })
	m.counter("ostiary_device_retries_total", "Calls sent again because their worker went away.", func() float64 { return float64(n.worker.Stats().Retries) })
	m.gauge("ostiary_device_handles", "Backing keys now held in the device's session.", func() float64 { return float64(n.deviceStatus().CachedHandles) })
	m.counter("ostiary_device_handle_hits_total", "Uses of a backing key that was in the device's session.", func() float64 { return float64(n.deviceStatus().HandleHits) })
	m.counter("ostiary_device_handle_misses_total", "Uses of a backing key that had to be unwrapped first.", func() float64 { return float64(n.deviceStatus().HandleMisses) })
	m.counter("ostiary_device_library_calls_total", "Calls into the device's library.", func() float64 { return float64(n.deviceStatus().DeviceCalls) })
	m.gauge("ostiary_raft_term", "Raft term.", func() float64 { return float64(n.raft.Stats().Term) })
	m.gauge("ostiary_raft_applied_index", "Log index up to which the state includes everything.", func() float64 { return float64(n.raft.Stats().AppliedIndex) })
	m.gauge("ostiary_raft_snapshot_index", "Log index of the last snapshot.", func() float64 { return float64(n.raft.Stats().SnapshotIndex) })
	m.gauge("ostiary_keys", "KMS keys in the state.", func() float64 { return float64(n.store.View().Counts().Keys) })
	m.gauge("ostiary_aliases", "Aliases in the state.", func() float64 { return float64(n.store.View().Counts().Aliases) })
}

// deviceStatus asks the worker, bounded so that a sick device does not hang a scrape.
func (n *node) deviceStatus() hsm.Status {
	ctx, cancel := context.WithTimeout(n.life, time.Second)
	defer cancel()
	s, err := n.worker.Status(ctx)
	if err != nil {
		return hsm.Status{}
	}
	return s
}

// handler serves /metrics, /healthz (the process answers) and /readyz (it can serve calls now, else why not).
func (m *meters) handler(ready func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context()); err != nil {
			http.Error(w, oneLine(err.Error()), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A name that is not loopback's is a web page's that had its own name resolve to this machine (DNS rebinding).
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !isLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "this address is for loopback only", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
