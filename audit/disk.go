package audit

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"ostiary.dev/durable"
)

// disk is what a writer asks of the file system; tests put a failing one in its place.
type disk interface {
	create(path string) (file, error) // a new file with permissions 0600, for appending
	open(path string) (file, error)   // a file that exists, for appending
	remove(path string) error
	syncDir(path string) error
}

// file is a log file that is open for appending.
type file interface {
	Write(b []byte) (int, error)
	Truncate(size int64) error
	datasync() error // returns when what was written is on disk
	linked() bool    // whether the file still has a name
	Close() error
}

type osDisk struct{}

func (osDisk) create(path string) (file, error) {
	return openFile(path, os.O_CREATE|os.O_EXCL)
}

func (osDisk) open(path string) (file, error) { return openFile(path, 0) }

func (osDisk) remove(path string) error { return os.Remove(path) }

func (osDisk) syncDir(path string) error { return durable.SyncDir(path) }

func openFile(path string, flags int) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW|flags, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

type osFile struct{ *os.File }

func (f osFile) datasync() error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = conn.Control(func(fd uintptr) {
		for {
			if syncErr = unix.Fdatasync(int(fd)); syncErr != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("fdatasync", syncErr)
}

func (f osFile) linked() bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || stat.Nlink > 0
}
