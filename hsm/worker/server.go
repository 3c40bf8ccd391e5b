package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"ostiary.dev/hsm"
)

// Opener opens the device that the settings name. Its error should be a *StartError. A backend that is also an io.Closer is
// closed when the conversation ends.
type Opener func(ctx context.Context, s Settings) (hsm.Backend, error)

// ErrRetired is what Serve returns when the backend asked for a new process. The program should then exit with RetiredStatus.
var ErrRetired = errors.New("the device asks for a new process")

// RetiredStatus is the exit status of a worker that is to be replaced although nothing is wrong (sysexits.h, EX_TEMPFAIL).
const RetiredStatus = 75

// Retirer is a backend that wants a new process now and then. Retire gives the reason, or "" if it is not time.
type Retirer interface{ Retire() string }

const (
	// inlineLimit is how long the usual call may take for calls to be run one after the other by the goroutine that reads
	// them, which costs the least CPU. On a slower device, one behind a network, they run side by side on the executors.
	// SoftHSM needs some 10 us, and a busy machine must not make it look slow.
	inlineLimit = 200 * time.Microsecond
	// holdLimit is how long an answer may wait for others to share a write with.
	holdLimit = 300 * time.Microsecond
	// endGrace is how long calls in the device may take to end once the daemon has hung up.
	endGrace = time.Second
)

// Serve speaks the worker's side of the protocol on conn until the daemon hangs up, and then returns nil. A start-up error is
// told to the daemon and returned.
func Serve(ctx context.Context, conn io.ReadWriter, open Opener) error {
	frames := newFrameReader(conn)
	backend, settings, err := greet(ctx, conn, frames, open)
	if err != nil {
		return err
	}
	s := &server{
		backend: backend, frames: frames, out: answers{w: conn}, work: make(chan []byte), parallel: settings.Sessions > 1,
	}
	ended := s.startExecutors(ctx, settings.Sessions)
	err = s.read(ctx)
	close(s.work)
	select {
	case <-ended:
	case <-time.After(endGrace):
		return errors.Join(err, errors.New("calls hang in the device"))
	}
	if c, ok := backend.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	return err
}

// greet reads the settings, opens the device and says hello.
func greet(ctx context.Context, conn io.ReadWriter, frames *frameReader, open Opener) (hsm.Backend, Settings, error) {
	var settings Settings
	frame, err := frames.next()
	if err != nil {
		return nil, settings, err
	}
	if err := decodeHandshake(frame, &settings); err != nil {
		return nil, settings, err
	}
	backend, status, err := openBackend(ctx, &settings, open)
	if err != nil {
		told := startError(err)
		return nil, settings, errors.Join(told, writeHandshake(conn, hello{Error: told}))
	}
	return backend, settings, writeHandshake(conn, hello{Status: &status})
}

func openBackend(ctx context.Context, settings *Settings, open Opener) (hsm.Backend, hsm.Status, error) {
	var err error
	if *settings, err = settings.withDefaults(); err != nil {
		return nil, hsm.Status{}, &StartError{StartSettings, err.Error()}
	}
	backend, err := open(ctx, *settings)
	if err != nil {
		return nil, hsm.Status{}, err
	}
	status, err := backend.Status(ctx)
	return backend, status, err
}

// server is the state of one conversation.
type server struct {
	backend hsm.Backend
	frames  *frameReader
	out     answers
	pace    pacemeter

	parallel bool        // the device takes more than one call at a time
	work     chan []byte // copies of frames for the executors
	spare    sync.Pool   // of *[]byte, for those copies
}

// startExecutors starts n goroutines that run what read does not run itself; they end with the work. The channel is closed when
// all have.
func (s *server) startExecutors(ctx context.Context, n int) <-chan struct{} {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for frame := range s.work {
				s.runCopy(ctx, frame)
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	return ended
}

// read takes requests until the daemon hangs up, running those that are quick and passing on the others.
func (s *server) read(ctx context.Context) error {
	for {
		now := time.Now()
		for more := true; more; more = s.frames.buffered() {
			frame, err := s.frames.next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("from the daemon: %w", err)
			}
			if now, err = s.take(ctx, frame, now); err != nil {
				return err
			}
		}
		if err := s.out.flush(); err != nil {
			return fmt.Errorf("to the daemon: %w", err)
		}
		// What the daemon has sent meanwhile it sends again to the next worker.
		if r, ok := s.backend.(Retirer); ok && r.Retire() != "" {
			return fmt.Errorf("%w: %s", ErrRetired, r.Retire())
		}
	}
}

// take runs or passes on one frame. It takes and gives the current time, roughly.
func (s *server) take(ctx context.Context, frame []byte, now time.Time) (time.Time, error) {
	var r request
	if err := decodeRequest(frame, &r); err != nil {
		return now, fmt.Errorf("from the daemon: %w", err)
	}
	if s.parallel && (s.pace.slow() || r.op == opGenerate) {
		if err := s.out.flush(); err != nil { // passing on may take a while
			return now, fmt.Errorf("to the daemon: %w", err)
		}
		s.pass(frame)
		return time.Now(), nil
	}
	now = s.run(ctx, &r, now)
	if !s.out.due(now, s.pace.usual()) {
		return now, nil
	}
	if err := s.out.flush(); err != nil {
		return now, fmt.Errorf("to the daemon: %w", err)
	}
	return now, nil
}

// pass gives a copy of a frame to an executor, waiting until one is free.
func (s *server) pass(frame []byte) {
	b, ok := s.spare.Get().(*[]byte)
	if !ok {
		b = new([]byte)
	}
	s.work <- append((*b)[:0], frame...)
}

// runCopy is an executor's part of the work.
func (s *server) runCopy(ctx context.Context, frame []byte) {
	var r request
	if err := decodeRequest(frame, &r); err == nil { // take has checked it
		s.run(ctx, &r, time.Now())
		s.out.flush() // the reader finds a failure too
	}
	clear(frame)
	if cap(frame) <= keepBuffer {
		s.spare.Put(&frame)
	}
}

// run runs one request, adds its answer to those that wait, and gives the time.
func (s *server) run(ctx context.Context, r *request, now time.Time) time.Time {
	values, err := s.handle(budget{ctx, now.Add(r.budget)}, r)
	a := answer{id: r.id, values: values}
	if err != nil {
		a = errorAnswer(r.id, err)
	}
	if err := checkAnswer(r.op, &a); err != nil {
		a = errorAnswer(r.id, fmt.Errorf("the backend's answer is out of bounds: %w", err))
	}
	end := time.Now()
	if r.op != opGenerate && r.op != opStatus {
		s.pace.add(end.Sub(now))
	}
	s.out.add(&a, end)
	if r.op == opUnseal || r.op == opSealRandom || r.op == opRandom {
		clear(values[0]) // plaintext
	}
	return end
}

// budget is a context with a deadline but without a timer: calls into a device's library cannot be interrupted anyway, and
// the daemon replaces the process when it must. It serves a backend that looks before it starts something long.
type budget struct {
	context.Context
	until time.Time
}

// Deadline gives the time at which the daemon gives the call up.
func (b budget) Deadline() (time.Time, bool) { return b.until, true }

// Err reports that the deadline has passed, or what the parent reports.
func (b budget) Err() error {
	if err := b.Context.Err(); err != nil {
		return err
	}
	if time.Now().After(b.until) {
		return context.DeadlineExceeded
	}
	return nil
}
