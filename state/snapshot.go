package state

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"iter"
)

// A snapshot is magic and then frames: a kind (one byte), the payload's length (four bytes, big-endian) and the
// payload, a CBOR map in core deterministic encoding. Kinds come in order of their numbers and the records of a kind
// in order of their keys, so that a state has one snapshot. Policies are written once, as the records of kind
// document; keys and users name them by their place among those, from 0. The payload of the last frame is not CBOR
// but the SHA-256 of all bytes before that frame.
//
// The rules for evolving commands hold for records too. A change that old nodes cannot read has another magic.
const magic = "ostiary state 1\n"

type kind byte

const (
	kindHeader    kind = 1
	kindCluster   kind = 2
	kindDocument  kind = 3
	kindAccount   kind = 4
	kindUser      kind = 5
	kindAccessKey kind = 6
	kindKey       kind = 7
	kindAlias     kind = 8
	kindEnd       kind = 255
)

const (
	frameHeader = 5       // bytes
	maxRecord   = 1 << 20 // bytes of a frame's payload
)

type headerRecord struct {
	Index uint64 `cbor:"1,keyasint"`
}

type documentRecord struct {
	Text string `cbor:"1,keyasint"`
}

// userRecord is a user whose policies have no documents; Documents has their places instead.
type userRecord struct {
	User      User     `cbor:"1,keyasint"`
	Documents []uint32 `cbor:"2,keyasint,omitempty"`
}

// keyRecord is a key without its policy, which is the document at place Policy.
type keyRecord struct {
	Key    Key    `cbor:"1,keyasint"`
	Policy uint32 `cbor:"2,keyasint"`
}

// WriteTo writes a snapshot, streaming. The same state gives the same bytes on every node. Commands can be applied
// meanwhile.
func (v *View) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w)
	if err := e.view(v); err != nil {
		return e.out.n, fmt.Errorf("writing snapshot: %w", err)
	}
	return e.out.n, nil
}

// Hash gives the SHA-256 of the snapshot but for its last frame. Nodes that have applied the same entries have the
// same hash. It takes as long as writing a snapshot.
func (v *View) Hash() ([sha256.Size]byte, error) {
	e := newEncoder(io.Discard)
	if err := e.view(v); err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("hashing state: %w", err)
	}
	return [sha256.Size]byte(e.hash.Sum(nil)), nil
}

type encoder struct {
	out    *counter
	w      *bufio.Writer // to out
	hash   hash.Hash     // of all frames but the last
	record bytes.Buffer
	places map[*Document]uint32
}

func newEncoder(w io.Writer) *encoder {
	out := &counter{w: w}
	return &encoder{out: out, w: bufio.NewWriterSize(out, 1<<16), hash: sha256.New(), places: map[*Document]uint32{}}
}

func (e *encoder) view(v *View) error {
	e.hash.Write([]byte(magic))
	if err := e.write([]byte(magic)); err != nil {
		return err
	}
	if err := e.frame(kindHeader, headerRecord{v.t.index}); err != nil {
		return err
	}
	if v.t.cluster != nil {
		if err := e.frame(kindCluster, v.t.cluster); err != nil {
			return err
		}
	}
	for _, write := range []func(*tables) error{e.documents, e.accounts, e.users, e.accessKeys, e.keys, e.aliases} {
		if err := write(&v.t); err != nil {
			return err
		}
	}
	return e.end()
}

func (e *encoder) documents(t *tables) error {
	for _, s := range t.documents.all() {
		e.places[s.document] = uint32(len(e.places))
		if err := e.frame(kindDocument, documentRecord{s.document.Text}); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) accounts(t *tables) error { return frames(e, kindAccount, t.accounts.all()) }

func (e *encoder) users(t *tables) error {
	for _, u := range t.users.all() {
		r := userRecord{User: *u}
		r.User.Policies = make([]InlinePolicy, len(u.Policies))
		for i, p := range u.Policies {
			r.User.Policies[i].Name = p.Name
			r.Documents = append(r.Documents, e.places[p.Document])
		}
		if err := e.frame(kindUser, &r); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) accessKeys(t *tables) error { return frames(e, kindAccessKey, t.accessKeys.all()) }

func (e *encoder) keys(t *tables) error {
	var r keyRecord // one for all keys: it escapes
	for _, k := range t.keys.all() {
		r.Key = *k
		r.Key.Policy = nil
		r.Policy = e.places[k.Policy]
		if err := e.frame(kindKey, &r); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) aliases(t *tables) error { return frames(e, kindAlias, t.aliases.all()) }

// frames writes the records of a table as they are.
func frames[K, V any](e *encoder, k kind, records iter.Seq2[K, V]) error {
	for _, v := range records {
		if err := e.frame(k, v); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) frame(k kind, record any) error {
	m, err := encMode()
	if err != nil {
		return err
	}
	e.record.Reset()
	e.record.Write(make([]byte, frameHeader))
	if err := m.MarshalToBuffer(record, &e.record); err != nil {
		return err
	}
	frame := e.record.Bytes()
	if len(frame)-frameHeader > maxRecord {
		return fmt.Errorf("record of kind %d has %d bytes", k, len(frame)-frameHeader)
	}
	putFrameHeader(frame, k, len(frame)-frameHeader)
	e.hash.Write(frame)
	return e.write(frame)
}

func (e *encoder) end() error {
	frame := make([]byte, frameHeader, frameHeader+sha256.Size)
	putFrameHeader(frame, kindEnd, sha256.Size)
	if err := e.write(e.hash.Sum(frame)); err != nil {
		return err
	}
	return e.w.Flush()
}

func (e *encoder) write(b []byte) error {
	_, err := e.w.Write(b)
	return err
}

// counter counts the bytes written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func putFrameHeader(frame []byte, k kind, size int) {
	frame[0] = byte(k)
	binary.BigEndian.PutUint32(frame[1:], uint32(size))
}
