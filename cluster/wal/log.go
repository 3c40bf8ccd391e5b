package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/hashicorp/raft"
)

// Log is the log, open for writing. All methods may be called by any number of goroutines; writers wait for each other,
// readers do not wait for a write under way.
type Log struct {
	dir    string
	disk   disk
	failed func(error)
	sizes  uint32 // of new segment files
	stable *Stable

	writing sync.Mutex // held by whoever changes anything, around mu
	buf     []byte     // guarded by writing
	failure error      // guarded by writing: why nothing can be written any more

	mu       sync.RWMutex
	first    uint64     // guarded by mu: index of the first entry, or of the next if there is none
	next     uint64     // guarded by mu: index of the next entry
	segments []*segment // guarded by mu: at least one, the last is written to
	closed   bool       // guarded by mu
}

// segment is an open segment. Its contents are guarded by Log.mu.
type segment struct {
	listed
	contents
	file file
}

var (
	_ raft.LogStore          = (*Log)(nil)
	_ raft.MonotonicLogStore = (*Log)(nil)
)

func newLog(dir string, o Options) *Log {
	l := &Log{dir: dir, disk: o.disk, failed: o.Failed, sizes: o.SegmentSize}
	if l.disk == nil {
		l.disk = osDisk{}
	}
	if l.failed == nil {
		l.failed = func(error) {}
	}
	if l.sizes == 0 {
		l.sizes = defaultSegment
	}
	return l
}

func (l *Log) tail() *segment { return l.segments[len(l.segments)-1] }

// Stable gives the values beside the log. They are open as long as it is.
func (l *Log) Stable() *Stable { return l.stable }

// IsMonotonic tells raft that indexes must not have gaps.
func (l *Log) IsMonotonic() bool { return true }

// FirstIndex gives the index of the first entry, 0 if there is none.
func (l *Log) FirstIndex() (uint64, error) {
	first, _, err := l.bounds()
	return first, err
}

// LastIndex gives the index of the last entry, 0 if there is none.
func (l *Log) LastIndex() (uint64, error) {
	_, last, err := l.bounds()
	return last, err
}

func (l *Log) bounds() (first, last uint64, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case l.closed:
		return 0, 0, ErrClosed
	case l.first == l.next:
		return 0, 0, nil
	}
	return l.first, l.next - 1, nil
}

// GetLog reads an entry. The error is raft.ErrLogNotFound if there is none of this index, or a [*Damage].
func (l *Log) GetLog(index uint64, into *raft.Log) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return ErrClosed
	}
	if index < l.first || index >= l.next {
		return raft.ErrLogNotFound
	}
	for i := len(l.segments) - 1; i >= 0; i-- {
		if s := l.segments[i]; s.Base <= index {
			return s.read(filepath.Join(l.dir, segmentName(s.ID)), index, into)
		}
	}
	return raft.ErrLogNotFound
}

func (s *segment) read(path string, index uint64, into *raft.Log) error {
	at := index - s.Base
	start, end := s.offsets[at], s.end
	if at+1 < uint64(len(s.offsets)) {
		end = s.offsets[at+1]
	}
	b := make([]byte, end-start)
	if _, err := s.file.ReadAt(b, int64(start)); err != nil {
		return err
	}
	r, err := parseRecord(b, s.ID)
	if err != nil || r.index != index {
		return damaged(path, int64(start), "record of entry %d is damaged", index)
	}
	return r.entry(into)
}

// StoreLog appends one entry.
func (l *Log) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

const (
	maxWrite  = 4 << 20   // bytes: more entries than fit are written in several writes
	keptWrite = 256 << 10 // bytes of buffer kept between writes
)

// StoreLogs appends entries and returns when they are durable. Their indexes follow each other and the last one; an
// empty log begins at any index. On an error none of the entries is stored, unless it is [ErrFailed]: then some may be, and
// nothing can be written any more.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.writable(); err != nil || len(entries) == 0 {
		return err
	}
	if l.first == l.next && entries[0].Index != l.next {
		if err := l.reset(entries[0].Index); err != nil {
			return err
		}
	}
	if err := checkEntries(l.next, entries); err != nil {
		return err
	}
	for stored := 0; stored < len(entries); {
		n, err := l.write(entries[stored:])
		if err != nil && stored > 0 {
			return l.fail(err) // raft takes it that all were stored or, with other errors, none
		}
		if err != nil {
			return err
		}
		stored += n
	}
	return nil
}

func checkEntries(next uint64, entries []*raft.Log) error {
	for i, e := range entries {
		if want := next + uint64(i); e.Index != want {
			return fmt.Errorf("entry %d cannot follow entry %d", e.Index, want-1)
		}
		if size := payloadSize(e); size > maxPayload {
			return fmt.Errorf("entry %d has %d bytes, at most %d are possible", e.Index, size, maxPayload)
		}
	}
	return nil
}

// write appends as many entries as go into one write, at least one.
func (l *Log) write(entries []*raft.Log) (int, error) {
	if err := l.room(entries); err != nil {
		return 0, err
	}
	tail := l.tail()
	buf, offsets := encodeWrite(l.buf[:0], tail, entries)
	if cap(buf) <= keptWrite {
		l.buf = buf
	}
	if _, err := tail.file.WriteAt(buf, int64(tail.end)); err != nil {
		return 0, l.fail(err)
	}
	if err := tail.file.Sync(); err != nil {
		return 0, l.fail(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	tail.offsets = append(tail.offsets, offsets...)
	tail.end += uint32(len(buf))
	l.next += uint64(len(offsets))
	return len(offsets), nil
}

// room makes sure that the tail has place for the first write.
func (l *Log) room(entries []*raft.Log) error {
	need, tail := writeSize(entries), l.tail()
	if uint64(tail.end)+need <= uint64(tail.size) {
		return nil
	}
	return l.extend(max(l.sizes, uint32(segmentHeader+need)))
}

// writeSize is the size of the next write, in bytes.
func writeSize(entries []*raft.Log) uint64 {
	var sum uint64
	for i, e := range entries {
		size := uint64(recordSize(payloadSize(e)))
		if i > 0 && sum+size > maxWrite {
			break
		}
		sum += size
	}
	return sum
}

func encodeWrite(buf []byte, tail *segment, entries []*raft.Log) ([]byte, []uint32) {
	size := writeSize(entries)
	var offsets []uint32
	for _, e := range entries {
		if uint64(len(buf)) == size {
			break
		}
		offsets = append(offsets, tail.end+uint32(len(buf)))
		buf = appendRecord(buf, tail.ID, entries[0].Index, e)
	}
	return buf, offsets
}

// writable is called with writing held.
func (l *Log) writable() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return ErrClosed
	}
	return l.failure
}

// fail is called with writing held. It makes every later write fail.
func (l *Log) fail(err error) error {
	if l.failure == nil {
		l.failure = fmt.Errorf("%w: %w", ErrFailed, err)
		l.failed(l.failure)
	}
	return l.failure
}

// Close closes the log and notes that it ends where it does, so that damage to its end will be seen.
func (l *Log) Close() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	err := l.writable()
	switch {
	case errors.Is(err, ErrClosed):
		return nil
	case err == nil:
		err = l.writeClean()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return errors.Join(err, l.closeFiles())
}

func (l *Log) closeFiles() error {
	err := closeThose(l.segments)
	if l.stable != nil {
		err = errors.Join(err, l.stable.close())
	}
	return err
}
