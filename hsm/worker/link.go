package worker

import (
	"fmt"
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// maxQueuedBytes bounds what waits to be written to one worker.
	maxQueuedBytes = 8 << 20
	// keepBuffer is the largest write buffer that is kept for the next write.
	keepBuffer = 256 << 10
	// writeRounds is how often a caller goes on writing for others before the link's own writer takes over.
	writeRounds = 4
	// shareAbove is the number of calls on their way from which on a caller lets others run before it writes, so that their
	// requests share its write: at 64 callers that halves the cost of a call.
	shareAbove = 2
	// slotBits of a call's id name its slot, the others are a serial number.
	slotBits    = 16
	slotMask    = 1<<slotBits - 1
	maxInFlight = 1 << 12
)

// link is the conversation with one worker process. It dies with the first error and never recovers; the supervisor then
// makes another.
type link struct {
	conn     *net.UnixConn
	raw      syscall.RawConn
	frames   *frameReader
	patience time.Duration // how long the worker may take over a call
	dead     chan struct{} // closed when the link has failed
	kick     chan struct{} // hands the right to write to the link's writer; capacity 1
	wait     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	slots   []*call    // calls on their way, by the low slotBits of their id
	free    []uint16
	serial  uint64
	out     []byte // frames that wait for whoever is writing
	spare   []byte // the other of the two write buffers
	writing bool   // someone holds the right to write
	err     error  // why the link failed; nil while it lives

	// Held by whoever has the right to write.
	pending  []byte // a buffer of which only the first skip bytes are written
	skip     int
	sending  []byte // argument and results of sendOnce
	sent     int
	sendErr  error
	sendOnce func(fd uintptr) bool
}

// newLink starts the goroutines of a link over conn; frames has read the handshake from it. stop waits for them.
func newLink(conn *net.UnixConn, frames *frameReader, inFlight int, patience time.Duration) (*link, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &link{
		conn: conn, raw: raw, frames: frames, patience: patience,
		dead: make(chan struct{}), kick: make(chan struct{}, 1),
		slots: make([]*call, inFlight), free: make([]uint16, inFlight),
	}
	for i := range l.free {
		l.free[i] = uint16(inFlight - 1 - i)
	}
	l.sendOnce = func(fd uintptr) bool {
		l.sent, l.sendErr = ignoringEINTR(func() (int, error) { return syscall.Write(int(fd), l.sending) })
		return true // never wait here: a caller must not be held up by a worker that does not read
	}
	l.wait.Go(l.read)
	l.wait.Go(l.writer)
	return l, nil
}

// stop ends the link and waits for its goroutines.
func (l *link) stop() {
	l.fail(errClosed)
	l.wait.Wait()
	l.conn.Close()
}

// failed gives the reason why the link died, nil while it lives.
func (l *link) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// isDead reports whether the link has failed.
func (l *link) isDead() bool {
	select {
	case <-l.dead:
		return true
	default:
		return false
	}
}

// ping sends a call that nobody waits for, so that the worker is watched while there is no other.
func (l *link) ping(giveUp time.Time) {
	c := &call{op: opPing, giveUp: giveUp}
	c.state.Store(callAbandoned)
	if err := l.submit(c, &request{op: opPing}); err != nil {
		return // dead or busy, and watched in either case
	}
}

// depth is the number of calls on their way.
func (l *link) depth() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.slots) - len(l.free)
}

// fail kills the link for the first reason given. Every call on its way ends with errGone.
func (l *link) fail(reason error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = reason
	var orphans []*call
	for i, c := range l.slots {
		if c != nil {
			orphans = append(orphans, c)
			l.slots[i] = nil
		}
	}
	clear(l.out)
	l.out = nil
	l.mu.Unlock()

	close(l.dead)
	past := time.Unix(1, 0)
	l.conn.SetDeadline(past) // wakes the reader and the writer; the connection stays open until stop
	for _, c := range orphans {
		c.deliver(nil, errGone)
	}
}

// submit puts a request on its way. The answer, or errGone, arrives through c; after an error it never will.
func (l *link) submit(c *call, r *request) error {
	now := time.Now()
	l.mu.Lock()
	switch {
	case l.err != nil:
		l.mu.Unlock()
		return errGone
	case len(l.free) == 0 || len(l.out)+r.size() > maxQueuedBytes:
		l.mu.Unlock()
		return errOverload
	}
	slot := l.free[len(l.free)-1]
	l.free = l.free[:len(l.free)-1]
	l.serial++
	c.id, c.sent = l.serial<<slotBits|uint64(slot), now
	l.slots[slot] = c
	r.id, r.budget = c.id, c.giveUp.Sub(now)
	l.out = appendRequest(l.out, r)
	write := !l.writing
	l.writing = true
	others := len(l.slots) - len(l.free) - 1
	l.mu.Unlock()
	if !write {
		return nil
	}
	if others >= shareAbove {
		runtime.Gosched()
	}
	l.write()
	return nil
}

// write sends what waits, and what others add meanwhile, without ever blocking: what the socket does not take, and what is
// left after some rounds, is passed with the right to write to the link's writer.
func (l *link) write() {
	for range writeRounds {
		buf := l.nextWrite()
		if buf == nil {
			return
		}
		l.sending = buf
		err := l.raw.Write(l.sendOnce)
		l.sending = nil
		n := max(l.sent, 0)
		if err == nil && l.sendErr != nil && l.sendErr != syscall.EAGAIN {
			err = l.sendErr
		}
		if err != nil {
			clear(buf)
			l.fail(fmt.Errorf("write: %w", err))
			return
		}
		if n < len(buf) {
			l.pending, l.skip = buf, n
			break
		}
		l.recycle(buf)
	}
	l.kick <- struct{}{} // never blocks: only the holder of the right to write sends, once
}

// writer is the goroutine that takes over writing where a caller would have to wait.
func (l *link) writer() {
	for {
		select {
		case <-l.dead:
			return
		case <-l.kick:
		}
		buf, skip := l.pending, l.skip
		l.pending, l.skip = nil, 0
		if buf == nil {
			buf = l.nextWrite()
		}
		for ; buf != nil; buf, skip = l.nextWrite(), 0 {
			if _, err := l.conn.Write(buf[skip:]); err != nil {
				clear(buf)
				l.fail(fmt.Errorf("write: %w", err))
				return
			}
			l.recycle(buf)
		}
	}
}

// nextWrite takes everything that waits to be written. With nothing left it gives up the right to write and returns nil.
func (l *link) nextWrite() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.out) == 0 {
		l.writing = false
		return nil
	}
	buf := l.out
	l.out, l.spare = l.spare, nil
	return buf
}

// recycle clears a written buffer, which may have held plaintext, and keeps it for the write after next.
func (l *link) recycle(buf []byte) {
	clear(buf)
	if cap(buf) > keepBuffer {
		return
	}
	l.mu.Lock()
	if l.err == nil {
		l.spare = buf[:0]
	}
	l.mu.Unlock()
}

// read takes answers until the link dies.
func (l *link) read() {
	var a answer
	for {
		frame, err := l.frames.next()
		if err == nil {
			err = decodeAnswer(frame, &a)
		}
		if err == nil {
			err = l.accept(&a)
		}
		if err != nil {
			l.fail(fmt.Errorf("read: %w", err))
			return
		}
	}
}

// accept finds the call that an answer belongs to, frees its slot and delivers. It fails when the link must not go on.
func (l *link) accept(a *answer) error {
	c := l.remove(a.id)
	if c == nil {
		return fmt.Errorf("%w: answer to nothing that was asked", errFrame)
	}
	if err := checkAnswer(c.op, a); err != nil {
		c.deliver(nil, errGone)
		return err
	}
	if a.code == codeFatal {
		c.deliver(nil, errGone)
		return fmt.Errorf("the device failed: %s", a.values[0])
	}
	c.deliver(a, nil)
	return nil
}

// remove takes the call with an id off the link, nil if there is none.
func (l *link) remove(id uint64) *call {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot := id & slotMask
	if slot >= uint64(len(l.slots)) || l.slots[slot] == nil || l.slots[slot].id != id {
		return nil
	}
	c := l.slots[slot]
	l.slots[slot] = nil
	l.free = append(l.free, uint16(slot))
	return c
}

// expire ends the calls whose callers' time is up, and kills the link when the worker has taken too long over any call, also
// one that its caller has given up.
func (l *link) expire(now time.Time) {
	var late []*call
	var hung time.Duration
	l.mu.Lock()
	for i, c := range l.slots {
		if c == nil {
			continue
		}
		if age := now.Sub(c.sent); age >= l.patience {
			hung = max(hung, age)
		}
		if now.After(c.giveUp) && c.state.Load() == callWaiting {
			late = append(late, c)
			l.slots[i] = c.ghost() // the caller gets c back; the answer may still come
		}
	}
	l.mu.Unlock()
	for _, c := range late {
		c.deliver(nil, errGaveUp)
	}
	if hung > 0 {
		l.fail(fmt.Errorf("no answer to a call for %v", hung.Round(time.Millisecond)))
	}
}
