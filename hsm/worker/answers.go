package worker

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// maxHeld is how many bytes of answers wait at most for a write.
const maxHeld = 64 << 10

// answers collects what the worker has to say and writes it, as much as there is in one write. Any goroutine may use it.
type answers struct {
	w io.Writer

	mu      sync.Mutex // guards what follows
	buf     []byte
	spare   []byte
	oldest  time.Time // when the first answer in buf was added
	writing bool
	err     error // of the first failed write; nothing is written any more
}

// add queues an answer. The caller must flush soon.
func (o *answers) add(a *answer, now time.Time) {
	o.mu.Lock()
	if len(o.buf) == 0 {
		o.oldest = now
	}
	o.buf = appendAnswer(o.buf, a)
	o.mu.Unlock()
}

// due reports whether what is queued should not wait for one more call of the usual length. It is also due when nothing can
// be written any more.
func (o *answers) due(now time.Time, usual time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err != nil || len(o.buf) >= maxHeld || now.Add(usual).Sub(o.oldest) > holdLimit
}

// flush writes all that is queued, unless someone else is writing, who then writes this too. It returns the error of the
// first write that failed.
func (o *answers) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writing {
		return o.err
	}
	o.writing = true
	for len(o.buf) > 0 && o.err == nil {
		buf := o.buf
		o.buf, o.spare = o.spare, nil
		o.mu.Unlock()
		_, err := o.w.Write(buf)
		clear(buf)
		o.mu.Lock()
		if o.err = err; cap(buf) <= keepBuffer {
			o.spare = buf[:0]
		}
	}
	o.writing = false
	return o.err
}

// pacemeter keeps a moving average of how long calls take.
type pacemeter struct {
	average atomic.Int64 // ns
	isSlow  atomic.Bool
}

// add counts a call. Concurrent callers may lose one another's, which does not matter to an average.
func (p *pacemeter) add(took time.Duration) {
	took = min(took, 10*inlineLimit) // one call that had to load its key says little
	was := time.Duration(p.average.Load())
	is := was + (took-was)/16
	p.average.Store(int64(is))
	switch {
	case is > inlineLimit:
		p.isSlow.Store(true)
	case is < inlineLimit/2:
		p.isSlow.Store(false)
	}
}

func (p *pacemeter) slow() bool           { return p.isSlow.Load() }
func (p *pacemeter) usual() time.Duration { return time.Duration(p.average.Load()) }
