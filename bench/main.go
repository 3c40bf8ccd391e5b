// Command bench measures what Ostiary costs, beside a bare TLS echo server on the same machine in the same minutes.
//
// It starts the echo server and `ostiary dev`, each in its own process, and drives them in turn from a third process over
// TLS 1.3 keep-alive connections with requests that were signed in advance. CPU time is that of all of a server's
// processes (the daemon and its device worker) from the kernel's scheduler, to the nanosecond, so that what the load
// generator uses does not count. A machine that is shared is noisy: each measurement of the daemon stands beside one of the
// echo server a second before, and medians of several rounds are printed. Lines of operations end in the ratio to the
// echo server's CPU time per request, such as 2.1x.
//
// What it starts, it ends; its data lies in a temporary folder.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// Roles that this program plays in processes of its own, by their first argument.
const (
	echoRole = "echo"
	loadRole = "load"
)

func run(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == echoRole {
		return serveEcho(ctx, os.Stdout)
	}
	if len(args) == 1 && args[0] == loadRole {
		return generateLoad(ctx, os.Stdin, os.Stdout)
	}
	p := thorough()
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	short := flags.Bool("quick", false, "take about a minute: one round, and 2,000 keys instead of 100,000")
	keys := flags.Int("keys", 0, "keys that exist in the end (0: as many as the kind of run has)")
	flags.StringVar(&p.profile, "profile", "", "measure only the operations, and have the daemon write a CPU profile to this file")
	flags.StringVar(&p.daemon, "ostiary", "bin/ostiary", "the program to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *short {
		p.hurry()
	}
	if *keys > 0 {
		p.keys = *keys
	}
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	return measureAll(ctx, p, os.Stdout)
}

// plan is how much is measured, and of what.
type plan struct {
	daemon  string        // path of the program
	profile string        // file for the daemon's CPU profile; "" for none
	keys    int           // keys that exist in the end
	rounds  int           // of which medians are taken
	length  time.Duration // of one measurement
	limit   time.Duration // for everything
}

func thorough() plan {
	return plan{keys: 100_000, rounds: 3, length: 1200 * time.Millisecond, limit: 20 * time.Minute}
}

func (p *plan) hurry() {
	p.keys, p.rounds, p.length, p.limit = 2000, 1, 500*time.Millisecond, 3*time.Minute
}

// handles is how many keys the daemon is told to hold ready in its device: its default if there are enough keys to show
// what a miss costs, else half of them.
func (p *plan) handles() int { return max(1, min(10_000, p.keys/2)) }
