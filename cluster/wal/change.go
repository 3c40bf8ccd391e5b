package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// The steps that change which segments there are. Each ends with, or begins with, one replacement of the manifest, which
// is the moment at which it takes effect. All are called with Log.writing held.

// writeManifest makes the segments the log.
func (l *Log) writeManifest(first uint64, segments []*segment) error {
	return l.replaceManifest(&manifest{First: first, Segments: list(segments)})
}

func (l *Log) writeClean() error {
	return l.replaceManifest(&manifest{First: l.first, Clean: true, Next: l.next, Segments: list(l.segments)})
}

// replaceManifest leaves it unknown which manifest is in force if it fails, other than for want of space.
func (l *Log) replaceManifest(m *manifest) error {
	data, err := m.encode()
	if err != nil {
		return err
	}
	if err := l.disk.replace(filepath.Join(l.dir, manifestName), data); err != nil {
		if Full(err) {
			return err
		}
		return l.fail(err)
	}
	return nil
}

func list(segments []*segment) []listed {
	out := make([]listed, len(segments))
	for i, s := range segments {
		out[i] = s.listed
	}
	return out
}

// newSegment makes the file of a segment; it does not count before it is in the manifest.
func (l *Log) newSegment(base uint64, size uint32) (*segment, error) {
	s := &segment{listed: listed{ID: 1, Base: base}, contents: contents{end: segmentHeader, size: size}}
	if len(l.segments) > 0 {
		s.ID = l.tail().ID + 1
	}
	path := filepath.Join(l.dir, segmentName(s.ID))
	f, err := l.disk.create(path, int64(size))
	if err != nil {
		return nil, err
	}
	s.file = f
	_, err = f.WriteAt(encodeHeader(s.ID, base, size), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.disk.syncDir(l.dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), l.disk.remove(path))
	}
	return s, nil
}

// adopt replaces the segments, and drops those that are no longer among them. If it fails before that took effect, new
// segments are closed.
func (l *Log) adopt(first, next uint64, segments []*segment) error {
	if err := l.writeManifest(first, segments); err != nil {
		return errors.Join(err, closeThose(without(segments, l.segments)))
	}
	gone := without(l.segments, segments)
	l.mu.Lock()
	l.first, l.next, l.segments = first, next, segments
	l.mu.Unlock()
	return l.drop(gone)
}

// without gives the segments of a that are not in b.
func without(a, b []*segment) []*segment {
	return slices.DeleteFunc(slices.Clone(a), func(s *segment) bool { return slices.Contains(b, s) })
}

func closeThose(segments []*segment) error {
	var errs []error
	for _, s := range segments {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}

// drop removes the files of segments that are not in the manifest any more.
func (l *Log) drop(gone []*segment) error {
	if len(gone) == 0 {
		return nil
	}
	err := closeThose(gone)
	for _, s := range gone {
		err = errors.Join(err, l.disk.remove(filepath.Join(l.dir, segmentName(s.ID))))
	}
	return errors.Join(err, l.disk.syncDir(l.dir))
}

// extend begins a new segment behind the tail.
func (l *Log) extend(size uint32) error {
	s, err := l.newSegment(l.next, size)
	if err != nil {
		return err
	}
	segments := append(slices.Clone(l.segments), s)
	if len(l.tail().offsets) == 0 { // the old tail is empty: it is replaced
		segments = append(slices.Clone(l.segments[:len(l.segments)-1]), s)
	}
	return l.adopt(l.first, l.next, segments)
}

// reset makes the log an empty one that begins at an index.
func (l *Log) reset(next uint64) error {
	s, err := l.newSegment(next, l.sizes)
	if err != nil {
		return err
	}
	return l.adopt(next, next, []*segment{s})
}

// Roll makes sure that entries stored from now on are in another file than those stored before.
func (l *Log) Roll() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.writable(); err != nil || len(l.tail().offsets) == 0 {
		return err
	}
	return l.extend(l.sizes)
}

// Oldest gives the index of the first entry that may still be in a file, deleted or not.
func (l *Log) Oldest() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.segments[0].Base
}

// DeleteRange deletes the entries from min to max, which must include the first or the last. Entries that are deleted at
// the front stay on the disk as long as others in their segment are not; those at the end are overwritten.
func (l *Log) DeleteRange(min, max uint64) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.writable(); err != nil {
		return err
	}
	last := l.next - 1
	switch {
	case min > max || max < l.first || min > last:
		return nil
	case min <= l.first && max >= last:
		return l.deleteAll()
	case min <= l.first:
		return l.deleteFront(max + 1)
	case max >= last:
		return l.deleteBack(min - 1)
	}
	return fmt.Errorf("entries %d to %d are in the middle of the log, which has %d to %d", min, max, l.first, last)
}

func (l *Log) deleteAll() error {
	if len(l.tail().offsets) > 0 {
		return l.reset(l.next)
	}
	return l.adopt(l.next, l.next, []*segment{l.tail()})
}

func (l *Log) deleteFront(first uint64) error {
	keep := l.segments
	for len(keep) > 1 && keep[1].Base <= first {
		keep = keep[1:]
	}
	return l.adopt(first, l.next, slices.Clone(keep))
}

// deleteBack first makes the entries void, then overwrites them, so that a crash between cannot bring some of them back.
func (l *Log) deleteBack(last uint64) error {
	keep := slices.Clone(l.segments)
	for keep[len(keep)-1].Base > last {
		keep = keep[:len(keep)-1]
	}
	tail := keep[len(keep)-1]
	l.mu.Lock()
	tail.Keep = last
	if at := last + 1 - tail.Base; at < uint64(len(tail.offsets)) {
		tail.end = tail.offsets[at]
		tail.offsets = slices.Clip(tail.offsets[:at])
	}
	l.next = last + 1
	l.mu.Unlock()
	if err := l.adopt(l.first, last+1, keep); err != nil {
		return l.fail(err)
	}
	if err := tail.clear(); err != nil {
		return l.fail(err)
	}
	tail.Keep = 0
	if err := l.writeManifest(l.first, l.segments); err != nil {
		return l.fail(err)
	}
	return nil
}

// clear overwrites with zeros what is behind the last record.
func (s *segment) clear() error {
	if _, err := s.file.WriteAt(make([]byte, s.size-s.end), int64(s.end)); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.void = false
	return nil
}
