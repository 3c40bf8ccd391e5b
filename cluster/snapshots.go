package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/raft"

	"ostiary.dev/durable"
	"ostiary.dev/state"
)

// The names that raft's file snapshot store uses.
const (
	unfinished   = ".tmp"      // suffix of a snapshot being written
	metaName     = "meta.json" // raft's part of a snapshot
	stateName    = "state.bin" // ours
	maxMeta      = 1 << 20     // bytes
	oneSnapshot  = 1           // how many are kept: an older one is of no use without the log behind it
	folderPerm   = 0o700
	snapshotPerm = 0o600
)

// snapshotStore is raft's file store with what that lacks: nobody else may read the files, their names are durable before the
// snapshot counts, and nothing stays of one that was given up.
type snapshotStore struct {
	*raft.FileSnapshotStore
	dir   string
	taken func(index uint64)
}

func newSnapshotStore(dataDir string, log *raftLog, taken func(uint64)) (*snapshotStore, error) {
	inner, err := raft.NewFileSnapshotStoreWithLogger(dataDir, oneSnapshot, log)
	if err != nil {
		return nil, err
	}
	return &snapshotStore{FileSnapshotStore: inner, dir: filepath.Join(dataDir, snapshotsName), taken: taken}, nil
}

// Create begins a snapshot.
func (s *snapshotStore) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, t raft.Transport) (raft.SnapshotSink, error) {
	inner, err := s.FileSnapshotStore.Create(v, index, term, c, at, t)
	if err != nil {
		return nil, err
	}
	sink := &snapshotSink{SnapshotSink: inner, dir: filepath.Join(s.dir, inner.ID()+unfinished), taken: func() { s.taken(index) }}
	if err := sink.protect(); err != nil {
		return nil, errors.Join(err, sink.Cancel())
	}
	return sink, nil
}

type snapshotSink struct {
	raft.SnapshotSink
	dir   string
	taken func()
	ended bool
}

func (s *snapshotSink) protect() error {
	return errors.Join(
		os.Chmod(s.dir, folderPerm),
		os.Chmod(filepath.Join(s.dir, metaName), snapshotPerm),
		os.Chmod(filepath.Join(s.dir, stateName), snapshotPerm),
		durable.SyncDir(s.dir),
	)
}

// Close makes the snapshot count, and removes older ones.
func (s *snapshotSink) Close() error {
	if s.ended {
		return nil
	}
	s.ended = true
	if err := s.SnapshotSink.Close(); err != nil {
		return errors.Join(err, os.RemoveAll(s.dir))
	}
	s.taken()
	return nil
}

// Cancel gives the snapshot up.
func (s *snapshotSink) Cancel() error {
	if s.ended {
		return nil
	}
	s.ended = true
	return errors.Join(s.SnapshotSink.Cancel(), os.RemoveAll(s.dir))
}

// foundSnapshots is what is in the snapshots folder.
type foundSnapshots struct {
	newest *raft.SnapshotMeta // nil if there is none
	stale  []string           // paths of what a crash has left behind
}

// examineSnapshots finds the newest snapshot and restores the store from it. It changes nothing on the disk.
func examineSnapshots(dataDir string, store *state.Store) (foundSnapshots, error) {
	dir := filepath.Join(dataDir, snapshotsName)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return foundSnapshots{}, damagedFile(dir, "cannot be read", err)
	}
	var found foundSnapshots
	var headless []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !e.IsDir() || strings.HasSuffix(e.Name(), unfinished) {
			found.stale = append(found.stale, path)
			continue
		}
		meta, err := readSnapshotMeta(path)
		if errors.Is(err, fs.ErrNotExist) {
			headless = append(headless, path)
			continue
		}
		if err != nil {
			return found, err
		}
		switch {
		case found.newest == nil:
			found.newest = meta
		case older(found.newest, meta):
			found.stale = append(found.stale, filepath.Join(dir, found.newest.ID))
			found.newest = meta
		default:
			found.stale = append(found.stale, path)
		}
	}
	for _, path := range headless {
		if found.newest == nil || !older(snapshotNamed(filepath.Base(path)), found.newest) {
			return found, damagedFile(filepath.Join(path, metaName), "snapshot's description is missing", nil)
		}
		found.stale = append(found.stale, path) // a crash has interrupted its removal
	}
	if found.newest == nil {
		return found, nil
	}
	return found, restoreSnapshot(filepath.Join(dir, found.newest.ID, stateName), found.newest, store)
}

func older(a, b *raft.SnapshotMeta) bool {
	if a.Term != b.Term {
		return a.Term < b.Term
	}
	if a.Index != b.Index {
		return a.Index < b.Index
	}
	return a.ID < b.ID
}

// snapshotNamed gives what the name of a snapshot's folder says, TERM-INDEX-MILLISECONDS. A name that is no snapshot's gives one
// that is older than none.
func snapshotNamed(id string) *raft.SnapshotMeta {
	m := &raft.SnapshotMeta{ID: id}
	var ms uint64
	if n, err := fmt.Sscanf(id, "%d-%d-%d", &m.Term, &m.Index, &ms); n != 3 || err != nil {
		m.Term = math.MaxUint64
	}
	return m
}

func readSnapshotMeta(path string) (*raft.SnapshotMeta, error) {
	file := filepath.Join(path, metaName)
	data, err := readUpTo(file, maxMeta)
	if err != nil {
		return nil, damagedFile(file, "snapshot's description cannot be read", err)
	}
	var meta struct {
		raft.SnapshotMeta
		CRC []byte
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return nil, damagedFile(file, "snapshot's description is damaged", err)
	}
	if meta.ID != filepath.Base(path) || meta.Version != raft.SnapshotVersionMax || meta.Index == 0 || len(meta.Configuration.Servers) == 0 {
		return nil, damagedFile(file, "snapshot's description is damaged", nil)
	}
	return &meta.SnapshotMeta, nil
}

func readUpTo(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	return data, errors.Join(err, f.Close())
}

func restoreSnapshot(path string, meta *raft.SnapshotMeta, store *state.Store) error {
	f, err := os.Open(path)
	if err != nil {
		return damagedFile(path, "snapshot cannot be read", err)
	}
	err = restoreFrom(f, meta, store)
	if err := errors.Join(err, f.Close()); err != nil {
		return damagedFile(path, "snapshot is damaged", err)
	}
	return nil
}

func restoreFrom(f fs.File, meta *raft.SnapshotMeta, store *state.Store) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != meta.Size {
		return fmt.Errorf("file has %d bytes instead of %d", info.Size(), meta.Size)
	}
	if err := store.Restore(f); err != nil {
		return err
	}
	if at := store.View().Index(); at > meta.Index {
		return fmt.Errorf("state is of entry %d, later than the snapshot's %d", at, meta.Index)
	}
	return nil
}
