package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// levels are the numbers of connections that operations are measured at; usual is the one for everything else.
var levels = []int{1, 16, 64}

const (
	usual  = 16
	filled = 64               // connections that make keys
	warm   = time.Second / 4  // before each measurement
	rest   = time.Second      // before memory is looked at
	fill   = 10 * time.Minute // for making keys
)

// bench is a run: the echo server, the daemon, and where results go.
type bench struct {
	plan   plan
	dir    string // the daemon's data
	echo   *target
	daemon *ostiary
	report *report

	keys  []string // ids of all keys, once they were made
	empty memory   // of a daemon without keys
	full  memory   // of a daemon that just started on all keys
}

// measureAll runs everything and prints it to out.
func measureAll(ctx context.Context, p plan, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "ostiary-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{plan: p, dir: dir + "/data", report: &report{out: out}}
	if b.echo, err = startEcho(ctx, dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.echo.stop()) }()
	if b.daemon, err = startOstiary(ctx, p, b.dir); err != nil {
		return err
	}
	defer func() {
		if b.daemon != nil {
			err = errors.Join(err, b.daemon.stop())
		}
	}()
	sections := []func(context.Context) error{b.start, b.oneKey, b.operations, b.manyKeys, b.restart, b.hotSet}
	if p.profile != "" {
		sections = sections[:3] // a restart would begin the profile anew
	}
	for _, section := range sections {
		if err := section(ctx); err != nil {
			return orEnd(ctx, err)
		}
	}
	return b.report.verdict()
}

// subject is one line of a table.
type subject struct {
	name     string
	requests []request
}

// compare measures subjects in rounds, each right after the echo server, and prints a table of medians.
func (b *bench) compare(ctx context.Context, title string, connections int, subjects []subject) ([]row, error) {
	plural := "s"
	if connections == 1 {
		plural = ""
	}
	b.report.heading(fmt.Sprintf("%s, %d connection%s", title, connections, plural))
	echoes, samples := make([][]sample, len(subjects)), make([][]sample, len(subjects))
	next := make([]int, len(subjects)) // rounds go on where the one before ended, so that a cycle of keys stays one
	for range b.plan.rounds {
		for i, s := range subjects {
			plain, err := b.echo.drive(ctx, b.job(connections, []request{echoed()}))
			if err != nil {
				return nil, err
			}
			j := b.job(connections, s.requests)
			j.First = next[i]
			own, err := b.daemon.drive(ctx, j)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			next[i] = own.Next
			echoes[i], samples[i] = append(echoes[i], plain), append(samples[i], own)
		}
	}
	plain := summarise("echo", slices.Concat(echoes...), nil)
	rows := make([]row, len(subjects))
	for i, s := range subjects {
		rows[i] = summarise(s.name, samples[i], echoes[i])
	}
	b.report.table(append([]row{plain}, rows...))
	return rows, nil
}

func (b *bench) job(connections int, requests []request) job {
	return job{Requests: requests, Connections: connections, WarmUp: warm, Length: b.plan.length}
}

// oneKey measures while there is a single key.
func (b *bench) oneKey(ctx context.Context) error {
	key, err := b.daemon.createKey(ctx)
	if err != nil {
		return err
	}
	_, err = b.compare(ctx, "One key exists", usual, []subject{{"Encrypt", []request{encrypt(key)}}})
	return err
}

// operations measures every operation at every level.
func (b *bench) operations(ctx context.Context) error {
	keys, err := b.daemon.keys(ctx)
	if err != nil {
		return err
	}
	key := keys[0]
	other, err := b.daemon.createKey(ctx)
	if err != nil {
		return err
	}
	sealed, err := b.daemon.seal(ctx, key)
	if err != nil {
		return err
	}
	subjects := []subject{
		{"Encrypt", []request{encrypt(key)}},
		{"Decrypt", []request{decrypt(sealed)}},
		{"GenerateDataKey", []request{generateDataKey(key)}},
		{"ReEncrypt", []request{reEncrypt(sealed, other)}},
		{"GenerateRandom", []request{generateRandom()}},
		{"DescribeKey", []request{describeKey(key)}},
		{"CreateKey", []request{createKey()}},
		{"GetCallerIdentity", []request{getCallerIdentity()}},
	}
	for _, connections := range levels {
		if _, err := b.compare(ctx, "Operations", connections, subjects); err != nil {
			return err
		}
	}
	return nil
}
