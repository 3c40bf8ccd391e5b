package audit

import (
	"strconv"
	"time"
)

// outage is a time in which lines cannot be written.
type outage struct {
	since   time.Time
	refused uint64 // records whose writers got an error
}

// flush hands a batch over and sets the err of each entry. While there is an outage it tries to write a record about that
// first, which is how the log finds out that it is over, so it has something to do even for an empty batch.
func (l *Log) flush(batch []*entry) {
	l.began.Store(int64(max(1, l.now().Sub(l.opened))))
	defer l.began.Store(0)

	lines, extra := batch, 0
	if l.outage != nil {
		lines, extra = append([]*entry{l.event("AuditLogResumed", l.outage.appendJSON)}, batch...), 1
	}
	if len(lines) == 0 {
		return
	}
	n, err := l.writer.write(lines)
	l.records.Add(uint64(n))
	l.writes.Add(1)
	for i := range batch {
		if i+extra >= n {
			batch[i].err = err
		}
	}
	if n < len(lines) {
		l.suffer(err, uint64(len(lines)-max(n, extra)), n > 0)
	} else if l.outage != nil {
		l.log.Info("audit log can be written again", "refused", l.outage.refused)
		l.outage = nil
		l.failure.Store(nil)
	}
}

// suffer notes that records were refused because of err. If the outage before was recorded already, a new one begins.
func (l *Log) suffer(err error, refused uint64, recorded bool) {
	if l.outage == nil {
		l.log.Error("audit log cannot be written", "err", err)
	}
	if l.outage == nil || recorded {
		l.outage = &outage{since: l.now()}
	}
	l.outage.refused += refused
	l.failure.Store(&err)
	poke(l.unwell)
}

func (o *outage) appendJSON(b []byte) []byte {
	b = append(b, `{"since":"`...)
	b = o.since.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","refusedRecords":`...)
	b = strconv.AppendUint(b, o.refused, 10)
	return append(b, '}')
}

// event makes a line about the log itself; details appends a JSON object.
func (l *Log) event(name string, details func([]byte) []byte) *entry {
	return l.encode(&Record{
		Time:        l.now(),
		EventSource: "ostiary",
		EventName:   name,
		Identity:    Identity{Type: AWSService},
		Event:       details(nil),
	})
}

// close waits for the flusher and lets nobody in any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for q.flushing {
		q.idle.Wait()
	}
}
