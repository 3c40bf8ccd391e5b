package cluster

import (
	"errors"
	"path/filepath"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"

	"ostiary.dev/durable"
)

// storage is what the node keeps in its folder.
type storage struct {
	lock      *durable.FileLock
	log       *wal.WAL
	meta      *metadb.BoltMetaDB
	snapshots raft.SnapshotStore
}

func openStorage(cfg *Config) (*storage, error) {
	if err := durable.MkdirAll(filepath.Join(cfg.Dir, "log")); err != nil {
		return nil, err
	}
	lock, err := durable.Lock(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return nil, &FolderError{Kind: ErrInUse, Path: cfg.Dir, Problem: "in use", Err: err}
	}
	meta := &metadb.BoltMetaDB{}
	log, err := wal.Open(filepath.Join(cfg.Dir, "log"), wal.WithMetaStore(meta), wal.WithLogger(newRaftLog(cfg.Log)))
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(cfg.Dir, 1, newRaftLog(cfg.Log))
	if err != nil {
		return nil, errors.Join(err, log.Close(), meta.Close(), lock.Close())
	}
	return &storage{lock: lock, log: log, meta: meta, snapshots: snapshots}, nil
}

func (s *storage) close() error {
	return errors.Join(s.log.Close(), s.meta.Close(), s.lock.Close())
}
