// Package durable writes files that are whole after a crash.
//
// [WriteFile] leaves either the old content or the new under a name, never a mixture and never an empty file, whatever the
// moment at which the process or the machine stops; when it returns nil, the new content survives a power loss. [MkdirAll] gives
// the same promise for folders. [Lock] keeps a second process out of a folder.
//
// The promise holds on Linux for file systems on which rename is atomic and fsync reaches the medium (ext4, xfs, btrfs). A failed fsync is
// reported and never retried: the kernel may have dropped the dirty pages, so that a second fsync would succeed without having
// written them.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// file is what WriteFile asks of an open file; *os.File has it.
type file interface {
	Name() string
	Write([]byte) (int, error)
	Chmod(fs.FileMode) error
	Sync() error
	Close() error
}

// disk is what the package asks of the file system. Tests put a recorder in its place, to see the order of the calls and to
// fail each one.
type disk interface {
	createTemp(dir, pattern string) (file, error)
	rename(from, to string) error
	remove(path string) error
	mkdir(path string, perm fs.FileMode) error
	syncDir(path string) error
}

// WriteFile makes path a file with the given content and exactly the permissions perm (the umask does not count), in place of
// what was there. path must not be a folder; a symbolic link is replaced, not followed.
//
// On an error before the rename the old file is untouched. An error of the last step, the folder's fsync, leaves the new
// content in place but possibly not on the medium. A crash can leave a temporary file named ".NAME.tmp-*" beside path.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return writeFile(osDisk{}, path, data, perm)
}

func writeFile(d disk, path string, data []byte, perm fs.FileMode) error {
	dir, name := filepath.Dir(path), filepath.Base(path)
	temp, err := writeTemp(d, dir, "."+name+".tmp-*", data, perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := d.rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), d.remove(temp))
	}
	if err := d.syncDir(dir); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writeTemp makes a new file with synced content and returns its name; on an error there is no file.
func writeTemp(d disk, dir, pattern string, data []byte, perm fs.FileMode) (string, error) {
	f, err := d.createTemp(dir, pattern)
	if err != nil {
		return "", err
	}
	if err := fill(f, data, perm); err != nil {
		return "", errors.Join(err, f.Close(), d.remove(f.Name()))
	}
	if err := f.Close(); err != nil {
		return "", errors.Join(err, d.remove(f.Name()))
	}
	return f.Name(), nil
}

func fill(f file, data []byte, perm fs.FileMode) error {
	if err := f.Chmod(perm); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// MkdirAll makes the folder path and its missing parents, each with permissions 0700, and syncs the parent of each one that it
// made. Folders that exist are left as they are, but the parent of path is synced all the same: an earlier run may have died
// between making the folder and syncing it. It fails if path or a parent of it is something else.
func MkdirAll(path string) error { return mkdirAll(osDisk{}, path) }

func mkdirAll(d disk, path string) error {
	path = filepath.Clean(path)
	err := d.mkdir(path, 0o700)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		if err := mkdirAll(d, filepath.Dir(path)); err != nil {
			return err
		}
		err = d.mkdir(path, 0o700)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return adoptFolder(d, path)
	case err != nil:
		return err
	}
	return d.syncDir(filepath.Dir(path))
}

// adoptFolder makes sure that what exists is a folder and stays after a power loss.
func adoptFolder(d disk, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("mkdir %s: exists and is not a folder", path)
	}
	err = d.syncDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrPermission) {
		return nil // an earlier run of ours could not have made path in a folder that we may not read
	}
	return err
}

// SyncDir makes the names in the folder durable: files made, renamed or removed before the call stay so after a crash.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// osDisk is the file system of the operating system.
type osDisk struct{}

func (osDisk) createTemp(dir, pattern string) (file, error) { return os.CreateTemp(dir, pattern) }
func (osDisk) rename(from, to string) error                 { return os.Rename(from, to) }
func (osDisk) remove(path string) error                     { return os.Remove(path) }
func (osDisk) mkdir(path string, perm fs.FileMode) error    { return os.Mkdir(path, perm) }
func (osDisk) syncDir(path string) error                    { return SyncDir(path) }
