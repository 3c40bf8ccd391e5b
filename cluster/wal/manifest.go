package wal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

const (
	manifestName = "manifest"
	manifestHead = "ostiary log 1 %08x\n" // with the CRC-32C of the rest
	headSize     = 23                     // bytes
	maxManifest  = 1 << 20                // bytes
)

// manifest says which files make up the log.
type manifest struct {
	First    uint64   `json:"first"`           // index of the first entry that counts
	Clean    bool     `json:"clean,omitempty"` // the log was closed with Next as it is
	Next     uint64   `json:"next,omitempty"`  // with Clean: index of the next entry
	Segments []listed `json:"segments"`        // in order, at least one
}

// listed is a segment in the manifest.
type listed struct {
	ID   uint64 `json:"id"`
	Base uint64 `json:"base"`           // index of the first record
	Keep uint64 `json:"keep,omitempty"` // if not 0: index of the last record that counts; the others are being erased
}

func (m *manifest) encode() ([]byte, error) {
	body, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	return append(fmt.Appendf(nil, manifestHead, crc32.Checksum(body, castagnoli)), body...), nil
}

// parseManifest accepts exactly what encode gives.
func parseManifest(path string, data []byte) (*manifest, error) {
	if len(data) < headSize || len(data) > maxManifest {
		return nil, damaged(path, -1, "manifest has %d bytes", len(data))
	}
	body := data[headSize:]
	if want := fmt.Appendf(nil, manifestHead, crc32.Checksum(body, castagnoli)); !bytes.Equal(data[:headSize], want) {
		return nil, damaged(path, 0, "not a manifest that this version can read, or its checksum is wrong")
	}
	m := new(manifest)
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, damaged(path, headSize, "manifest: %v", err)
	}
	if again, err := m.encode(); err != nil || !bytes.Equal(again, data) {
		return nil, damaged(path, headSize, "manifest is not in its canonical form")
	}
	return m, m.check(path)
}

func (m *manifest) check(path string) error {
	if len(m.Segments) == 0 || m.First == 0 || m.Segments[0].Base > m.First || m.Segments[0].Base == 0 {
		return damaged(path, -1, "manifest lists no segment that begins at entry %d or before", m.First)
	}
	for i, s := range m.Segments {
		if s.Keep != 0 && (s.Keep < s.Base || i != len(m.Segments)-1) {
			return damaged(path, -1, "manifest keeps entries up to %d of segment %d", s.Keep, s.ID)
		}
		if i > 0 && (s.ID <= m.Segments[i-1].ID || s.Base <= m.Segments[i-1].Base) {
			return damaged(path, -1, "segments %d and %d are out of order", m.Segments[i-1].ID, s.ID)
		}
	}
	return nil
}
