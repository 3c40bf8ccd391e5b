package wal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/hashicorp/raft"
)

// Stable keeps what raft must not forget: its term and whom it voted for. Setting a value overwrites the same two blocks
// in turn, so that it needs no space on the disk, is whole after a crash, and survives the loss of either block.
type Stable struct {
	mu     sync.Mutex
	file   file              // guarded by mu
	values map[string][]byte // guarded by mu
	seq    uint64            // guarded by mu: counts the changes
	bad    error             // guarded by mu: a write failed
}

var _ raft.StableStore = (*Stable)(nil)

// A block is magic 8 | number of the change 8 | size of the rest 4 | CRC-32C of the other fields and the rest 4 | values, as JSON.
const (
	stableName  = "stable"
	stableMagic = "OSTVOTE1"
	stableHead  = 24
	stableBlock = 4096 // bytes
)

func encodeStable(seq uint64, values map[string][]byte) ([]byte, error) {
	body, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	if len(body) > stableBlock-stableHead {
		return nil, fmt.Errorf("values of %d bytes do not fit into a block", len(body))
	}
	b := append(make([]byte, 0, stableBlock), stableMagic...)
	b = binary.BigEndian.AppendUint64(b, seq)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = binary.BigEndian.AppendUint32(b, crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, body))
	b = append(b, body...)
	return b[:stableBlock], nil
}

// parseStableBlock accepts exactly what encodeStable gives.
func parseStableBlock(b []byte) (seq uint64, values map[string][]byte, ok bool) {
	if len(b) != stableBlock {
		return 0, nil, false
	}
	seq = binary.BigEndian.Uint64(b[8:])
	size := binary.BigEndian.Uint32(b[16:])
	if size > stableBlock-stableHead || json.Unmarshal(b[stableHead:stableHead+size], &values) != nil {
		return 0, nil, false
	}
	again, err := encodeStable(seq, values)
	return seq, values, err == nil && bytes.Equal(again, b)
}

// parseStable reads both blocks. The error is a *Damage.
func parseStable(path string, data []byte) (uint64, map[string][]byte, error) {
	if len(data) != 2*stableBlock {
		return 0, nil, damaged(path, -1, "file has %d bytes instead of %d", len(data), 2*stableBlock)
	}
	seq, values, ok := parseStableBlock(data[:stableBlock])
	seq2, values2, ok2 := parseStableBlock(data[stableBlock:])
	switch {
	case !ok && !ok2:
		return 0, nil, damaged(path, 0, "both copies of raft's term and vote are damaged")
	case !ok || ok2 && seq2 > seq:
		return seq2, values2, nil
	}
	return seq, values, nil
}

func examineStable(dir string) (uint64, map[string][]byte, error) {
	path := filepath.Join(dir, stableName)
	data, err := readBounded(path, 2*stableBlock)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, damaged(path, -1, "file is missing")
	}
	if err != nil {
		return 0, nil, err
	}
	return parseStable(path, data)
}

func createStable(d disk, dir string) error {
	block, err := encodeStable(0, map[string][]byte{})
	if err != nil {
		return err
	}
	return d.replace(filepath.Join(dir, stableName), append(block, block...))
}

// Get gives a value, nil if there is none.
func (s *Stable) Get(key []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.values[string(key)]), nil
}

// GetUint64 gives a value that was set by SetUint64, 0 if there is none.
func (s *Stable) GetUint64(key []byte) (uint64, error) {
	v, err := s.Get(key)
	switch {
	case err != nil || len(v) == 0:
		return 0, err
	case len(v) != 8:
		return 0, fmt.Errorf("value of %q is no number", key)
	}
	return binary.BigEndian.Uint64(v), nil
}

// SetUint64 sets a value and returns when it is durable.
func (s *Stable) SetUint64(key []byte, value uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// Set sets a value and returns when it is durable.
func (s *Stable) Set(key, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad != nil {
		return s.bad
	}
	if old, ok := s.values[string(key)]; ok && bytes.Equal(old, value) {
		return nil
	}
	values := maps.Clone(s.values)
	values[string(key)] = slices.Clone(value)
	block, err := encodeStable(s.seq+1, values)
	if err != nil {
		return err
	}
	for _, at := range []int64{0, stableBlock} {
		if err := s.write(block, at); err != nil {
			s.bad = fmt.Errorf("%w: %w", ErrFailed, err)
			return s.bad
		}
	}
	s.seq, s.values = s.seq+1, values
	return nil
}

func (s *Stable) write(block []byte, at int64) error {
	if _, err := s.file.WriteAt(block, at); err != nil {
		return err
	}
	return s.file.Sync()
}

func (s *Stable) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad = ErrClosed
	return s.file.Close()
}
