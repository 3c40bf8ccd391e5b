package audit

import (
	"errors"
	"io"
	"syscall"
)

// segment is one log file being written. Its first sound bytes are whole lines; there may be half a line after them, left
// by a write that failed.
type segment struct {
	f     file
	sound int64 // bytes of whole lines
	torn  bool  // there may be bytes after the sound ones
	dead  bool  // nothing may be written to this file any more
}

// write appends b and returns how many bytes the kernel took. Until keep is called the segment counts as torn.
func (s *segment) write(b []byte) (n int, err error) {
	s.torn = true
	for n < len(b) {
		m, err := s.f.Write(b[n:])
		n += m
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return n, err
		case m == 0:
			return n, io.ErrShortWrite
		}
	}
	return n, nil
}

// keep declares that n bytes of what write appended are whole lines; all says whether nothing else was appended.
func (s *segment) keep(n int, all bool) {
	s.sound += int64(n)
	s.torn = !all
}

// mend removes half a line. If that fails, the file is left as it is (readers pass over the end of a file that is not a
// line) and becomes dead.
func (s *segment) mend() {
	if !s.torn {
		return
	}
	if err := s.f.Truncate(s.sound); err != nil {
		s.dead = true
		return
	}
	s.torn = false
}
