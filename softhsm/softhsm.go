// Package softhsm finds SoftHSM v2 and lays out the files that one installation of it works with.
//
// It is for development, tests and `ostiary dev`: SoftHSM keeps keys in files that are as safe as the user PIN, and guards
// them with nothing but its own code. The package promises a private folder (0700, files 0600) that shares nothing with other
// users of SoftHSM on the machine, and it is pure Go: the token itself is made by hsm/pkcs11, in the process that may load
// the library.
package softhsm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ostiary.dev/durable"
)

// ConfVariable is the environment variable that names SoftHSM's configuration file. SoftHSM reads it when it is initialised.
const ConfVariable = "SOFTHSM2_CONF"

// ErrNoLibrary means that SoftHSM is not installed where it is looked for.
var ErrNoLibrary = errors.New("SoftHSM is not installed: install the package softhsm2 (apt-get install softhsm2), or set " + libraryVariable)

// libraryVariable overrides the search for the library.
const libraryVariable = "OSTIARY_SOFTHSM_LIBRARY"

// Library gives the path of libsofthsm2.so.
func Library() (string, error) { return find(os.Getenv(libraryVariable), "/") }

// find looks for the library below root, unless override names it.
func find(override, root string) (string, error) {
	if override != "" {
		if !isFile(override) {
			return "", fmt.Errorf("%s names %q, which is not a file", libraryVariable, override)
		}
		return override, nil
	}
	for _, pattern := range []string{
		"usr/lib/softhsm/libsofthsm2.so",   // Debian, Ubuntu
		"usr/lib/*/softhsm/libsofthsm2.so", // Debian, multiarch
		"usr/lib64/pkcs11/libsofthsm2.so",  // Fedora, RHEL
		"usr/lib64/softhsm/libsofthsm2.so", // openSUSE
		"usr/lib/pkcs11/libsofthsm2.so",    // Arch
		"usr/local/lib/softhsm/libsofthsm2.so",
		"opt/homebrew/lib/softhsm/libsofthsm2.so",
	} {
		// The pattern is well-formed, the only thing that Glob complains of.
		matches, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, m := range matches {
			if isFile(m) {
				return m, nil
			}
		}
	}
	return "", ErrNoLibrary
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Store is a folder with the tokens of one installation and the configuration that points to it.
type Store struct{ dir string }

// Create makes the folder dir, the token folder in it and the configuration file, or takes over what is there. Run it again to
// repair the configuration after the folder was moved.
func Create(dir string) (Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Store{}, err
	}
	if i := strings.IndexFunc(abs, func(r rune) bool { return r < ' ' || r == 0x7f || r == '#' }); i >= 0 {
		return Store{}, fmt.Errorf("%q cannot hold SoftHSM's tokens: its configuration has no way to write %q in a path", abs, abs[i])
	}
	s := Store{dir: abs}
	if err := durable.MkdirAll(s.Tokens()); err != nil {
		return Store{}, err
	}
	if err := os.Chmod(s.Tokens(), 0o700); err != nil { // one that was there may be open to others
		return Store{}, err
	}
	if err := durable.WriteFile(s.Conf(), s.conf(), 0o600); err != nil {
		return Store{}, err
	}
	return s, nil
}

// Conf is the path of the configuration file.
func (s Store) Conf() string { return filepath.Join(s.dir, "softhsm2.conf") }

// Tokens is the path of the folder that holds a folder for each token.
func (s Store) Tokens() string { return filepath.Join(s.dir, "tokens") }

// Environ is the setting, as in os.Environ, that a process needs to use this store.
func (s Store) Environ() string { return ConfVariable + "=" + s.Conf() }

func (s Store) conf() []byte {
	return []byte("# Written by ostiary; it is written anew at every start.\n" +
		"directories.tokendir = " + s.Tokens() + "\n" +
		"objectstore.backend = file\n" +
		"log.level = ERROR\n" +
		"slots.removable = false\n" +
		"slots.mechanisms = ALL\n" +
		"library.reset_on_fork = false\n")
}

// Sync makes the token folder durable. SoftHSM writes token objects without fsync, so call it after a token or a key was made
// and before anybody is told of it.
func (s Store) Sync() error {
	return filepath.WalkDir(s.Tokens(), func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return durable.SyncDir(path)
		case !e.Type().IsRegular():
			return fmt.Errorf("%s is neither a file nor a folder: it does not belong to SoftHSM", path)
		}
		return syncFile(path)
	})
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
