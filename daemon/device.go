package daemon

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"ostiary.dev/durable"
	"ostiary.dev/hsm/worker"
	"ostiary.dev/softhsm"
)

const tokenLabel = "ostiary"

// workerProgram is the name of the device worker's program.
const workerProgram = "ostiary-hsm"

// findWorker looks for the worker beside the running program, then in PATH.
func findWorker() (string, error) {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), workerProgram)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	path, err := exec.LookPath(workerProgram)
	if err != nil {
		return "", &Problem{What: "the device worker " + workerProgram + " is neither beside ostiary nor in PATH", Do: "build it with `make build` or install it beside ostiary"}
	}
	return filepath.Abs(path)
}

// softToken starts the worker on the SoftHSM token of a data folder. The token and its domain key are made only while
// the folder's cluster has not been founded: afterwards another domain key would open nothing.
func (c *DevConfig) softToken(ctx context.Context, f *folder, m *meters, founded bool) (*worker.Client, error) {
	library, err := softhsm.Library()
	if err != nil {
		return nil, &Problem{What: "no device", Err: err}
	}
	var soPIN string
	if !founded {
		if soPIN, err = f.newSOPIN(); err != nil {
			return nil, err
		}
		// A crash may have left half a token, since SoftHSM does not make its files at one stroke. Nothing leans on it yet.
		if err := os.RemoveAll(f.file(tokenDir)); err != nil {
			return nil, &Problem{What: "the unfinished token " + f.file(tokenDir) + " cannot be removed", Err: err, Do: "check its owner and permissions"}
		}
	}
	store, err := softhsm.Create(f.file(tokenDir))
	if err != nil {
		return nil, &Problem{What: "the SoftHSM folder cannot be made", Err: err}
	}
	pin, err := f.pin(pinFile, !founded)
	if err != nil {
		return nil, err
	}
	cfg := worker.Config{
		Program: c.Worker,
		Env:     []string{store.Environ()},
		// SoftHSM has one mutex per token, so a second session would only wait for the first.
		Settings: worker.Settings{Library: library, TokenLabel: tokenLabel, PINFile: pin, HandleLimit: c.HandleLimit, Sessions: 1},
		Log:      c.Log,
		Observer: m,
	}
	if !founded {
		if err := worker.Init(ctx, worker.InitConfig{Config: cfg, SOPINFile: soPIN}); err != nil {
			return nil, deviceProblem(f, err)
		}
		if err := store.Sync(); err != nil {
			return nil, &Problem{What: "the SoftHSM token cannot be written to the disk", Err: err}
		}
	}
	w, err := worker.Start(ctx, cfg)
	if err != nil {
		return nil, deviceProblem(f, err)
	}
	return w, nil
}

// pin is the path of a file with a PIN, which is made with the folder. The worker alone reads it.
func (f *folder) pin(name string, mayMake bool) (string, error) {
	path := f.file(name)
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !mayMake {
			return "", &Problem{What: "the PIN file " + path + " is missing", Do: "restore it; without it the keys of this folder cannot be used"}
		}
		err = writePIN(path)
	}
	if err != nil {
		return "", &Problem{What: "the PIN file " + path + " cannot be made or read", Err: err, Do: "check its owner and permissions"}
	}
	return path, nil
}

// newSOPIN is the path of the security officer's PIN of a folder whose cluster has not been founded. It is made before the
// user's PIN and removed after the founding, so a folder that has only the latter has lost its replicated state: to found
// another cluster there would make every ciphertext worthless without a word.
func (f *folder) newSOPIN() (string, error) {
	_, noSO := os.Stat(f.file(soPINFile))
	_, noUser := os.Stat(f.file(pinFile))
	if errors.Is(noSO, fs.ErrNotExist) && noUser == nil {
		return "", &Problem{What: "data folder " + f.path + " has lost its keys: there is nothing in " + f.file(raftDir),
			Do: "restore that folder, or start anew with --clean"}
	}
	return f.pin(soPINFile, true)
}

// writePIN makes a PIN of 160 random bits and leaves no copy in this process, which faces the network.
func writePIN(path string) error {
	var random [20]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	line := base32.StdEncoding.AppendEncode(make([]byte, 0, 33), random[:])
	line = append(line, '\n')
	defer clear(line)
	defer clear(random[:])
	return durable.WriteFile(path, line, 0o600)
}

// forgetSOPIN removes the security officer's PIN, which is needed only until the cluster is founded. With it and the
// user PIN everything in a token can be read.
func (f *folder) forgetSOPIN() error {
	err := os.Remove(f.file(soPINFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = durable.SyncDir(f.path)
	}
	if err != nil {
		return &Problem{What: "the security officer's PIN cannot be removed", Err: err}
	}
	return nil
}

// deviceProblem adds to what the worker found what there is to do about it in a dev folder.
func deviceProblem(f *folder, err error) error {
	var s *worker.StartError
	if !errors.As(err, &s) {
		return &Problem{What: "the device worker did not start", Err: err}
	}
	p := &Problem{What: s.Message}
	switch s.Kind {
	case worker.StartPIN, worker.StartPINLocked, worker.StartPINFile:
		p.Do = fmt.Sprintf("restore %s, or start anew with --clean, which destroys the folder's keys", f.file(pinFile))
	case worker.StartToken, worker.StartDomainKey, worker.StartDomainDamaged:
		p.Do = fmt.Sprintf("restore %s, or start anew with --clean, which destroys the folder's keys", f.file(tokenDir))
	}
	return p
}
