package wal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"ostiary.dev/durable"
)

// disk is what the package asks of the file system for changing something. Tests put one in its place that fails at
// any call.
type disk interface {
	// create makes an empty file, in place of one that there may be, and allocates size zero bytes.
	create(path string, size int64) (file, error)
	open(path string) (file, error)
	replace(path string, data []byte) error // durable
	remove(path string) error
	syncDir(path string) error
}

// file is an open segment.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	// Sync makes the data durable, and what metadata is needed to read it.
	Sync() error
}

type osDisk struct{}

func (osDisk) create(path string, size int64) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := allocate(f, size); err != nil {
		return nil, errors.Join(&os.PathError{Op: "allocate", Path: path, Err: err}, f.Close(), os.Remove(path))
	}
	return osFile{f}, nil
}

// allocate reserves the space, so that a full disk shows here and not in the middle of a write. Where the file system
// cannot, the file is sparse.
func allocate(f *os.File, size int64) error {
	err := retry(func() error { return unix.Fallocate(int(f.Fd()), 0, 0, size) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return f.Truncate(size)
	}
	return err
}

func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func (osDisk) open(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) replace(path string, data []byte) error { return durable.WriteFile(path, data, 0o600) }
func (osDisk) remove(path string) error               { return os.Remove(path) }
func (osDisk) syncDir(path string) error              { return durable.SyncDir(filepath.Clean(path)) }

type osFile struct{ *os.File }

func (f osFile) Sync() error {
	return retry(func() error { return unix.Fdatasync(int(f.Fd())) })
}

// Full reports whether an error means that there is no space on the disk. Nothing was stored then, and a later try may succeed.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
