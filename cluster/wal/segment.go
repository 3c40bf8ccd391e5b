package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const (
	segmentMagic  = "OSTLOG01"
	segmentHeader = 32       // bytes
	maxSegment    = 64 << 20 // bytes, of a file that is read at all
)

func segmentName(id uint64) string { return fmt.Sprintf("%016x.seg", id) }

// encodeHeader gives the header of a segment whose file has the given size.
func encodeHeader(id, base uint64, size uint32) []byte {
	b := make([]byte, 0, segmentHeader)
	b = append(b, segmentMagic...)
	b = binary.BigEndian.AppendUint64(b, id)
	b = binary.BigEndian.AppendUint64(b, base)
	b = binary.BigEndian.AppendUint32(b, size)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parseHeader gives the size that the file was made with.
func parseHeader(path string, data []byte, s listed) (uint32, error) {
	if len(data) < segmentHeader {
		return 0, damaged(path, int64(len(data)), "file was cut short in its header")
	}
	size := binary.BigEndian.Uint32(data[24:])
	if size > maxSegment || !bytes.Equal(data[:segmentHeader], encodeHeader(s.ID, s.Base, size)) {
		return 0, damaged(path, 0, "segment header is not the expected one")
	}
	if len(data) > int(size) {
		return 0, damaged(path, int64(size), "file is longer than it was made")
	}
	return size, nil
}

// contents is what was found in the bytes of a segment.
type contents struct {
	offsets []uint32 // of the records
	end     uint32   // offset behind the last record
	size    uint32   // of the file, as it was made
	void    bool     // there are bytes behind end that do not count: of a torn write, or of deleted records
}

// parseSegment reads a segment. Only the last one can have a torn write. The error is a *Damage.
func parseSegment(path string, data []byte, s listed, last bool) (contents, error) {
	size, err := parseHeader(path, data, s)
	if err != nil {
		return contents{}, err
	}
	c := contents{end: segmentHeader, size: size}
	next := s.Base
	for s.Keep == 0 || next <= s.Keep {
		r, err := parseRecord(data[c.end:], s.ID)
		if err != nil || r.index != next || r.batch < s.Base {
			break
		}
		c.offsets = append(c.offsets, c.end)
		c.end += uint32(r.size)
		next++
	}
	rest := data[c.end:]
	c.void = firstNonZero(rest) >= 0
	if s.Keep == 0 {
		return c, c.judge(path, data, s.ID, next, last)
	}
	if next != s.Keep+1 {
		return contents{}, damaged(path, int64(c.end), "record of entry %d is damaged", next)
	}
	return c, nil
}

// judge decides what it means that the good records end where they do. The entry next should be there, if it was written.
func (c *contents) judge(path string, data []byte, id, next uint64, last bool) error {
	rest := data[c.end:]
	ended := len(rest) >= recordHeader && firstNonZero(rest[:recordHeader]) < 0
	if len(data) < int(c.size) && !ended {
		return damaged(path, int64(len(data)), "file was cut short, where entry %d would be", next)
	}
	if c.void && !last {
		return damaged(path, int64(c.end), "record of entry %d is damaged", next)
	}
	for at := 0; c.void && at+recordHeader <= len(rest); at += alignment {
		if index, ok := laterWrite(rest[at:], id, next); ok {
			return damaged(path, int64(c.end), "record of entry %d is damaged, but entry %d was written after it", next, index)
		}
	}
	return nil
}

// laterWrite reports whether b begins with a record of a write that began after the entry next had been written.
func laterWrite(b []byte, id, next uint64) (uint64, bool) {
	index, batch := binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])
	if batch <= next || index < batch || index-next > maxSegment/recordHeader {
		return 0, false
	}
	r, err := parseRecord(b, id)
	return r.index, err == nil
}

// firstNonZero gives the place of the first byte that is not zero, or -1.
func firstNonZero(b []byte) int {
	var zeros [4096]byte
	for at := 0; at < len(b); at += len(zeros) {
		block := b[at:min(at+len(zeros), len(b))]
		if bytes.Equal(block, zeros[:len(block)]) {
			continue
		}
		for i, v := range block {
			if v != 0 {
				return at + i
			}
		}
	}
	return -1
}
