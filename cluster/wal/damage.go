package wal

import (
	"errors"
	"fmt"
)

// Errors besides [*Damage] and those of the file system.
var (
	// ErrNone: the folder has no log.
	ErrNone = errors.New("no log")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("log is closed")
	// ErrFailed: a write failed in a way that leaves it unknown what is on the disk; only opening anew can tell.
	ErrFailed = errors.New("log cannot be written any more")
)

// Damage means that a file is not as this package left it.
type Damage struct {
	Path    string
	Offset  int64 // of the first bad byte or record; -1 if the file as a whole is meant
	Problem string
}

func (d *Damage) Error() string {
	return d.Path + ": " + d.Where()
}

func damaged(path string, offset int64, format string, args ...any) *Damage {
	return &Damage{Path: path, Offset: offset, Problem: fmt.Sprintf(format, args...)}
}

// Where tells the problem without the path.
func (d *Damage) Where() string {
	if d.Offset < 0 {
		return d.Problem
	}
	return fmt.Sprintf("%s (byte %d)", d.Problem, d.Offset)
}
