package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"ostiary.dev/durable"
)

// Sync says what a record has reached when [Log.Write] returns.
type Sync int

const (
	SyncKernel Sync = iota // the kernel: it survives the end of the process, not of the machine
	SyncDisk               // the disk: one fdatasync serves all who wait for it
)

// Config is what a log is made of.
type Config struct {
	Dir  string // folder of the log's files, made with permissions 0700 if missing; one process at a time
	Node string // name of this node, written into every record
	Sync Sync

	MaxFileBytes int64 // size from which on a new file is begun; 0 for 64 MiB, at least 4 KiB
	KeepFiles    int   // how many files to keep, the current one included; 0 for all

	Flood Flood // how many records unauthenticated calls may have

	Now func() time.Time // nil for time.Now
	Log *slog.Logger     // nil for none
}

// Flood bounds what unauthenticated calls write. The zero value of each member stands for its default.
type Flood struct {
	Window    time.Duration // what the numbers below count for; 1 minute
	PerSource int           // records per source address (IPv6: per /64); 20
	Total     int           // records of all sources together; 100
}

// Errors of a log.
var (
	ErrClosed = errors.New("audit log is closed")
	// ErrLocked says that another process writes to the folder; the error that wraps it names the process.
	ErrLocked = durable.ErrLocked

	errStalled = errors.New("audit log is stalled: writing does not return")
)

// stallAfter is how long one flush may take before Err calls the log stalled.
const stallAfter = 3 * time.Second

// Log is an audit log that is open for writing. Its methods may be called from any goroutine.
type Log struct {
	node  string
	now   func() time.Time
	log   *slog.Logger
	lock  *durable.FileLock
	queue queue
	flood *flood
	pool  sync.Pool // of *entry

	// The flusher's.
	writer *writer
	batch  []*entry
	crowd  int
	outage *outage // not nil while lines cannot be written

	failure atomic.Pointer[error] // outage's cause
	began   atomic.Int64          // when the flush under way began, as time since opened; 0 if none
	opened  time.Time
	records atomic.Uint64
	writes  atomic.Uint64

	unwell  chan struct{} // tells run of an outage
	rotated chan struct{} // tells run of a new file
	stop    chan struct{} // closed to end run
	stopped chan struct{} // closed by run
	closing sync.Once
	closed  error // of Close
}

// Open opens the log in cfg.Dir and continues where it ended. If it ended in half a line, that is replaced by a record
// which quotes it.
func Open(cfg Config) (*Log, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	return open(cfg, osDisk{})
}

// complete checks cfg and puts in the defaults.
func (cfg *Config) complete() error {
	if cfg.MaxFileBytes == 0 {
		cfg.MaxFileBytes = 64 << 20
	}
	if cfg.MaxFileBytes < 4<<10 {
		return fmt.Errorf("audit: MaxFileBytes is %d, less than 4096", cfg.MaxFileBytes)
	}
	if cfg.KeepFiles < 0 {
		return fmt.Errorf("audit: KeepFiles is %d", cfg.KeepFiles)
	}
	if cfg.Sync != SyncKernel && cfg.Sync != SyncDisk {
		return fmt.Errorf("audit: unknown Sync %d", cfg.Sync)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg.Flood.complete()
}

func open(cfg Config, d disk) (*Log, error) {
	if err := durable.MkdirAll(cfg.Dir); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	lock, err := durable.Lock(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	l := &Log{
		node:    cfg.Node,
		now:     cfg.Now,
		log:     cfg.Log,
		lock:    lock,
		flood:   newFlood(cfg.Flood),
		opened:  cfg.Now(),
		unwell:  make(chan struct{}, 1),
		rotated: make(chan struct{}, 1),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
	l.queue.idle.L = &l.queue.mu
	l.pool.New = func() any { return &entry{signal: make(chan wake, 1)} }
	if err := l.begin(cfg, d); err != nil {
		return nil, errors.Join(fmt.Errorf("audit: %w", err), lock.Close())
	}
	poke(l.rotated) // there may be too many files already
	go l.run(cfg.Dir, cfg.KeepFiles)
	return l, nil
}

// begin finds the end of the log and makes the writer; what was torn there goes into a record.
func (l *Log) begin(cfg Config, d disk) error {
	w := &writer{
		dir: cfg.Dir, disk: d, sync: cfg.Sync, maxBytes: cfg.MaxFileBytes, rotateAt: cfg.MaxFileBytes,
		now: l.now, log: l.log, rotated: func() { poke(l.rotated) },
	}
	l.writer = w
	torn, err := w.resume()
	if err != nil {
		return err
	}
	if torn == nil {
		return nil
	}
	l.log.Warn("audit log ended in half a line", "file", w.name.String(), "bytes", torn.size)
	if _, err := w.write([]*entry{l.event("AuditLogTorn", torn.appendJSON)}); err != nil {
		return errors.Join(err, w.close())
	}
	return nil
}

// Write writes one record and returns when it is with the kernel (or on the disk, see [Config]), or with the error that
// prevented it. When ctx ends it stops waiting and returns the cause; the record may still be written. It writes even if
// ctx is over already, so that the outcome of a call whose client hung up is recorded.
func (l *Log) Write(ctx context.Context, r *Record) error {
	e := l.encode(r)
	err := l.submit(ctx.Done(), e)
	if err == errLeft {
		return fmt.Errorf("audit: %w", errors.Join(err, context.Cause(ctx)))
	}
	l.free(e)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// Err says why the log cannot be written now, or returns nil. It becomes nil again by itself once writes succeed: after a
// failure the log tries once a second, even if nobody writes.
func (l *Log) Err() error {
	if began := l.began.Load(); began != 0 && l.now().Sub(l.opened)-time.Duration(began) > stallAfter {
		return fmt.Errorf("audit: %w", errStalled)
	}
	if err := l.failure.Load(); err != nil {
		return fmt.Errorf("audit: %w", *err)
	}
	return nil
}

// Stats counts what the log did since it was opened.
type Stats struct {
	Records uint64 // written
	Writes  uint64 // write calls they took
	Counted uint64 // unauthenticated calls that have no record of their own
}

// Stats may be called at any time.
func (l *Log) Stats() Stats {
	return Stats{Records: l.records.Load(), Writes: l.writes.Load(), Counted: l.flood.counted()}
}

// Close writes what is left (the summary of a flood), waits for writes under way, syncs and closes the file. Calls after
// it fail with ErrClosed.
func (l *Log) Close() error {
	l.closing.Do(func() {
		close(l.stop)
		<-l.stopped
		err := l.summarise(l.flood.finish())
		l.queue.close()
		l.closed = errors.Join(err, l.writer.close(), l.lock.Close())
		l.failure.Store(&ErrClosed)
	})
	return l.closed
}

func (l *Log) encode(r *Record) *entry {
	e := l.pool.Get().(*entry)
	e.line = appendRecord(e.line[:0], r, l.node)
	return e
}

// maxPooled is the longest line whose memory is kept for the next one.
const maxPooled = 16 << 10

func (l *Log) free(e *entry) {
	if cap(e.line) > maxPooled {
		return
	}
	e.err, e.left, e.signalled = nil, false, false
	l.pool.Put(e)
}

// poke leaves a message in a channel with room for one.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
