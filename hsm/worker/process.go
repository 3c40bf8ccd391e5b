package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	// closeGrace is how long a worker may take to end by itself once the daemon has hung up.
	closeGrace = 2 * time.Second
	// reapGrace is how long the kernel may take to end a killed process before we stop waiting for it.
	reapGrace = 5 * time.Second
	// socketFD is the worker's end of the socket pair in its process: the first after standard error.
	socketFD = 3
)

// process is a running worker.
type process struct {
	cmd    *exec.Cmd
	link   *link
	exited chan struct{} // closed when the process is gone and its last words are logged
	status error         // what Wait said; read after exited
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// launch starts a worker and shakes hands. Any failure is a *StartError, and leaves no process behind.
func (c *Client) launch(ctx context.Context) (*process, error) {
	conn, theirs, err := socketPair()
	if err != nil {
		return nil, &StartError{StartProgram, fmt.Sprintf("no socket pair for the worker: %v", err)}
	}
	p := &process{cmd: c.command(theirs), exited: make(chan struct{})}
	err = p.cmd.Start()
	theirs.Close()
	if err != nil {
		conn.Close()
		return nil, &StartError{StartProgram, fmt.Sprintf("cannot start the worker program: %v", err)}
	}
	go func() {
		p.status = p.cmd.Wait()
		close(p.exited)
	}()
	frames := newFrameReader(conn)
	if err := c.handshake(ctx, conn, frames); err != nil {
		conn.Close()
		return nil, p.stillborn(ctx, err)
	}
	if p.link, err = newLink(conn, frames, c.cfg.MaxInFlight, c.cfg.CallTimeout); err != nil {
		conn.Close()
		return nil, p.stillborn(ctx, err)
	}
	return p, nil
}

// command prepares the worker's process: our end of its life is the socket at descriptor 3 and the death of our thread; it
// has a session of its own, so that what the terminal or an operator sends to the daemon does not end it first.
func (c *Client) command(socket *os.File) *exec.Cmd {
	cmd := exec.Command(c.cfg.Program, c.cfg.Args...)
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, c.cfg.Env...)
	cmd.Stderr = newLogLines(c.log)
	cmd.ExtraFiles = []*os.File{socket} // becomes socketFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	cmd.WaitDelay = time.Second
	return cmd
}

// handshake sends the settings and reads the worker's hello.
func (c *Client) handshake(ctx context.Context, conn *net.UnixConn, frames *frameReader) error {
	if err := conn.SetDeadline(time.Now().Add(c.cfg.StartTimeout)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if err := writeHandshake(conn, c.cfg.Settings); err != nil {
		return err
	}
	frame, err := frames.next()
	if err != nil {
		return err
	}
	var h hello
	if err := decodeHandshake(frame, &h); err != nil {
		return err
	}
	if h.Error != nil {
		return h.Error
	}
	if h.Status == nil {
		return fmt.Errorf("%w: hello without a status", errFrame)
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
	return fmt.Errorf("%w (%v)", reason, p.ending())
}

// hangUp ends a worker that works: it closes its device when it reads the end of the conversation.
func (p *process) hangUp() {
	p.link.stop()
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
