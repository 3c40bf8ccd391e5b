package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// torn is what was found after the last whole record of a file.
type torn struct {
	file  string
	size  int64
	quote []byte // its beginning, at most maxQuote bytes
}

const maxQuote = 4 << 10

func (t *torn) appendJSON(b []byte) []byte {
	b = append(b, `{"file":`...)
	b = appendText(b, t.file, maxName)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, t.size, 10)
	b = append(b, `,"beginning":`...)
	b = appendText(b, string(t.quote), maxQuote)
	return append(b, '}')
}

// resume opens the newest file where its last whole record ends, or makes the first file. What it had to cut off it
// returns.
func (w *writer) resume() (*torn, error) {
	names, err := list(w.dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		w.next = 1
		w.name = fileName{made: w.now().UTC().Truncate(time.Second), first: w.next}
		f, err := create(w.disk, w.dir, w.name)
		if err != nil {
			return nil, err
		}
		w.seg = &segment{f: f}
		return nil, nil
	}
	w.name = names[len(names)-1]
	path := filepath.Join(w.dir, w.name.String())
	end, cut, err := findEnd(path, w.name)
	if err != nil {
		return nil, err
	}
	f, err := w.disk.open(path)
	if err != nil {
		return nil, err
	}
	w.next = end.next
	w.seg = &segment{f: f, sound: end.offset, torn: cut != nil}
	if w.seg.mend(); w.seg.dead {
		return nil, errors.Join(fmt.Errorf("cannot cut half a line off %s", path), f.Close())
	}
	return cut, nil
}

// end is where a file ends: the offset after its last whole record, and the sequence number that comes next.
type end struct {
	offset int64
	next   uint64
}

// findEnd looks for the last whole record of a file, and for what comes after it.
func findEnd(path string, name fileName) (end, *torn, error) {
	f, err := os.Open(path)
	if err != nil {
		return end{}, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return end{}, nil, err
	}
	size := info.Size()
	last, err := lastLine(f, size)
	if err != nil {
		return end{}, nil, err
	}
	if sequence, ok := checkLine(last); ok {
		return end{offset: size, next: sequence + 1}, nil, nil
	}
	at := end{next: name.first}
	err = lines(f, func(line []byte, offset int64, _ bool) error {
		if sequence, ok := checkLine(line); ok && sequence >= at.next {
			at = end{offset: offset + int64(len(line)), next: sequence + 1}
		}
		return nil
	})
	if err != nil || at.offset == size {
		return at, nil, err
	}
	cut := &torn{file: name.String(), size: size - at.offset, quote: make([]byte, min(maxQuote, size-at.offset))}
	if _, err := f.ReadAt(cut.quote, at.offset); err != nil {
		return end{}, nil, err
	}
	return at, cut, nil
}

// lastLine gives the last line of a file if it is no longer than MaxLine, or else something that is no line.
func lastLine(f io.ReaderAt, size int64) ([]byte, error) {
	tail := make([]byte, min(size, MaxLine))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	body, ok := bytes.CutSuffix(tail, []byte{'\n'})
	if !ok {
		return nil, nil
	}
	return tail[bytes.LastIndexByte(body, '\n')+1:], nil
}
