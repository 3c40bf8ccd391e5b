package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"
)

// row is a line of a table: medians over rounds.
type row struct {
	name     string
	rate     float64 // calls per second
	p50, p99 time.Duration
	cpu      time.Duration // per call
	ratio    float64       // of cpu to the echo server's; 0 if there is none
	errors   int
	problem  string // the first error
}

// summarise takes medians. echoes are the measurements of the echo server next to each sample; nil for none.
func summarise(name string, samples, echoes []sample) row {
	r := row{
		name: name,
		rate: median(samples, sample.rate),
		p50:  median(samples, func(s sample) time.Duration { return s.P50 }),
		p99:  median(samples, func(s sample) time.Duration { return s.P99 }),
		cpu:  median(samples, func(s sample) time.Duration { return s.cpu }),
	}
	for _, s := range samples {
		r.errors += s.Errors
		r.problem = cmp.Or(r.problem, s.FirstError)
	}
	if len(echoes) == len(samples) {
		ratios := make([]float64, len(samples))
		for i := range samples {
			ratios[i] = float64(samples[i].cpu) / float64(echoes[i].cpu)
		}
		r.ratio = median(ratios, func(f float64) float64 { return f })
	}
	return r
}

// median gives the middle one of what of gives for each element, the lower one of two. There is at least one element.
func median[E any, V cmp.Ordered](all []E, of func(E) V) V {
	values := make([]V, len(all))
	for i, e := range all {
		values[i] = of(e)
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// report prints.
type report struct {
	out    io.Writer
	failed int // calls that were not answered with 200
}

func (r *report) heading(text string) {
	fmt.Fprintf(r.out, "\n%s\n", text)
}

func (r *report) note(format string, args ...any) {
	fmt.Fprintf(r.out, "  %s\n", fmt.Sprintf(format, args...))
}

// table prints a table. The ratio comes last on its line.
func (r *report) table(rows []row) {
	fmt.Fprintf(r.out, "  %-24s %9s %10s %10s %12s %9s\n", "", "req/s", "p50", "p99", "CPU/req", "vs echo")
	for _, w := range rows {
		ratio := ""
		if w.ratio > 0 {
			ratio = fmt.Sprintf(" %8.1fx", w.ratio)
		}
		fmt.Fprintf(r.out, "  %-24s %9.0f %10s %10s %12s%s\n", w.name, w.rate, millis(w.p50), millis(w.p99), micros(w.cpu), ratio)
		r.check(w.name, w.errors, w.problem)
	}
}

// check complains about calls that failed.
func (r *report) check(name string, errors int, problem string) {
	if errors > 0 {
		r.failed += errors
		r.note("%s: %d calls FAILED, the first one: %s", name, errors, problem)
	}
}

// verdict is an error if any call failed.
func (r *report) verdict() error {
	if r.failed > 0 {
		return fmt.Errorf("%d calls failed", r.failed)
	}
	return nil
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.1f us", float64(d)/float64(time.Microsecond))
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
