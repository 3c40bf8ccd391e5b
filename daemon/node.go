package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"ostiary.dev/api"
	"ostiary.dev/audit"
	"ostiary.dev/cluster"
	"ostiary.dev/hsm/worker"
	"ostiary.dev/kms"
	"ostiary.dev/sealing"
	"ostiary.dev/state"
	"ostiary.dev/sts"
)

// node is a running daemon: its parts in the order in which they were started.
type node struct {
	life    context.Context // ends when the node stops
	log     *slog.Logger
	now     func() time.Time
	routine routine
	meters  *meters
	audit   *audit.Log
	worker  *worker.Client
	store   *state.Store
	raft    *cluster.Node
	kms     *kms.Service
	certs   *certificates
	purge   *purge
	api     *http.Server
	metrics *http.Server
}

// close ends the parts that were started. The cluster node comes first, so that nothing changes any more, and the audit log
// last.
func (n *node) close(ctx context.Context) error {
	var err error
	if n.raft != nil {
		err = errors.Join(err, n.raft.Close(ctx))
	}
	if n.worker != nil {
		err = errors.Join(err, n.worker.Close())
	}
	if n.audit != nil {
		err = errors.Join(err, n.audit.Close())
	}
	return err
}

// ready says why the node cannot serve calls now.
func (n *node) ready(ctx context.Context) error {
	if _, err := n.raft.Read(ctx); err != nil {
		return err
	}
	if s := n.worker.Stats(); s.State != worker.StateServing {
		return fmt.Errorf("device worker is %s: %s", s.State, s.LastError)
	}
	// A worker that hangs counts as serving until its time is over; readiness knows earlier.
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	if err := n.worker.Ping(ctx); err != nil {
		return fmt.Errorf("device worker does not answer: %w", err)
	}
	return n.audit.Err()
}

// pingTime is how soon the device worker must answer for the node to be ready.
const pingTime = time.Second

// Bounds of a connection. AWS clients keep connections for some minutes.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 30 * time.Second
	answerTimeout = 60 * time.Second
	idleTimeout   = 5 * time.Minute
	maxHeader     = 64 << 10
)

// makeServers makes the HTTPS server of the API and that of the metrics.
func (n *node) makeServers(box *sealing.Box) {
	n.api = &http.Server{
		Handler: api.New(api.Config{
			Guard: guard{n.raft}, Box: box, KMS: n.kms, STS: sts.New(), Audit: n.audit, Observer: n.meters,
			Now: n.now, Rand: rand.Reader, Log: n.log,
		}),
		TLSConfig:         n.certs.config(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// OPTIONS * is a request like any other: it is answered by the pipeline, and recorded.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
	n.metrics = &http.Server{
		Handler:           n.meters.handler(n.ready),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      answerTimeout,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
}

// run serves until ctx ends or a part fails for good, then lets the calls on their way finish. started is called once
// both listeners accept.
func (n *node) run(ctx context.Context, apiListener, metricsListener net.Listener, started func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	serve := func(s *http.Server, l net.Listener, tls bool) func() error {
		return func() error {
			var err error
			if tls {
				err = s.ServeTLS(l, "", "")
			} else {
				err = s.Serve(l)
			}
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			return err
		}
	}
	g.Go(serve(n.api, apiListener, true))
	g.Go(serve(n.metrics, metricsListener, false))
	g.Go(func() error { return n.maintain(ctx) })
	g.Go(func() error {
		<-ctx.Done()
		return n.stop(context.WithoutCancel(ctx))
	})
	g.Go(func() error {
		select {
		case <-n.raft.Done():
			return fmt.Errorf("the cluster node has halted: %w", n.raft.Err())
		case <-ctx.Done():
			return nil
		}
	})
	g.Go(func() error { return started(ctx) })
	return g.Wait()
}

// stop lets the calls on their way finish, and hangs up on what is there when their time is over, such as a client that
// never finishes its request.
func (n *node) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.routine.shutdown)
	defer cancel()
	var err error
	for _, s := range []*http.Server{n.api, n.metrics} {
		ended := s.Shutdown(ctx)
		if errors.Is(ended, context.DeadlineExceeded) {
			n.log.Warn("calls did not finish in time and were cut off")
			ended = s.Close()
		}
		err = errors.Join(err, ended)
	}
	return err
}
