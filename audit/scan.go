package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// DamageError says where a log is not as this package writes it.
type DamageError struct {
	File   string // name of the file within the folder
	Offset int64  // byte at which the line begins
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("audit log is damaged: %s, byte %d: %s", e.File, e.Offset, e.Reason)
}

// maxDamage is how many damages Scan reports.
const maxDamage = 10

// Scan reads the log in dir, oldest record first, and calls fn with each record: a line without its newline, valid until
// fn returns. An error of fn ends the scan and is returned as it is.
//
// Scan is strict: a line that is no JSON object ending in a sequence number, or whose number does not follow its
// predecessor's, is damage. It reads on behind damage, and returns the first [DamageError] values joined at the end. Bytes
// after the last newline of a file are no damage but a record that was never acknowledged; they are passed over. Scan may
// run while the log is being written.
func Scan(dir string, fn func(line []byte) error) error {
	names, err := list(dir)
	if err != nil {
		return err
	}
	s := scanner{fn: fn}
	for _, name := range names {
		if err := s.file(dir, name); err != nil {
			return err
		}
	}
	return errors.Join(s.damage...)
}

type scanner struct {
	fn     func(line []byte) error
	last   uint64 // sequence number of the record before
	damage []error
}

func (s *scanner) file(dir string, name fileName) error {
	f, err := os.Open(filepath.Join(dir, name.String()))
	if s.last == 0 && errors.Is(err, fs.ErrNotExist) {
		return nil // removed just now, being the oldest
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if s.last == 0 {
		s.last = name.first - 1 // older files may have been removed
	}
	return lines(f, func(line []byte, offset int64, whole bool) error {
		reason, err := s.line(line, whole)
		if reason != "" && len(s.damage) < maxDamage {
			s.damage = append(s.damage, &DamageError{File: name.String(), Offset: offset, Reason: reason})
		}
		return err
	})
}

// line hands on one line; reason says what is wrong with it.
func (s *scanner) line(line []byte, whole bool) (reason string, err error) {
	if !whole {
		return "", nil
	}
	sequence, ok := checkLine(line)
	if !ok {
		return "not a record", nil
	}
	if sequence != s.last+1 {
		reason = fmt.Sprintf("record %d follows record %d", sequence, s.last)
	}
	s.last = sequence
	return reason, s.fn(line[:len(line)-1])
}

// lines calls fn with each line of r, newline included, and its offset. Whole is false for what comes after the last
// newline. A line longer than MaxLine comes as its beginning without a newline, but whole.
func lines(r io.Reader, fn func(line []byte, offset int64, whole bool) error) error {
	br := bufio.NewReaderSize(r, MaxLine)
	for offset := int64(0); ; {
		line, err := br.ReadSlice('\n')
		length := int64(len(line))
		whole := err == nil
		if errors.Is(err, bufio.ErrBufferFull) {
			line = bytes.Clone(line[:maxQuote])
			var skipped int64
			skipped, whole, err = skipLine(br)
			length += skipped
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(line) > 0 {
			if err := fn(line, offset, whole); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
		offset += length
	}
}

// skipLine reads to the end of a line, or of the file (then whole is false).
func skipLine(br *bufio.Reader) (n int64, whole bool, err error) {
	for {
		rest, err := br.ReadSlice('\n')
		n += int64(len(rest))
		if !errors.Is(err, bufio.ErrBufferFull) {
			return n, err == nil, err
		}
	}
}

// checkLine reports whether line is a whole record with its newline, and gives its sequence number.
func checkLine(line []byte) (sequence uint64, ok bool) {
	body, ok := bytes.CutSuffix(line, []byte("\n"))
	if !ok || !oneLineObject(body) {
		return 0, false
	}
	head, ok := bytes.CutSuffix(body, []byte("}}"))
	if !ok {
		return 0, false
	}
	i := len(head)
	for i > 0 && isDigit(head[i-1]) {
		i--
	}
	if !bytes.HasSuffix(head[:i], []byte(sequenceMember)) {
		return 0, false
	}
	sequence, err := strconv.ParseUint(string(head[i:]), 10, 64)
	return sequence, err == nil && sequence > 0 && sequence < math.MaxUint64 // something must come after it
}
