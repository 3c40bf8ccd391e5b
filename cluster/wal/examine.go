package wal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// defaultSegment is the size of a segment file, in bytes. A write that is bigger gets a segment of its own.
const defaultSegment = 8 << 20

// Found is a log that was read and found to be in order. Nothing in the folder has been changed, and nothing must change
// it before Open.
type Found struct {
	dir      string
	manifest *manifest
	contents []contents // of the manifest's segments
	next     uint64     // index of the entry to be stored next

	stableSeq uint64
	stable    map[string][]byte
}

// Examine reads the log in a folder. The error is [ErrNone], a [*Damage], or of the file system.
func Examine(dir string) (*Found, error) {
	path := filepath.Join(dir, manifestName)
	data, err := readBounded(path, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(path, data)
	if err != nil {
		return nil, err
	}
	f := &Found{dir: dir, manifest: m}
	for i, s := range m.Segments {
		if err := f.examine(s, i == len(m.Segments)-1); err != nil {
			return nil, err
		}
	}
	if err := f.checkEnd(path); err != nil {
		return nil, err
	}
	f.stableSeq, f.stable, err = examineStable(dir)
	return f, err
}

func (f *Found) examine(s listed, last bool) error {
	path := filepath.Join(f.dir, segmentName(s.ID))
	data, err := readBounded(path, maxSegment)
	if errors.Is(err, fs.ErrNotExist) {
		return damaged(path, -1, "segment is missing")
	}
	if err != nil {
		return err
	}
	if f.next != 0 && f.next != s.Base {
		return damaged(path, -1, "entries %d to %d are missing before this segment", f.next, s.Base-1)
	}
	c, err := parseSegment(path, data, s, last)
	if err != nil {
		return err
	}
	f.contents = append(f.contents, c)
	f.next = s.Base + uint64(len(c.offsets))
	return nil
}

// checkEnd compares the end of the log with what the manifest says about it.
func (f *Found) checkEnd(path string) error {
	m := f.manifest
	if f.next < m.First {
		return damaged(path, -1, "log ends at entry %d, before its first entry %d", f.next-1, m.First)
	}
	if !m.Clean {
		return nil
	}
	last := len(m.Segments) - 1
	if f.next != m.Next || f.contents[last].void {
		return damaged(filepath.Join(f.dir, segmentName(m.Segments[last].ID)), int64(f.contents[last].end),
			"log was closed in order with %d as its last entry, but is damaged behind entry %d", m.Next-1, f.next-1)
	}
	return nil
}

// Bounds gives the index of the first entry and of the one to be stored next; they are equal if there is none.
func (f *Found) Bounds() (first, next uint64) { return f.manifest.First, f.next }

func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, damaged(path, -1, "not a file of at most %d bytes", limit)
	}
	return os.ReadFile(path)
}

// Options are how a log is to be run. The zero value will do.
type Options struct {
	// SegmentSize is the size of new segment files, in bytes; 0 means 8 MiB.
	SegmentSize uint32
	// Failed, if set, is told when the log cannot be written any more ([ErrFailed]). It must not block.
	Failed func(error)

	disk disk // tests only
}

// Create makes an empty log in a folder that has none.
func Create(dir string, o Options) (*Log, error) {
	d := o.disk
	if d == nil {
		d = osDisk{}
	}
	if err := createStable(d, dir); err != nil {
		return nil, err
	}
	l := newLog(dir, o)
	if err := l.reset(1); err != nil {
		return nil, err
	}
	if err := l.closeFiles(); err != nil {
		return nil, err
	}
	f, err := Examine(dir)
	if err != nil {
		return nil, err
	}
	return f.Open(o)
}

// Open opens the log for writing, after clearing what a crash left behind.
func (f *Found) Open(o Options) (*Log, error) {
	l := newLog(f.dir, o)
	l.first, l.next = f.manifest.First, f.next
	if err := l.openFiles(f); err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	if err := l.repair(); err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	return l, nil
}

func (l *Log) openFiles(f *Found) error {
	for i, s := range f.manifest.Segments {
		open, err := l.disk.open(filepath.Join(f.dir, segmentName(s.ID)))
		if err != nil {
			return err
		}
		l.segments = append(l.segments, &segment{listed: s, file: open, contents: f.contents[i]})
	}
	open, err := l.disk.open(filepath.Join(f.dir, stableName))
	if err != nil {
		return err
	}
	l.stable = &Stable{file: open, values: f.stable, seq: f.stableSeq}
	return nil
}

// repair leaves the folder as if the last process had not crashed, and takes back that it was closed.
func (l *Log) repair() error {
	tail := l.tail()
	if err := tail.file.Truncate(int64(tail.size)); err != nil { // a file that was cut behind its records
		return err
	}
	if tail.void {
		if err := tail.clear(); err != nil {
			return err
		}
	}
	tail.Keep = 0
	if err := l.writeManifest(l.first, l.segments); err != nil {
		return err
	}
	return l.removeUnlisted()
}

// removeUnlisted removes what a crash left between two steps.
func (l *Log) removeUnlisted() error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	removed := false
	for _, e := range entries {
		known := e.Name() == manifestName || e.Name() == stableName || slices.ContainsFunc(l.segments, func(s *segment) bool {
			return segmentName(s.ID) == e.Name()
		})
		if known {
			continue
		}
		if err := l.disk.remove(filepath.Join(l.dir, e.Name())); err != nil {
			return err
		}
		removed = true
	}
	if !removed {
		return nil
	}
	return l.disk.syncDir(l.dir)
}
