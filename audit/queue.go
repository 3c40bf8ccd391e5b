package audit

import (
	"errors"
	"runtime"
	"sync"
)

// Bounds of the queue, in bytes of lines.
const (
	maxBatch    = 1 << 20 // handed over in one write(2)
	crowdMemory = 16
	maxQueued   = 16 << 20 // waiting while a write hangs; what comes then is refused
)

// entry is one line on its way into the log. It belongs to its writer until it is queued, to the flusher until the flusher
// sends on signal, and then to its writer again.
type entry struct {
	line   []byte // all but the sequence number
	err    error  // of the flush; to be read after signal
	signal chan wake

	left      bool // guarded by queue.mu: nobody waits any more
	signalled bool // guarded by queue.mu: signal has been or will be sent
}

type wake uint8

const (
	flushed  wake = iota // err is the outcome
	promoted             // the receiver must flush
)

// queue is where records meet the flusher. At any time at most one goroutine flushes; it is always one of those that have
// something to write, and it passes the role on to one of those that came meanwhile.
type queue struct {
	mu       sync.Mutex
	idle     sync.Cond // signalled when flushing becomes false
	waiting  []*entry
	bytes    int // of waiting
	flushing bool
	closed   bool
}

// errLeft says that whoever waited for an entry does so no longer. The entry is still queued and may be written.
var errLeft = errors.New("no longer waiting for the audit record")

// submit queues e and returns, when it was flushed, the flush's error; or errLeft as soon as done is closed, and then e
// must not be used again. Records are written in the order in which they were queued.
func (l *Log) submit(done <-chan struct{}, e *entry) error {
	q := &l.queue
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return ErrClosed
	}
	if q.bytes+len(e.line) > maxQueued {
		q.mu.Unlock()
		return errStalled
	}
	q.waiting = append(q.waiting, e)
	q.bytes += len(e.line)
	leader := !q.flushing
	q.flushing = true
	q.mu.Unlock()
	if leader {
		l.lead(e)
		return e.err
	}
	return l.await(done, e)
}

// await waits for the outcome of e, which is queued, or for being asked to flush it.
func (l *Log) await(done <-chan struct{}, e *entry) error {
	var s wake
	select {
	case s = <-e.signal:
	case <-done:
		if l.queue.leave(e) {
			return errLeft
		}
		s = <-e.signal
	}
	if s == promoted {
		l.lead(e)
	}
	return e.err
}

// leave takes back the wish to be signalled. It returns false if that is too late.
func (q *queue) leave(e *entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.left = !e.signalled
	return e.left
}

// lead flushes batches until own was among them (at least one batch if own is nil), and then passes the role on. The
// caller has the role: it set flushing, or was promoted.
func (l *Log) lead(own *entry) {
	q := &l.queue
	for done := own == nil; ; {
		if l.crowd > 0 {
			runtime.Gosched() // let the others queue up: one long write is much cheaper than many short ones
		}
		q.mu.Lock()
		l.batch = q.take(l.batch[:0])
		q.mu.Unlock()

		l.flush(l.batch)
		l.crowd = max(l.crowd-1, 0)
		if len(l.batch) > 1 {
			l.crowd = crowdMemory
		}
		done = q.settle(l.batch, own) || done

		q.mu.Lock()
		next, over := q.successor(done)
		q.mu.Unlock()
		if next != nil {
			next.signal <- promoted
		}
		if over {
			return
		}
	}
}

// settle tells those who wait for an entry of batch that it was flushed, and reports whether own is among them.
func (q *queue) settle(batch []*entry, own *entry) (done bool) {
	if len(batch) == 1 && batch[0] == own {
		return true
	}
	q.mu.Lock()
	for _, e := range batch {
		e.signalled = !e.left
	}
	q.mu.Unlock()
	for _, e := range batch {
		switch {
		case e == own:
			done = true
		case e.signalled:
			e.signal <- flushed // from here on e is its writer's again
		}
	}
	return done
}

// take moves up to maxBatch bytes of waiting entries, and at least one, to batch.
func (q *queue) take(batch []*entry) []*entry {
	size, n := 0, 0
	for n < len(q.waiting) && (n == 0 || size+len(q.waiting[n].line) <= maxBatch) {
		size += len(q.waiting[n].line)
		n++
	}
	batch = append(batch, q.waiting[:n]...)
	rest := copy(q.waiting, q.waiting[n:])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
	q.bytes -= size
	return batch
}

// successor decides who flushes what is waiting: nobody if nothing is, one of those who wait if the flusher's own entry is
// done, else the flusher again (over is false).
func (q *queue) successor(done bool) (next *entry, over bool) {
	if len(q.waiting) == 0 && done {
		q.flushing = false
		q.idle.Broadcast()
		return nil, true
	}
	if !done {
		return nil, false
	}
	for _, e := range q.waiting {
		if !e.left {
			e.signalled = true
			return e, true
		}
	}
	return nil, false
}
