package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ostiary.dev/cluster/wal"
	"ostiary.dev/durable"
)

// storage is what the node keeps in its folder.
type storage struct {
	lock      *durable.FileLock
	log       *wal.Log
	snapshots *snapshotStore
	fresh     bool   // no cluster has been made in the folder yet
	restored  uint64 // index of the snapshot that the store was restored from, 0 if there was none
}

// hooks are called by storage. They must not call back.
type hooks struct {
	failed        func(error)        // the log cannot be written any more
	snapshotTaken func(index uint64) // a snapshot is on the disk
}

// openStorage opens the folder and restores the store from the snapshot. It examines everything before it changes
// anything.
func openStorage(cfg *Config, h hooks) (*storage, error) {
	id, err := readIdentity(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if err := cfg.checkIdentity(id); err != nil {
		return nil, err
	}
	if cfg.Bootstrap {
		if err := durable.MkdirAll(cfg.Dir); err != nil {
			return nil, unreadable(cfg.Dir, err)
		}
	}
	lock, err := lockFolder(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := &storage{lock: lock}
	if err := s.open(cfg, h); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

func lockFolder(dir string) (*durable.FileLock, error) {
	lock, err := durable.Lock(filepath.Join(dir, lockName))
	if errors.Is(err, durable.ErrLocked) {
		return nil, &FolderError{
			Kind: ErrInUse, Path: dir, Problem: "another process has the folder open",
			Advice: "stop it first", Err: err,
		}
	}
	if err != nil {
		return nil, unreadable(dir, err)
	}
	return lock, nil
}

// open is called with the folder locked, and so reads the identity again.
func (s *storage) open(cfg *Config, h hooks) error {
	id, err := readIdentity(cfg.Dir)
	if err != nil {
		return err
	}
	if err := cfg.checkIdentity(id); err != nil {
		return err
	}
	if id.Initialised {
		return s.openExisting(cfg, h)
	}
	s.fresh = true
	return s.create(cfg, h)
}

// create makes the files of a new node, in place of those that an interrupted attempt has left.
func (s *storage) create(cfg *Config, h hooks) error {
	id := identity{Format: format, Node: cfg.NodeID}
	if err := id.write(cfg.Dir); err != nil {
		return err
	}
	for _, name := range []string{logName, snapshotsName} {
		path := filepath.Join(cfg.Dir, name)
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		if err := durable.MkdirAll(path); err != nil {
			return err
		}
	}
	var err error
	if s.log, err = wal.Create(filepath.Join(cfg.Dir, logName), wal.Options{Failed: h.failed, SegmentSize: cfg.segment}); err != nil {
		return err
	}
	return s.openSnapshots(cfg, h)
}

// initialised notes that the cluster has been made.
func (s *storage) initialised(cfg *Config) error {
	return identity{Format: format, Node: cfg.NodeID, Initialised: true}.write(cfg.Dir)
}

func (s *storage) openExisting(cfg *Config, h hooks) error {
	log, err := examineLog(filepath.Join(cfg.Dir, logName))
	if err != nil {
		return err
	}
	snapshots, err := examineSnapshots(cfg.Dir, cfg.Store)
	if err != nil {
		return err
	}
	if snapshots.newest != nil {
		s.restored = snapshots.newest.Index
	}
	first, next := log.Bounds()
	if err := checkTogether(cfg.Dir, first, next, s.restored); err != nil {
		return err
	}
	// From here on the folder is known to be good, and is changed.
	if s.log, err = log.Open(wal.Options{Failed: h.failed, SegmentSize: cfg.segment}); err != nil {
		return err
	}
	if next <= s.restored { // a snapshot from the leader was being put in place of the log
		if err := s.log.DeleteRange(first, next); err != nil {
			return errors.Join(err, s.log.Close())
		}
	}
	for _, path := range snapshots.stale {
		if err := os.RemoveAll(path); err != nil {
			return errors.Join(err, s.log.Close())
		}
	}
	return s.openSnapshots(cfg, h)
}

func (s *storage) openSnapshots(cfg *Config, h hooks) error {
	var err error
	if s.snapshots, err = newSnapshotStore(cfg.Dir, newRaftLog(cfg.Log), h.snapshotTaken); err != nil {
		return errors.Join(err, s.log.Close())
	}
	return nil
}

func examineLog(dir string) (*wal.Found, error) {
	found, err := wal.Examine(dir)
	var damage *wal.Damage
	switch {
	case err == nil:
		return found, nil
	case errors.Is(err, wal.ErrNone):
		return nil, damagedFile(dir, "log is missing", nil)
	case errors.As(err, &damage):
		return nil, damagedFile(damage.Path, damage.Where(), nil)
	}
	return nil, unreadable(dir, err)
}

// checkTogether checks that the log, with entries first to next-1, goes on where the snapshot ends.
func checkTogether(dir string, first, next, snapshot uint64) error {
	switch {
	case first > snapshot+1:
		return damagedFile(filepath.Join(dir, snapshotsName),
			fmt.Sprintf("the log begins at entry %d, but the snapshot before it is missing or ends at %d", first, snapshot), nil)
	case next == 1 && snapshot == 0:
		return damagedFile(filepath.Join(dir, logName), "log is empty, though a cluster was made here", nil)
	}
	return nil
}

func (s *storage) close() error { return errors.Join(s.log.Close(), s.lock.Close()) }
