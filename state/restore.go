package state

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Restore replaces the whole state by that of a snapshot, which must end where r does. Nothing is published before
// the checksum was found to be right; on any error the state is as it was. The error is a *Corrupt when it is the
// snapshot that is at fault, else that of r.
func (s *Store) Restore(r io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &decoder{r: newFrameReader(r), t: newTables(), pool: newInterner()}
	if err := d.snapshot(); err != nil {
		var failed *readError
		if errors.As(err, &failed) {
			return fmt.Errorf("reading snapshot: %w", failed.err)
		}
		return &Corrupt{Err: err}
	}
	s.work, s.pool, s.halt = d.t, d.pool, nil
	s.publish()
	return nil
}

// decoder builds tables from frames. Snapshots are trusted no more than entries: every record is checked, and so is
// that records are in order and what they refer to is there.
type decoder struct {
	r         *frameReader
	t         tables
	pool      interner
	documents []shared

	// The last record of each table, to hold the order.
	document, account, accessKey string
	user                         userKey
	key, alias                   KeyRef // an alias by its name
}

func (d *decoder) snapshot() error {
	if err := d.header(); err != nil {
		return err
	}
	last := kindHeader
	for {
		k, payload, err := d.r.frame()
		if err != nil {
			return err
		}
		if k < last {
			return fmt.Errorf("record of kind %d after one of kind %d", k, last)
		}
		last = k
		if k == kindEnd {
			break
		}
		if err := d.record(k, payload); err != nil {
			return fmt.Errorf("record of kind %d: %w", k, err)
		}
	}
	return d.finish()
}

func (d *decoder) header() error {
	if err := d.r.magic(); err != nil {
		return err
	}
	k, payload, err := d.r.frame()
	if err != nil {
		return err
	}
	if k != kindHeader {
		return errors.New("no header")
	}
	var h headerRecord
	if err := unmarshal(payload, &h); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	d.t.index = h.Index
	return nil
}

// finish adds the documents, whose uses are known only now.
func (d *decoder) finish() error {
	for _, s := range d.documents {
		if s.uses == 0 {
			return errors.New("document is not used")
		}
		d.t.documents.load(s.document.Text, s)
	}
	return nil
}

func (d *decoder) record(k kind, payload []byte) error {
	if k != kindCluster && d.t.cluster == nil {
		return errors.New("records of no cluster")
	}
	switch k {
	case kindCluster:
		return d.loadCluster(payload)
	case kindDocument:
		return d.loadDocument(payload)
	case kindAccount:
		return d.loadAccount(payload)
	case kindUser:
		return d.loadUser(payload)
	case kindAccessKey:
		return d.loadAccessKey(payload)
	case kindKey:
		return d.loadKey(payload)
	case kindAlias:
		return d.loadAlias(payload)
	}
	return errors.New("unknown kind")
}

// readError is an error of the reader, as opposed to one of what was read.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }

// frameReader reads frames and hashes them. A payload is valid until the next call.
type frameReader struct {
	r      *bufio.Reader
	hash   hash.Hash
	header [frameHeader]byte
	buf    []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 1<<16), hash: sha256.New()}
}

func (f *frameReader) magic() error {
	var b [len(magic)]byte
	if err := f.fill(b[:]); err != nil {
		return err
	}
	if string(b[:]) != magic {
		return errors.New("not a snapshot that this version can read")
	}
	f.hash.Write(b[:])
	return nil
}

// frame gives the next frame. With kindEnd the checksum was right and there is nothing more to read.
func (f *frameReader) frame() (kind, []byte, error) {
	if err := f.fill(f.header[:]); err != nil {
		return 0, nil, err
	}
	k, size := kind(f.header[0]), binary.BigEndian.Uint32(f.header[1:])
	if k == kindEnd {
		return k, nil, f.end(size)
	}
	if size > maxRecord {
		return 0, nil, fmt.Errorf("record of %d bytes", size)
	}
	if int(size) > cap(f.buf) {
		f.buf = make([]byte, size)
	}
	f.buf = f.buf[:size]
	if err := f.fill(f.buf); err != nil {
		return 0, nil, err
	}
	f.hash.Write(f.header[:])
	f.hash.Write(f.buf)
	return k, f.buf, nil
}

func (f *frameReader) end(size uint32) error {
	var sum [sha256.Size]byte
	if size != sha256.Size {
		return errors.New("checksum has another size")
	}
	if err := f.fill(sum[:]); err != nil {
		return err
	}
	if !bytes.Equal(sum[:], f.hash.Sum(nil)) {
		return errors.New("checksum does not match")
	}
	switch _, err := f.r.ReadByte(); err {
	case io.EOF:
		return nil
	case nil:
		return errors.New("bytes after the end")
	default:
		return &readError{err}
	}
}

func (f *frameReader) fill(b []byte) error {
	switch _, err := io.ReadFull(f.r, b); err {
	case nil:
		return nil
	case io.EOF, io.ErrUnexpectedEOF:
		return errors.New("cut short")
	default:
		return &readError{err}
	}
}
