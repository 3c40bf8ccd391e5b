package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ErrLocked is what [Lock] returns, wrapped with the path and the holder's process id, while another holder has the lock.
var ErrLocked = errors.New("locked by another process")

// maxPIDText bounds what is read from a lock file: the longest process id of Linux has 7 digits.
const maxPIDText = 16

// FileLock is a lock that is held. It ends with [FileLock.Close] or with the process, however that ends.
type FileLock struct{ f *os.File }

// Lock takes the exclusive lock of the file path, which it makes with permissions 0600 if it is missing, and writes the
// process id into it. It does not wait: while the lock is held, by another process or by another Lock of this one, it fails with
// [ErrLocked] and names the holder. Child processes do not inherit the lock.
func Lock(path string) (*FileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		err = fmt.Errorf("lock %s: %w", path, err)
		if errors.Is(err, ErrLocked) {
			err = fmt.Errorf("%w (%s)", err, holder(f))
		}
		return nil, errors.Join(err, f.Close())
	}
	if err := writePID(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return &FileLock{f: f}, nil
}

// Close releases the lock. The file stays: removing it would let a third process lock a new file of the same name while a
// second one still waits on the old.
func (l *FileLock) Close() error {
	return errors.Join(l.f.Truncate(0), l.f.Close())
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrLocked
		default:
			return err
		}
	}
}

// holder reads who has the lock; the holder may not have written its id yet.
func holder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, maxPIDText))
	pid, convErr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || convErr != nil || pid <= 0 {
		return "pid unknown"
	}
	return "pid " + strconv.Itoa(pid)
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
