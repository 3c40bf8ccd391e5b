package worker

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"ostiary.dev/hsm"
)

// Settings is what a worker needs to open its device. It holds no secret: the worker reads the PIN file itself.
type Settings struct {
	Library     string     `json:"library"`     // absolute path of the PKCS#11 library
	TokenLabel  string     `json:"tokenLabel"`  // of the token, 1 to 32 bytes; may be empty if TokenSerial is given
	TokenSerial string     `json:"tokenSerial"` // serial number of the token, where the label is not unique; normally empty
	PINFile     string     `json:"pinFile"`     // absolute path of the file with the user PIN
	HandleLimit int        `json:"handleLimit"` // backing keys held at most in the device's session; 0 for the default of 10,000
	Sessions    int        `json:"sessions"`    // calls that enter the device at a time, 1 to 256; 0 for the default of 4
	LogLevel    slog.Level `json:"logLevel"`
}

// MaxHandles bounds Settings.HandleLimit.
const MaxHandles = 1_000_000

// The other bounds of Settings, and the defaults.
const (
	defaultHandles  = 10_000
	defaultSessions = 4
	maxSessions     = 256
	maxLabel        = 32
	maxPath         = 4096
)

// withDefaults checks s and fills what was left out.
func (s Settings) withDefaults() (Settings, error) {
	if s.HandleLimit == 0 {
		s.HandleLimit = defaultHandles
	}
	if s.Sessions == 0 {
		s.Sessions = defaultSessions
	}
	switch {
	case !goodPath(s.Library):
		return s, errors.New("the PKCS#11 library must be an absolute path")
	case !goodPath(s.PINFile):
		return s, errors.New("the PIN file must be an absolute path")
	case s.TokenLabel+s.TokenSerial == "" || len(s.TokenLabel) > maxLabel || len(s.TokenSerial) > maxLabel:
		return s, errors.New("the token must be named by a label or serial number of 1 to 32 bytes")
	case s.HandleLimit < 1 || s.HandleLimit > MaxHandles:
		return s, fmt.Errorf("the handle limit must be 1 to %d", MaxHandles)
	case s.Sessions < 1 || s.Sessions > maxSessions:
		return s, fmt.Errorf("the sessions must be 1 to %d", maxSessions)
	}
	return s, nil
}

func goodPath(p string) bool { return filepath.IsAbs(p) && len(p) <= maxPath }

// hello is the worker's answer to its settings: what the device is, or why there is none.
type hello struct {
	Status *hsm.Status `json:"status,omitempty"`
	Error  *StartError `json:"error,omitempty"`
}

// magic starts every handshake frame, so that two programs of other minds notice it at once.
const magic = "ostiary-hsm"

// maxHandshake bounds a handshake frame.
const maxHandshake = 64 << 10

// appendHandshake appends v as a handshake frame to b.
func appendHandshake(b []byte, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode handshake: %w", err)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(magic)+2+len(body)))
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, protocolVersion)
	return append(b, body...), nil
}

// decodeHandshake reads a handshake frame's rest into v, refusing unknown members and anything that follows.
func decodeHandshake(frame []byte, v any) error {
	rest, ok := bytes.CutPrefix(frame, []byte(magic))
	if !ok || len(rest) < 2 || len(frame) > maxHandshake {
		return fmt.Errorf("%w: not a handshake", errFrame)
	}
	if n := binary.BigEndian.Uint16(rest); n != protocolVersion {
		return fmt.Errorf("%w: protocol version %d, want %d", errFrame, n, protocolVersion)
	}
	d := json.NewDecoder(bytes.NewReader(rest[2:]))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: handshake: %w", errFrame, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: handshake has trailing bytes", errFrame)
	}
	return nil
}

// writeHandshake writes v as a handshake frame.
func writeHandshake(w io.Writer, v any) error {
	b, err := appendHandshake(nil, v)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	clear(b) // an init request holds a PIN
	return err
}
