package main

import (
	"context"
	"fmt"
	"time"
)

// memory is what is resident, in bytes.
type memory struct{ daemon, worker int64 }

// weigh looks at the memory of daemon and worker when they have come to rest.
func (b *bench) weigh(ctx context.Context) (memory, error) {
	select {
	case <-ctx.Done():
		return memory{}, context.Cause(ctx)
	case <-time.After(rest):
	}
	m, err := b.daemon.memory()
	if err == nil {
		b.report.note("resident memory: daemon %s, worker %s", mib(m.daemon), mib(m.worker))
	}
	return m, err
}

// start looks at a daemon that just started on an empty folder.
func (b *bench) start(ctx context.Context) (err error) {
	b.report.heading("Empty")
	b.report.note("ready %v after the first start", b.daemon.ready.Round(time.Millisecond))
	b.empty, err = b.weigh(ctx)
	return err
}

// manyKeys makes keys until there are as many as planned.
func (b *bench) manyKeys(ctx context.Context) error {
	existing, err := b.daemon.keys(ctx)
	if err != nil {
		return err
	}
	b.report.heading(fmt.Sprintf("%d keys", b.plan.keys))
	if missing := b.plan.keys - len(existing); missing > 0 {
		s, err := b.daemon.drive(ctx, job{Requests: []request{createKey()}, Connections: filled, Length: fill, Count: missing})
		if err != nil {
			return err
		}
		b.report.note("%d keys made in %v over %d connections: %.0f/s, %s of CPU time each",
			s.Calls, s.Took.Round(time.Millisecond), filled, s.rate(), micros(s.cpu))
		b.report.check("CreateKey", s.Errors, s.FirstError)
	}
	if b.keys, err = b.daemon.keys(ctx); err != nil {
		return err
	}
	_, err = b.weigh(ctx)
	return err
}

// restart stops the daemon in order and starts it again on all its keys.
func (b *bench) restart(ctx context.Context) error {
	old := b.daemon
	b.daemon = nil
	began := time.Now()
	if err := old.stop(); err != nil {
		return fmt.Errorf("ostiary did not stop in order: %w", err)
	}
	b.report.note("stopped in %v", time.Since(began).Round(time.Millisecond))
	var err error
	if b.daemon, err = startOstiary(ctx, b.plan, b.dir); err != nil {
		return err
	}
	b.report.note("ready %v after a clean stop, with %d keys", b.daemon.ready.Round(time.Millisecond), len(b.keys))
	if b.full, err = b.weigh(ctx); err == nil {
		b.report.note("daemon: %d bytes per key", (b.full.daemon-b.empty.daemon)/int64(len(b.keys)))
	}
	return err
}

// hotSet measures over keys that all fit into the handle cache, and over more than fit, so that each call misses.
func (b *bench) hotSet(ctx context.Context) error {
	handles := b.plan.handles()
	hot := encrypts(b.keys[:min(len(b.keys), max(1, handles*9/10))])
	s, err := b.daemon.drive(ctx, job{Requests: hot, Connections: usual, Length: fill, Count: len(hot)})
	if err != nil {
		return err
	}
	b.report.heading("Handle cache")
	b.report.note("%d handles loaded in %v", len(hot), s.Took.Round(time.Millisecond))
	b.report.check("Encrypt", s.Errors, s.FirstError)
	loaded, err := b.weigh(ctx)
	if err != nil {
		return err
	}
	b.report.note("worker: %d bytes per handle", (loaded.worker-b.full.worker)/int64(len(hot)))

	some := encrypts(b.keys[:min(len(b.keys), 2*handles)])
	rows, err := b.compare(ctx, fmt.Sprintf("%d keys exist, %d handles", len(b.keys), handles), usual, []subject{
		{"Encrypt, 1 key", hot[:1]},
		{fmt.Sprintf("Encrypt, %d keys", len(hot)), hot},
	})
	if err != nil {
		return err
	}
	missed, err := b.compare(ctx, "Every call misses the handle cache", usual, []subject{
		{fmt.Sprintf("Encrypt, %d keys", len(some)), some},
	})
	if err != nil {
		return err
	}
	b.report.note("a miss costs %s of CPU time", micros(missed[0].cpu-rows[1].cpu))
	return nil
}
