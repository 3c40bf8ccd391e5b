package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// target is a server to be measured.
type target struct {
	*process
	name   string
	addr   string // host:port
	caFile string
	identity
}

// sample is one measurement.
type sample struct {
	result
	cpu time.Duration // of all processes of the server, per call
}

func (s sample) rate() float64 { return float64(s.Calls) / s.Took.Seconds() }

// drive runs a job against the server from a process of its own.
func (t *target) drive(ctx context.Context, j job) (s sample, err error) {
	j.Addr, j.CAFile, j.Identity = t.addr, t.caFile, t.identity
	order, err := json.Marshal(j)
	if err != nil {
		return s, err
	}
	in, orders, err := os.Pipe()
	if err != nil {
		return s, err
	}
	defer orders.Close()
	ctx, cancel := context.WithTimeout(ctx, j.WarmUp+j.Length+2*callTimeout)
	defer cancel()
	p, out, err := startSelf(ctx, loadRole, in)
	err = errors.Join(err, in.Close())
	if err != nil {
		return s, err
	}
	defer func() {
		err = errors.Join(err, p.stop())
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(p.stderr.Bytes()))
		}
	}()
	if _, err := orders.Write(append(order, '\n')); err != nil {
		return s, err
	}
	if line, err := out.ReadString('\n'); err != nil || line != "ready\n" {
		return s, fmt.Errorf("load on %s did not get ready: %w", t.name, orEnd(ctx, err))
	}
	before, err := cpuTime(t.pid())
	if err != nil {
		return s, err
	}
	if _, err := io.WriteString(orders, "go\n"); err != nil {
		return s, err
	}
	line, err := out.ReadBytes('\n')
	if err != nil {
		return s, fmt.Errorf("load on %s: %w", t.name, orEnd(ctx, err))
	}
	after, err := cpuTime(t.pid())
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(line, &s.result); err != nil {
		return s, err
	}
	if s.Calls == 0 {
		return s, fmt.Errorf("load on %s: no call succeeded: %s", t.name, s.FirstError)
	}
	s.cpu = (after - before) / time.Duration(s.Calls+s.Errors)
	return s, nil
}

// orEnd prefers the reason why ctx ended, if it did.
func orEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
