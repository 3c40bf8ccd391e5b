package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ostiary.dev/durable"
)

// What is in a data folder.
const (
	lockName      = "lock"      // locked while a node has the folder open
	identityName  = "node.json" // identity
	logName       = "log"       // package wal
	snapshotsName = "snapshots" // raft's file snapshots, one at a time
)

// format is the version of the folder's layout and of everything in it. A version reads its own format and older ones.
const format = 1

const maxIdentity = 4096 // bytes

// identity says whose folder it is.
type identity struct {
	Format int    `json:"format"`
	Node   string `json:"node"`
	// Initialised is set when the cluster has been made. Until then nothing in the folder counts.
	Initialised bool `json:"initialised"`
}

func (id identity) write(dir string) error {
	data, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, identityName), append(data, '\n'), 0o600)
}

// readIdentity gives the zero identity if there is none.
func readIdentity(dir string) (identity, error) {
	path := filepath.Join(dir, identityName)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return identity{}, nil
	case err != nil:
		return identity{}, unreadable(path, err)
	case !info.Mode().IsRegular() || info.Size() > maxIdentity:
		return identity{}, damagedFile(path, "not a small file", nil)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return identity{}, unreadable(path, err)
	}
	return parseIdentity(path, data)
}

func parseIdentity(path string, data []byte) (identity, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return identity{}, damagedFile(path, "not the identity of a node", err)
	}
	if version.Format > format {
		return identity{}, &FolderError{
			Kind: ErrTooNew, Path: path,
			Problem: fmt.Sprintf("folder has format %d, this version reads formats up to %d", version.Format, format),
			Advice:  "run the version that wrote it, or a later one",
		}
	}
	var id identity
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&id); err != nil || id.Format < 1 || !validNodeID(id.Node) {
		return identity{}, damagedFile(path, "not the identity of a node", err)
	}
	return id, nil
}

// checkIdentity decides whether a node may use the folder.
func (c *Config) checkIdentity(id identity) error {
	switch {
	case id.Node != "" && id.Node != c.NodeID:
		return &FolderError{
			Kind: ErrForeign, Path: c.Dir,
			Problem: fmt.Sprintf("folder belongs to node %q, not to %q", id.Node, c.NodeID),
			Advice:  "give each node its own folder, and the id it was made with",
		}
	case !id.Initialised && !c.Bootstrap:
		return &FolderError{
			Kind: ErrUninitialised, Path: c.Dir, Problem: "no node has been made here",
			Advice: "check the path, or make a new cluster",
		}
	case id.Node == "":
		return c.checkUnused()
	}
	return nil
}

// checkUnused refuses a folder that has data but no identity.
func (c *Config) checkUnused() error {
	for _, name := range []string{logName, snapshotsName} {
		path := filepath.Join(c.Dir, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return damagedFile(filepath.Join(c.Dir, identityName), "file is missing, though there is a folder "+name, nil)
		}
	}
	return nil
}

func unreadable(path string, err error) error {
	return &FolderError{Kind: ErrDamaged, Path: path, Problem: "cannot be read", Advice: "check permissions and the disk", Err: cause(err)}
}

func damagedFile(path, problem string, err error) error {
	return &FolderError{
		Kind: ErrDamaged, Path: path, Problem: problem, Err: cause(err),
		Advice: "nothing was changed; put the folder back as it was, or restore a backup",
	}
}

// cause leaves out the path, which a FolderError names already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
