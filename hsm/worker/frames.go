package worker

import (
	"encoding/binary"
	"fmt"
	"io"
)

// readBuffer is the usual size of a frameReader's buffer: some two hundred small calls.
const readBuffer = 64 << 10

// frameReader cuts a stream into frames, reading as much as there is in one read. It is not safe for concurrent use.
type frameReader struct {
	src  io.Reader
	buf  []byte
	r, w int // buf[r:w] is read but not consumed
	last int // buf[last:r] is the frame that next returned last
}

func newFrameReader(src io.Reader) *frameReader {
	return &frameReader{src: src, buf: make([]byte, readBuffer)}
}

// next returns the rest of the next frame, without its length. It is valid until the call after: what the reader gave out is
// overwritten with zeros then, because it may have held plaintext. The error is io.EOF only at a frame's boundary.
func (f *frameReader) next() ([]byte, error) {
	f.release()
	for {
		n, ok, err := f.peek()
		if err != nil {
			return nil, err
		}
		if ok {
			f.last, f.r = f.r, f.r+n
			return f.buf[f.last+prefixSize : f.r], nil
		}
		if err := f.fill(n); err != nil {
			return nil, err
		}
	}
}

// buffered reports whether next will return without reading.
func (f *frameReader) buffered() bool {
	_, ok, err := f.peek()
	return ok || err != nil
}

// peek gives the size of the frame at the front, prefix included, as far as it is known, and whether all of it is there.
func (f *frameReader) peek() (size int, whole bool, err error) {
	if f.w-f.r < prefixSize {
		return prefixSize, false, nil
	}
	n := binary.BigEndian.Uint32(f.buf[f.r:])
	if n == 0 || n > maxFrame {
		return 0, false, fmt.Errorf("%w: length %d", errFrame, n)
	}
	size = prefixSize + int(n)
	return size, f.w-f.r >= size, nil
}

// release clears the last frame.
func (f *frameReader) release() {
	clear(f.buf[f.last:f.r])
	f.last = f.r
}

// fill makes room for a frame of size bytes at the front and reads once.
func (f *frameReader) fill(size int) error {
	f.makeRoom(size)
	n, err := f.src.Read(f.buf[f.w:])
	f.w += n
	if n > 0 {
		return nil
	}
	if err == io.EOF && f.w > f.r {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// makeRoom moves what is unread to the front, and changes to a larger buffer while a large frame needs one. At least half a
// usual buffer is free afterwards for what follows a small frame.
func (f *frameReader) makeRoom(size int) {
	want := readBuffer
	if size > readBuffer/2 {
		want = size + readBuffer/2
	}
	switch {
	case f.r == f.w && len(f.buf) <= want:
		f.r, f.w, f.last = 0, 0, 0
	case len(f.buf) != want && f.w-f.r <= want:
		old := f.buf
		f.buf = make([]byte, want)
		f.w = copy(f.buf, old[f.r:f.w])
		f.r, f.last = 0, 0
		clear(old)
	case f.r+size > len(f.buf) || f.w == len(f.buf):
		n := copy(f.buf, f.buf[f.r:f.w])
		clear(f.buf[n:f.w])
		f.r, f.last, f.w = 0, 0, n
	}
}
