// Ostiary-hsm is the device worker: the only process that loads the PKCS#11 library, reads the user PIN and holds key handles.
//
// The daemon starts it with one end of a socket pair as descriptor 3 and speaks the protocol of package hsm/worker; as
// `ostiary-hsm init` it makes a token and its domain key instead. It is hardened before anything else (harden.c, harden.go):
// no core dumps, no tracing, no new privileges, no inherited descriptors, and memory that is never swapped out where the
// limits allow it. It ends when the daemon hangs up or dies.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/worker"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

const byHand = `ostiary-hsm is the device worker of ostiary, which starts it with one end of a socket as descriptor 3.
It is not for use by hand: run "ostiary dev", which finds it beside its own program or in PATH.`

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if !isSocket(worker.SocketFD) || !(len(args) == 0 || slices.Equal(args, []string{worker.InitWord})) {
		fmt.Fprintln(os.Stderr, byHand)
		return exitUsage
	}
	level := new(slog.LevelVar)
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	if err := closeInherited(); err != nil {
		log.Error("inherited descriptors cannot be closed", "error", err)
		return exitFailure
	}
	// The daemon ends us by hanging up, or kills us. What a terminal or a service manager sends to the whole group is for it.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := hardened(); err != nil {
		log.Error("the device worker cannot harden itself", "error", err)
		return exitFailure
	}
	syscall.Umask(0o077) // the library may write files of its own
	p := program{log: log, level: level}
	conn := os.NewFile(worker.SocketFD, "daemon")
	ctx := context.Background()
	var err error
	if len(args) == 0 {
		err = worker.Serve(ctx, conn, p.open)
	} else {
		err = worker.ServeInit(ctx, conn, p.makeToken)
	}
	if errors.Is(err, worker.ErrRetired) {
		log.Info("the device worker ends", "reason", err)
		return worker.RetiredStatus
	}
	if err != nil {
		log.Debug("the device worker ends", "error", err) // the daemon was told, or is gone
		return exitFailure
	}
	return 0
}

// program is what the functions of the worker share.
type program struct {
	log   *slog.Logger
	level *slog.LevelVar
}

// Go's collector trades memory for CPU. The live heap is small, some 2 KiB per handle, so that collecting at three times its size
// costs little memory, and the floor keeps an idle worker small.
const gcPercent = 200

// open prepares the process for the settings and opens the device.
func (p *program) open(_ context.Context, s worker.Settings) (hsm.Backend, error) {
	p.level.Set(s.LogLevel)
	debug.SetGCPercent(gcPercent)
	// Calls wait in the device, not for a processor: more than the sessions need would only cost memory.
	runtime.GOMAXPROCS(min(runtime.NumCPU(), s.Sessions+2))
	if err := lockMemory(); err != nil {
		p.log.Warn("the memory of the device worker is not locked and could be swapped out", "reason", err)
	}
	return openDevice(s, p.log)
}
