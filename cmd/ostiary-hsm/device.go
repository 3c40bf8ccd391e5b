package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/pkcs11"
	"ostiary.dev/hsm/worker"
	"ostiary.dev/secret"
)

// openDevice opens the device that the settings name. Its errors are *worker.StartError.
func openDevice(s worker.Settings, log *slog.Logger) (hsm.Backend, error) {
	c, err := deviceConfig(s, log)
	if err != nil {
		return nil, err
	}
	defer c.PIN.Wipe()
	d, err := pkcs11.Open(c)
	if err != nil {
		return nil, startError(err)
	}
	return d, nil
}

func deviceConfig(s worker.Settings, log *slog.Logger) (pkcs11.Config, error) {
	pin, err := readPIN(s.PINFile)
	if err != nil {
		return pkcs11.Config{}, &worker.StartError{Kind: worker.StartPINFile, Message: err.Error()}
	}
	return pkcs11.Config{
		Library: s.Library, Label: s.TokenLabel, Serial: s.TokenSerial, PIN: pin,
		HandleLimit: s.HandleLimit, Sessions: s.Sessions, Log: log,
	}, nil
}

// makeToken makes the token and the domain key that the request names, as far as they are missing.
func (p *program) makeToken(_ context.Context, r worker.InitRequest) error {
	p.level.Set(r.Settings.LogLevel)
	c, err := deviceConfig(r.Settings, p.log)
	if err != nil {
		return err
	}
	defer c.PIN.Wipe()
	so := secret.New(bytes.Clone(r.SOPIN))
	if r.SOPINFile != "" {
		if so, err = readPIN(r.SOPINFile); err != nil {
			return &worker.StartError{Kind: worker.StartPINFile, Message: err.Error()}
		}
	}
	defer so.Wipe()
	if err := initialize(c, so); err != nil {
		return startError(err)
	}
	return nil
}

// initialize makes the domain key, and before that the token where it is missing or was left without a user PIN.
func initialize(c pkcs11.Config, so secret.Bytes) error {
	_, err := pkcs11.Initialize(c)
	if !errors.Is(err, pkcs11.ErrNoToken) && !errors.Is(err, pkcs11.ErrPIN) {
		return err
	}
	// InitToken touches no token that has a user PIN, so it does no harm where the PIN was simply wrong.
	_, made := pkcs11.InitToken(pkcs11.NewToken{Library: c.Library, Label: c.Label, UserPIN: c.PIN, SOPIN: so})
	switch {
	case made == nil:
		_, err = pkcs11.Initialize(c)
		return err
	case errors.Is(err, pkcs11.ErrPIN) && !errors.Is(made, pkcs11.ErrPIN):
		return err
	}
	return made
}

// startError puts an error of opening a device in its class.
func startError(err error) error {
	kind := worker.StartDevice
	for _, known := range []struct {
		err  error
		kind worker.StartKind
	}{
		{pkcs11.ErrLibrary, worker.StartLibrary},
		{pkcs11.ErrNoToken, worker.StartToken},
		{pkcs11.ErrPIN, worker.StartPIN},
		{pkcs11.ErrDomainKey, worker.StartDomainKey},
		{pkcs11.ErrSelfTest, worker.StartDomainDamaged},
	} {
		if errors.Is(err, known.err) {
			kind = known.kind
			break
		}
	}
	var call *pkcs11.CallError
	if kind == worker.StartPIN && errors.As(err, &call) && call.Code == p11.CKR_PIN_LOCKED {
		kind = worker.StartPINLocked
	}
	return &worker.StartError{Kind: kind, Message: err.Error()}
}

// maxPIN is the longest PIN that a file may hold, in bytes; tokens rarely take more than 64.
const maxPIN = 255

// readPIN reads a PIN from a file: its only line, with or without an end. A file that others can read is refused.
func readPIN(path string) (secret.Bytes, error) {
	f, err := os.Open(path)
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("the PIN file cannot be read: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return secret.Bytes{}, fmt.Errorf("the PIN file cannot be read: %w", err)
	case !info.Mode().IsRegular():
		return secret.Bytes{}, fmt.Errorf("the PIN file %s is not a regular file", path)
	case info.Mode().Perm()&0o007 != 0:
		return secret.Bytes{}, fmt.Errorf("the PIN file %s is open to all users: chmod o= %s, and change the PIN", path, path)
	}
	content := make([]byte, maxPIN+2)
	n, err := io.ReadFull(f, content)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		clear(content)
		return secret.Bytes{}, fmt.Errorf("the PIN file cannot be read: %w", err)
	}
	pin := bytes.TrimSuffix(content[:n], []byte("\n"))
	if len(pin) == 0 || len(pin) > maxPIN || bytes.ContainsAny(pin, "\x00\r\n") {
		clear(content)
		return secret.Bytes{}, fmt.Errorf("the PIN file %s must hold one line of 1 to %d bytes", path, maxPIN)
	}
	return secret.New(pin), nil
}
