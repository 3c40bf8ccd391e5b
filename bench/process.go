package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stopTime is how long a process may take to end after SIGTERM before it is killed.
const stopTime = 15 * time.Second

// process is a child that ends no later than this program does.
type process struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	stderr bytes.Buffer // of startSelf's processes; to be read after stop
}

// command prepares a program, which is told to stop when ctx ends.
func command(ctx context.Context, path string, args ...string) *process {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTime
	cmd.Stderr = os.Stderr
	// A group of its own, so that Ctrl-C reaches only this program, which then stops its children in order. Should it be
	// killed, the kernel ends them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return &process{cmd: cmd, cancel: cancel}
}

func (p *process) start() error {
	err := p.cmd.Start()
	if err != nil {
		p.cancel()
	}
	return err
}

// startSelf starts this program in another role. Its standard output is to be read from out.
func startSelf(ctx context.Context, role string, stdin io.Reader) (p *process, out *bufio.Reader, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	p = command(ctx, self, role)
	p.cmd.Stdin, p.cmd.Stderr = stdin, &p.stderr
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		p.cancel()
		return nil, nil, err
	}
	return p, bufio.NewReader(pipe), p.start()
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process and waits for it. How it ended is no error if it was our signal that ended it.
func (p *process) stop() error {
	p.cancel()
	err := p.cmd.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
			return nil
		}
	}
	return err
}
