package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// job is what a load process is to do. All connections together go through Requests in order, again and again.
type job struct {
	Addr, CAFile string
	Identity     identity
	Requests     []request
	Connections  int
	WarmUp       time.Duration // before the measurement; at least one call per connection
	Length       time.Duration // of the measurement
	Count        int           // calls to end after, even if Length is not over; 0 for no limit
	First        int           // index in Requests of the first call
}

// result is what came of it.
type result struct {
	Calls      int // answered with 200
	Errors     int // anything else
	FirstError string
	Took       time.Duration
	P50, P99   time.Duration
	Next       int // index in Requests of the call that would have come next
}

// Limits of a load process.
const (
	signAgain  = 4 * time.Minute // requests are signed anew that often; servers accept 15 minutes
	errorLimit = 100             // errors after which a connection gives up
)

// generateLoad is the load process: it reads a job, connects and warms up, says "ready", waits for a line, works, and
// writes the result.
func generateLoad(ctx context.Context, in io.Reader, out io.Writer) error {
	orders := bufio.NewReader(in)
	var j job
	line, err := orders.ReadBytes('\n')
	if err != nil {
		return err
	}
	if err := json.Unmarshal(line, &j); err != nil {
		return err
	}
	l := &load{job: j}
	if l.tls, err = clientConfig(j.CAFile); err != nil {
		return err
	}
	l.sign(time.Now())
	l.workers = make([]worker, j.Connections)
	l.next.Store(int64(j.First))
	l.each(ctx, time.Now().Add(j.WarmUp), 0)
	if r := l.collect(0); r.Errors > 0 {
		return fmt.Errorf("warming up: %s", r.FirstError)
	}
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	if _, err := orders.ReadBytes('\n'); err != nil {
		return err
	}
	began := time.Now()
	l.each(ctx, began.Add(j.Length), l.next.Load()+int64(j.Count))
	r := l.collect(time.Since(began))
	r.Next = int(l.next.Load() % int64(len(j.Requests)))
	return json.NewEncoder(out).Encode(r)
}

type load struct {
	job
	tls     *tls.Config
	signed  atomic.Pointer[[][]byte] // the bytes of Requests
	age     time.Time                // of signed; the first worker's
	next    atomic.Int64             // index of the next request, before taking it modulo their number
	workers []worker
}

// worker drives one connection.
type worker struct {
	conn    *connection
	lasted  []time.Duration // of calls that were answered with 200
	errors  int
	problem error // the first
}

func (l *load) sign(now time.Time) {
	signed := make([][]byte, len(l.Requests))
	for i, r := range l.Requests {
		signed[i] = sign(r, l.Identity, l.Addr, now)
	}
	l.signed.Store(&signed)
	l.age = now
}

// each lets all workers work until the end or until request number stop (if there is a Count).
func (l *load) each(ctx context.Context, end time.Time, stop int64) {
	var wg sync.WaitGroup
	for i := range l.workers {
		wg.Go(func() {
			w := &l.workers[i]
			for first := true; first || ctx.Err() == nil && w.errors < errorLimit; first = false {
				now := time.Now()
				n := l.next.Add(1) - 1
				if !first && now.After(end) || stop > 0 && l.Count > 0 && n >= stop {
					return
				}
				if i == 0 && now.Sub(l.age) > signAgain {
					l.sign(now)
				}
				signed := *l.signed.Load()
				w.call(ctx, l, signed[n%int64(len(signed))])
			}
		})
	}
	wg.Wait()
}

// call makes one call, on a new connection if need be.
func (w *worker) call(ctx context.Context, l *load, raw []byte) {
	began := time.Now()
	err := w.try(ctx, l, raw)
	if err == nil {
		w.lasted = append(w.lasted, time.Since(began))
		return
	}
	w.errors++
	if w.problem == nil {
		w.problem = err
	}
}

func (w *worker) try(ctx context.Context, l *load, raw []byte) (err error) {
	if w.conn == nil {
		if w.conn, err = dial(ctx, l.Addr, l.tls); err != nil {
			return err
		}
		// One deadline for the whole life of the connection is enough to end it should the server hang.
		if err := w.conn.conn.SetDeadline(time.Now().Add(l.WarmUp + l.Length + callTimeout)); err != nil {
			return err
		}
	}
	_, err = w.conn.call(raw, false)
	var status *statusError
	if w.conn.last || err != nil && !errors.As(err, &status) {
		err = errors.Join(err, w.conn.close())
		w.conn = nil
	}
	return err
}

// collect sums up and forgets what the workers did.
func (l *load) collect(took time.Duration) result {
	r := result{Took: took}
	var all []time.Duration
	for i := range l.workers {
		w := &l.workers[i]
		all = append(all, w.lasted...)
		r.Errors += w.errors
		if r.FirstError == "" && w.problem != nil {
			r.FirstError = w.problem.Error()
		}
		w.lasted, w.errors, w.problem = w.lasted[:0], 0, nil
	}
	r.Calls = len(all)
	if len(all) > 0 {
		slices.Sort(all)
		r.P50, r.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return r
}
