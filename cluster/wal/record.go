package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

const (
	recordHeader  = 24 // bytes
	payloadHeader = 21 // bytes
	alignment     = 8  // of records, in bytes

	// maxPayload bounds a record's payload, in bytes: four times what the state takes.
	maxPayload = 4 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recordSize is the place that a record takes, in bytes.
func recordSize(payload int) int {
	return (recordHeader + payload + alignment - 1) / alignment * alignment
}

func payloadSize(l *raft.Log) int { return payloadHeader + len(l.Extensions) + len(l.Data) }

// checksum covers a record from its index on, bound to the segment.
func checksum(segment uint64, covered []byte) uint32 {
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], segment)
	return crc32.Update(crc32.Checksum(id[:], castagnoli), castagnoli, covered)
}

// appendRecord appends the record of an entry of the write that begins with the entry batch.
func appendRecord(b []byte, segment, batch uint64, l *raft.Log) []byte {
	size, start := payloadSize(l), len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, l.Index)
	b = binary.BigEndian.AppendUint64(b, batch)
	b = binary.BigEndian.AppendUint64(b, l.Term)
	b = binary.BigEndian.AppendUint64(b, uint64(unixNano(l.AppendedAt)))
	b = append(b, byte(l.Type))
	b = binary.BigEndian.AppendUint32(b, uint32(len(l.Extensions)))
	b = append(b, l.Extensions...)
	b = append(b, l.Data...)
	binary.BigEndian.PutUint32(b[start+4:], checksum(segment, b[start+8:]))
	return append(b, make([]byte, start+recordSize(size)-len(b))...)
}

// unixNano keeps the zero time.
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// record is what a record says, its checksum being right. Payload is part of the bytes parsed.
type record struct {
	index, batch uint64
	size         int // of the whole record
	payload      []byte
}

var errBadRecord = errors.New("not a record")

// parseRecord reads the record at the beginning of b, which may go on behind it.
func parseRecord(b []byte, segment uint64) (record, error) {
	if len(b) < recordHeader {
		return record{}, errBadRecord
	}
	payload := binary.BigEndian.Uint32(b)
	if payload < payloadHeader || payload > maxPayload || len(b) < recordSize(int(payload)) {
		return record{}, errBadRecord
	}
	r := record{
		index:   binary.BigEndian.Uint64(b[8:]),
		batch:   binary.BigEndian.Uint64(b[16:]),
		size:    recordSize(int(payload)),
		payload: b[recordHeader : recordHeader+payload],
	}
	end := recordHeader + int(payload)
	if checksum(segment, b[8:end]) != binary.BigEndian.Uint32(b[4:]) || firstNonZero(b[end:r.size]) >= 0 || r.batch > r.index {
		return record{}, errBadRecord
	}
	return r, nil
}

// entry decodes the payload. The log's slices are parts of it.
func (r record) entry(l *raft.Log) error {
	p := r.payload
	extensions := binary.BigEndian.Uint32(p[17:])
	if uint64(extensions) > uint64(len(p)-payloadHeader) {
		return errBadRecord
	}
	*l = raft.Log{Index: r.index, Term: binary.BigEndian.Uint64(p), Type: raft.LogType(p[16])}
	if at := int64(binary.BigEndian.Uint64(p[8:])); at != 0 {
		l.AppendedAt = time.Unix(0, at)
	}
	if rest := p[payloadHeader:]; extensions > 0 {
		l.Extensions = rest[:extensions:extensions]
	}
	if data := p[payloadHeader+extensions:]; len(data) > 0 {
		l.Data = data
	}
	return nil
}
