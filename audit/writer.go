package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"
)

// writer puts batches of records into files. It belongs to one goroutine at a time: whoever flushes.
type writer struct {
	dir      string
	disk     disk
	sync     Sync
	maxBytes int64
	now      func() time.Time
	log      *slog.Logger

	rotated func() // called after each new file

	seg      *segment
	name     fileName // of seg
	next     uint64   // sequence number of the next record
	rotateAt int64    // size from which on a new file is due; maxBytes unless making one failed

	looked  time.Time // when lookForFile looked
	tried   time.Time // when a new file was last tried or the last one died
	failure error     // what came of it

	buf  []byte // scratch: the bytes of a batch
	ends []int  // scratch: where each line in buf ends
}

// write hands lines to the kernel (and, by setting, to the disk), giving each the next sequence number, and returns how
// many of them, from the first on, are safe there. If that is not all of them, err says why.
func (w *writer) write(lines []*entry) (n int, err error) {
	size := 0
	for _, e := range lines {
		size += len(e.line) + maxTail
	}
	if err := w.ready(int64(size)); err != nil {
		return 0, err
	}
	w.stamp(lines)
	took, err := w.seg.write(w.buf)
	for n < len(lines) && w.ends[n] <= took {
		n++
	}
	whole := 0
	if n > 0 {
		whole = w.ends[n-1]
	}
	w.seg.keep(whole, whole == took)
	w.next += uint64(n)
	w.seg.mend()
	if w.sync != SyncDisk || n == 0 {
		return n, err
	}
	if syncErr := w.seg.f.datasync(); syncErr != nil {
		// The kernel may have dropped what it could not write and call the next sync a success, so this file is over.
		err = errors.Join(err, syncErr)
		w.die(w.now(), err)
		return 0, err
	}
	return n, err
}

// maxTail is more than appendSequence appends.
const maxTail = nameDigits + len("}}\n")

// stamp fills buf and ends with the lines and their sequence numbers.
func (w *writer) stamp(lines []*entry) {
	w.buf, w.ends = w.buf[:0], w.ends[:0]
	for i, e := range lines {
		w.buf = append(w.buf, e.line...)
		w.buf = appendSequence(w.buf, w.next+uint64(i))
		w.ends = append(w.ends, len(w.buf))
	}
}

// ready makes sure that there is a sound file to write size more bytes to.
func (w *writer) ready(size int64) error {
	now := w.now()
	w.seg.mend()
	w.lookForFile(now)
	if !w.seg.dead && (w.seg.sound == 0 || w.seg.sound+size <= w.rotateAt) {
		return nil
	}
	if w.seg.dead && w.failure != nil && within(now, w.tried, retryInterval) {
		return w.failure
	}
	w.tried = now
	w.failure = w.rotate(now)
	if w.failure == nil || w.seg.dead {
		return w.failure
	}
	// A file that is too long is better than refusing calls. Try again a little later.
	w.rotateAt = w.seg.sound + size + w.maxBytes/8
	w.log.Warn("audit log cannot begin a new file and goes on in the old one", "file", w.name.String(), "err", w.failure)
	return nil
}

// die gives the file up; a second later there may be a new one.
func (w *writer) die(now time.Time, err error) {
	w.seg.dead, w.tried, w.failure = true, now, err
}

// lookForFile gives the file up if somebody removed it, as clumsy log rotation does. It looks once a second.
func (w *writer) lookForFile(now time.Time) {
	if within(now, w.looked, lookInterval) {
		return
	}
	w.looked = now
	if !w.seg.dead && !w.seg.f.linked() {
		w.log.Error("audit file was removed, the log begins a new one", "file", w.name.String())
		w.seg.dead = true
	}
}

const (
	lookInterval  = time.Second // how often to look whether the file is still there
	retryInterval = time.Second // how often to try a new file after a dead one
)

// within says whether now is less than d after then.
func within(now, then time.Time, d time.Duration) bool {
	since := now.Sub(then)
	return since >= 0 && since < d
}

// rotate begins a new file. When it fails, the old one is still in place.
func (w *writer) rotate(now time.Time) error {
	name := fileName{made: now.UTC().Truncate(time.Second), first: w.next}
	if name.made.Before(w.name.made) {
		name.made = w.name.made
	}
	if name == w.name {
		name.made = name.made.Add(time.Second) // a dead file without any whole line has our name
	}
	f, err := create(w.disk, w.dir, name)
	if err != nil {
		return err
	}
	if err := w.seg.f.Close(); err != nil {
		w.log.Warn("audit log closes a file", "file", w.name.String(), "err", err)
	}
	w.seg, w.name, w.rotateAt = &segment{f: f}, name, w.maxBytes
	w.rotated()
	return nil
}

// create makes a file, and its name durable.
func create(d disk, dir string, name fileName) (file, error) {
	path := filepath.Join(dir, name.String())
	f, err := d.create(path)
	if err != nil {
		return nil, fmt.Errorf("begin audit file: %w", err)
	}
	if err := d.syncDir(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("begin audit file: %w", err), f.Close(), d.remove(path))
	}
	return f, nil
}

func (w *writer) close() error {
	if w.seg.dead {
		return w.seg.f.Close()
	}
	return errors.Join(w.seg.f.datasync(), w.seg.f.Close())
}
