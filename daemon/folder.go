package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ostiary.dev/durable"
)

// The files of a data folder.
const (
	markerFile = "ostiary.json" // says that the folder is ours, and of which format
	lockFile   = "lock"
	pinFile    = "pin"
	soPINFile  = "so-pin" // only until the cluster is founded
	envFile    = "env"
	caFile     = "ca.pem"
	purgeFile  = "purge" // there while the log may hold bytes of deleted keys
	tokenDir   = "softhsm"
	raftDir    = "raft"
	auditDir   = "audit"
)

// folderFormat is raised when a folder of this version can no longer be read by an older one.
const folderFormat = 1

// marker is the content of markerFile.
type marker struct {
	Format int    `json:"format"`
	Kind   string `json:"kind"` // "dev"
}

// folder is an opened data folder, locked against other daemons.
type folder struct {
	path string
	lock *durable.FileLock
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// openFolder makes, or opens and locks, a data folder. A folder that holds anything else is left as it is.
func openFolder(path string, clean bool) (*folder, error) {
	state, err := inspect(path)
	if err != nil {
		return nil, err
	}
	if state == empty {
		if err := durable.MkdirAll(path); err != nil {
			return nil, &Problem{What: "data folder " + path + " cannot be made", Err: err, Do: "choose another with --data"}
		}
	}
	if err := private(path); err != nil {
		return nil, err
	}
	f := &folder{path: path}
	if f.lock, err = lockSoon(f.file(lockFile)); err != nil {
		if errors.Is(err, durable.ErrLocked) {
			return nil, &Problem{What: "data folder " + path + " is in use", Err: err, Do: "stop the other ostiary, or choose another folder with --data"}
		}
		return nil, &Problem{What: "data folder " + path + " cannot be locked", Err: err, Do: "check its owner and permissions"}
	}
	err = f.sweep()
	if err == nil && state == ours && clean {
		err = f.clean()
	}
	if err == nil && (state == empty || clean) {
		err = f.mark()
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// private refuses a folder in which another user could put files of their own in the place of ours: a PIN, or an env file
// that somebody is going to source.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return &Problem{What: "data folder " + path + " cannot be read", Err: err, Do: "check its owner and permissions"}
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		return &Problem{What: fmt.Sprintf("data folder %s belongs to another user (uid %d)", path, owner.Uid), Do: "choose a folder of your own with --data"}
	}
	if info.Mode().Perm()&0o022 != 0 {
		return &Problem{What: "others may write to data folder " + path, Do: "chmod go-w " + path + ", or choose another with --data"}
	}
	return nil
}

// lockSoon locks a file, and waits a moment for one that another process holds: a daemon that was killed while it started
// its worker leaves a child behind that holds the lock until it has become the worker's program.
func lockSoon(path string) (*durable.FileLock, error) {
	const tries, pause = 20, 25 * time.Millisecond
	for range tries {
		l, err := durable.Lock(path)
		if !errors.Is(err, durable.ErrLocked) {
			return l, err
		}
		time.Sleep(pause)
	}
	return durable.Lock(path)
}

type content int

const (
	empty content = iota
	ours
)

// inspect says what a path holds without changing anything.
func inspect(path string) (content, error) {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return empty, nil
	case err != nil:
		return 0, &Problem{What: "data folder " + path + " cannot be read", Err: err, Do: "check its owner and permissions, or choose another with --data"}
	}
	text, err := os.ReadFile(filepath.Join(path, markerFile))
	if errors.Is(err, fs.ErrNotExist) {
		if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != lockFile && !unfinished(e.Name()) }) {
			return empty, nil
		}
		return 0, &Problem{What: "folder " + path + " holds something else (no " + markerFile + ")", Do: "choose an empty or new folder with --data"}
	}
	if err != nil {
		return 0, &Problem{What: "data folder " + path + " cannot be read", Err: err, Do: "check its owner and permissions"}
	}
	var m marker
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil || m.Kind != "dev" || m.Format < 1 {
		return 0, &Problem{What: "data folder " + path + " is damaged: " + markerFile + " is not readable", Err: err, Do: "restore it, or choose another folder with --data"}
	}
	if m.Format > folderFormat {
		return 0, &Problem{What: fmt.Sprintf("data folder %s has format %d, newer than this ostiary knows (%d)", path, m.Format, folderFormat), Do: "use the newer ostiary"}
	}
	return ours, nil
}

// unfinished says whether a file is the beginning of one of ours, which a crash has kept from getting its name (package
// durable).
func unfinished(name string) bool {
	return slices.ContainsFunc([]string{markerFile, pinFile, soPINFile, envFile, caFile}, func(ours string) bool {
		return strings.HasPrefix(name, "."+ours+".tmp-")
	})
}

// sweep removes what crashes have left unfinished; it may hold secrets.
func (f *folder) sweep() error {
	entries, err := os.ReadDir(f.path)
	for _, e := range entries {
		if unfinished(e.Name()) {
			err = errors.Join(err, os.Remove(f.file(e.Name())))
		}
	}
	if err != nil {
		return &Problem{What: "data folder " + f.path + " cannot be cleaned", Err: err, Do: "check its owner and permissions"}
	}
	return nil
}

// mark makes the folder ours.
func (f *folder) mark() error {
	text, err := json.Marshal(marker{Format: folderFormat, Kind: "dev"})
	if err != nil {
		return err
	}
	if err := durable.WriteFile(f.file(markerFile), append(text, '\n'), 0o600); err != nil {
		return &Problem{What: "data folder " + f.path + " cannot be written", Err: err, Do: "check its owner, permissions and free space"}
	}
	return nil
}

// clean removes what this program has put there, the marker last, and nothing else.
func (f *folder) clean() error {
	for _, name := range []string{envFile, caFile, auditDir, raftDir, tokenDir, pinFile, soPINFile, purgeFile, markerFile} {
		if err := os.RemoveAll(f.file(name)); err != nil {
			return &Problem{What: "data folder " + f.path + " cannot be cleaned", Err: err, Do: "check its owner and permissions"}
		}
	}
	return durable.SyncDir(f.path)
}

func (f *folder) close() { _ = f.lock.Close() } // closing only drops the lock
