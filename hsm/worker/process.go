package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

const (
	// closeGrace is how long a worker may take to end by itself once the daemon has hung up.
	closeGrace = 2 * time.Second
	// reapGrace is how long the kernel may take to end a killed process before we stop waiting for it.
	reapGrace = 5 * time.Second
)

// SocketFD is the descriptor of the conversation in the worker's process: the first after standard error.
const SocketFD = 3

// process is a running worker.
type process struct {
	cmd    *exec.Cmd
	link   *link
	exited chan struct{} // closed when the process is gone and its last words are logged
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// launch starts a worker and shakes hands. Any failure is a *StartError, and leaves no process behind.
func (c *Client) launch(ctx context.Context) (*process, error) {
	p, conn, err := begin(&c.cfg)
	if err != nil {
		return nil, err
	}
	frames := newFrameReader(conn)
	var h hello
	err = converse(ctx, conn, frames, c.cfg.StartTimeout, c.cfg.Settings, &h)
	switch {
	case err != nil:
	case h.Error != nil:
		err = h.Error
	case h.Status == nil:
		err = fmt.Errorf("%w: hello without a status", errFrame)
	default:
		p.link, err = newLink(conn, frames, c.cfg.MaxInFlight, c.cfg.CallTimeout)
	}
	if err != nil {
		conn.Close()
		return nil, p.stillborn(ctx, err)
	}
	return p, nil
}

// command prepares a worker's process: our end of its life is the socket at descriptor 3 and the death of our thread; it has a
// session of its own, so that what the terminal or an operator sends to the daemon does not end it first.
func command(cfg *Config, socket *os.File, words ...string) *exec.Cmd {
	cmd := exec.Command(cfg.Program, slices.Concat(cfg.Args, words)...)
	cmd.Env = slices.Concat([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, cfg.Env)
	cmd.Stderr = newLogLines(cfg.Log)
	cmd.ExtraFiles = []*os.File{socket} // becomes SocketFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	cmd.WaitDelay = time.Second
	return cmd
}

// begin starts a worker's process and returns our end of the conversation. Any failure is a *StartError.
func begin(cfg *Config, words ...string) (*process, *net.UnixConn, error) {
	conn, theirs, err := socketPair()
	if err != nil {
		return nil, nil, &StartError{StartProgram, fmt.Sprintf("no socket pair for the worker: %v", err)}
	}
	p := &process{cmd: command(cfg, theirs, words...), exited: make(chan struct{})}
	err = p.cmd.Start()
	theirs.Close()
	if err != nil {
		conn.Close()
		return nil, nil, &StartError{StartProgram, fmt.Sprintf("cannot start the worker program: %v", err)}
	}
	go func() {
		_ = p.cmd.Wait() // ending tells how it went
		close(p.exited)
	}()
	return p, conn, nil
}

// converse sends one handshake frame and reads another, within a time limit and ctx.
func converse(ctx context.Context, conn *net.UnixConn, frames *frameReader, limit time.Duration, say, hear any) error {
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := writeHandshake(conn, say); err != nil {
		return err
	}
	frame, err := frames.next()
	if err != nil {
		return err
	}
	if err := decodeHandshake(frame, hear); err != nil {
		return err
	}
	if !stop() { // the deadline is, or will be, in the past
		return context.Cause(ctx)
	}
	return conn.SetDeadline(time.Time{})
}

// stillborn ends a process that did not come to serve, and puts the reason in the operator's words.
func (p *process) stillborn(ctx context.Context, reason error) error {
	p.cmd.Process.Kill()
	p.reaped()
	var told *StartError
	switch {
	case errors.As(reason, &told):
		return told
	case ctx.Err() != nil:
		return &StartError{StartProgram, fmt.Sprintf("the start was given up: %v", context.Cause(ctx))}
	case errors.Is(reason, os.ErrDeadlineExceeded):
		return &StartError{StartDevice, "the worker did not become ready in time: the device or its library hangs"}
	}
	return &StartError{StartProgram, fmt.Sprintf("the worker ended or misspoke before it was ready: %v (%v)", reason, p.ending())}
}

// kill ends a worker that failed for a reason, and adds how its process ended.
func (p *process) kill(reason error) error {
	p.link.stop()
	p.cmd.Process.Kill()
	p.reaped()
	if p.retired() {
		return ErrRetired
	}
	return fmt.Errorf("%w (%v)", reason, p.ending())
}

// retired tells that the process ended because its device asked for another.
func (p *process) retired() bool {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode() == RetiredStatus
	default:
		return false
	}
}

// hangUp ends a worker that works: it closes its device when it reads the end of the conversation.
func (p *process) hangUp() {
	p.link.stop()
	p.finish()
}

// finish waits for a process that has said all it had to say.
func (p *process) finish() {
	timer := time.AfterFunc(closeGrace, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	p.reaped()
}

// reaped waits for the process to be gone. One that the kernel cannot end, in an uninterruptible driver, is left to it.
func (p *process) reaped() {
	timer := time.NewTimer(closeGrace + reapGrace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
	}
}

// ending says how the process ended.
func (p *process) ending() string {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.String()
	default:
		return "the process does not end"
	}
}

// socketPair makes a pair of connected stream sockets: ours, and the worker's.
func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "daemon")
	conn, err := net.FileConn(ours) // a duplicate
	ours.Close()
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), theirs, nil
}

// ignoringEINTR repeats a system call that a signal interrupted.
func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != syscall.EINTR {
			return n, err
		}
	}
}
