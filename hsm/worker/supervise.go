package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"ostiary.dev/hsm"
)

// State says what the supervisor is doing.
type State string

// The states of a Client.
const (
	StateStarting State = "starting" // a worker is being started; calls wait for it
	StateServing  State = "serving"
	StateBackoff  State = "backoff" // workers keep failing; the next one starts after a pause, calls fail at once
	StateRefused  State = "refused" // the token refused the PIN; nothing is tried until the PIN file changes
	StateClosed   State = "closed"
)

// situation is what callers need to know of the supervisor.
type situation struct {
	state   State
	link    *link // only while serving
	pid     int
	reason  error
	changed chan struct{} // closed when this situation is over
}

func (c *Client) situation() situation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// become replaces the situation and wakes all who wait for a change.
func (c *Client) become(s situation) {
	s.changed = make(chan struct{})
	c.mu.Lock()
	old := c.now.changed
	c.now = s
	c.live.Store(s.link)
	c.mu.Unlock()
	close(old)
}

// await gives a link that lives, waiting while a worker is being started.
func (c *Client) await(ctx context.Context, giveUp time.Time) (*link, error) {
	if l := c.live.Load(); l != nil && !l.isDead() {
		return l, nil
	}
	if c.waiting.Add(1) > int64(c.cfg.MaxInFlight) {
		c.waiting.Add(-1)
		return nil, errOverload
	}
	defer c.waiting.Add(-1)
	timer := time.NewTimer(time.Until(giveUp))
	defer timer.Stop()
	for {
		now := c.situation()
		switch now.state {
		case StateServing:
			if !now.link.isDead() {
				return now.link, nil
			}
		case StateBackoff, StateRefused:
			return nil, fmt.Errorf("%w: %w", hsm.ErrUnavailable, now.reason)
		case StateClosed:
			return nil, errClosed
		}
		select {
		case <-now.changed:
		case <-ctx.Done():
			return nil, ctxError(ctx)
		case <-timer.C:
			return nil, errGaveUp
		}
	}
}

// supervise starts a worker within start, tells started how that went, and keeps one running until life is over. The thread
// stays its own: the kernel ends a worker when the thread that started it ends.
func (c *Client) supervise(start, life context.Context, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.done)
	defer c.become(situation{state: StateClosed, reason: errClosed})

	p, err := c.launch(start)
	if err != nil {
		started <- err
		return
	}
	c.serve(p)
	started <- nil
	var pace pacer
	for p != nil {
		pace.started = time.Now()
		reason := c.watch(life, p.link)
		if life.Err() != nil {
			c.become(situation{state: StateClosed, reason: errClosed})
			p.hangUp()
			return
		}
		c.become(situation{state: StateStarting, reason: reason})
		reason = p.kill(reason)
		c.restarts.Add(1)
		level := slog.LevelWarn
		if reason == ErrRetired {
			level = slog.LevelInfo
		}
		c.log.Log(life, level, "the device worker is replaced", "pid", p.pid(), "reason", reason)
		if c.cfg.Observer != nil {
			c.cfg.Observer.Restarted(reason)
		}
		if p = c.relaunch(life, reason, &pace); p != nil {
			c.serve(p)
		}
	}
}

// serve gives a worker to the callers.
func (c *Client) serve(p *process) {
	c.become(situation{state: StateServing, link: p.link, pid: p.pid()})
}

// watch returns when the link has died, or life is over.
func (c *Client) watch(life context.Context, l *link) error {
	tick := time.NewTicker(min(max(c.cfg.CallTimeout/20, 5*time.Millisecond), 100*time.Millisecond))
	defer tick.Stop()
	beat := time.Now()
	for {
		select {
		case <-l.dead:
			return l.failed()
		case <-life.Done():
			return errClosed
		case now := <-tick.C:
			l.expire(now)
			// A worker that hangs while nobody calls is found all the same.
			if now.Sub(beat) >= c.cfg.CallTimeout/3 {
				beat = now
				l.ping(now.Add(c.cfg.CallTimeout))
			}
		}
	}
}

// relaunch tries to start a worker until one runs, or life is over, and then returns nil.
func (c *Client) relaunch(life context.Context, reason error, pace *pacer) *process {
	for {
		if pause := pace.next(time.Now()); pause > 0 {
			if pause > patientPause {
				c.become(situation{state: StateBackoff, reason: reason})
			}
			if !sleep(life, pause) {
				return nil
			}
		}
		c.become(situation{state: StateStarting, reason: reason})
		pin := c.stampPIN()
		p, err := c.launch(life)
		switch {
		case err == nil:
			return p
		case life.Err() != nil:
			return nil
		}
		reason = err
		c.log.Error("the device worker does not start", "reason", err)
		var refused *StartError
		if errors.As(err, &refused) && refused.aboutPIN() {
			c.become(situation{state: StateRefused, reason: reason})
			if !c.awaitPIN(life, pin) {
				return nil
			}
		}
	}
}

// pinStamp tells versions of the PIN file apart without reading it.
type pinStamp struct {
	info os.FileInfo
}

func (c *Client) stampPIN() pinStamp {
	info, err := os.Stat(c.cfg.Settings.PINFile)
	if err != nil {
		return pinStamp{}
	}
	return pinStamp{info}
}

func (s pinStamp) equal(o pinStamp) bool {
	if s.info == nil || o.info == nil {
		return s.info == nil && o.info == nil
	}
	return os.SameFile(s.info, o.info) && s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime())
}

// awaitPIN waits until the PIN file is another than the one that the token refused: a refused PIN is never tried twice,
// because tokens lock after a few tries. It reports false when life ended first.
func (c *Client) awaitPIN(life context.Context, refused pinStamp) bool {
	for c.stampPIN().equal(refused) {
		if !sleep(life, pinPoll) {
			return false
		}
	}
	return true
}

const (
	stableAfter  = 3 * time.Second        // a worker that served for so long was a good one
	firstPause   = 50 * time.Millisecond  // before the second start in a row; then doubled
	longestPause = 10 * time.Second       // between starts
	patientPause = 400 * time.Millisecond // calls wait over shorter pauses, and fail at once during longer ones
	pinPoll      = time.Second
)

// pacer spaces the starts of workers: the first replacement of one that served well is immediate.
type pacer struct {
	started time.Time // of the last worker that came to serve
	streak  int       // starts since one served well
}

// next gives the pause before the next start.
func (p *pacer) next(now time.Time) time.Duration {
	if !p.started.IsZero() && now.Sub(p.started) >= stableAfter {
		p.streak = 0
	}
	p.started = time.Time{}
	p.streak++
	if p.streak == 1 {
		return 0
	}
	return min(firstPause<<min(p.streak-2, 16), longestPause)
}

// sleep waits for d and reports whether ctx still lives.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
