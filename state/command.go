package state

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Command is a change to the state. The commands are those of the table below.
//
// How a command may evolve. Entries live in logs for as long as a node may replay them, and nodes of two versions
// share a log during an upgrade, so what an entry does must never depend on who applies it:
//   - A number, once released, keeps its meaning, its fields and their CBOR keys for ever; testdata/commands.golden
//     holds one encoding of each and may only grow. Numbers of commands that are gone are not used again.
//   - A field may be added under a fresh CBOR key with omitempty, if its zero value means what its absence meant.
//     Anything else is a new command under a new number. Both are decoded strictly, so neither may be proposed
//     before every member of the cluster runs a version that knows it.
//   - What check and apply accept is part of the meaning. A node that is stricter or laxer than the others ends up
//     with another state, so a changed rule is a new command too (or belongs in the service, before proposing).
//   - Everything that may differ between nodes (time, ids, randomness, settings) is a field.
type Command interface {
	number() number
	// check finds what can be told to be wrong from the command alone.
	check() *Refusal
	// apply first checks against the state and then changes it. Changes cannot fail.
	apply(w *writer) *Refusal
}

// number identifies a command in the log.
type number uint16

// commands is the table of all commands, in order of number.
var commands = [...]struct {
	number number
	decode func(data []byte) (Command, error)
}{
	{1, decodeAs[Bootstrap]},
	{2, decodeAs[PutAccount]},
	{3, decodeAs[PutUser]},
	{4, decodeAs[PutAccessKey]},
	{5, decodeAs[CreateKey]},
	{6, decodeAs[SetKeyEnabled]},
	{7, decodeAs[ScheduleDeletion]},
	{8, decodeAs[CancelDeletion]},
	{9, decodeAs[DeleteKey]},
	{10, decodeAs[SetDescription]},
	{11, decodeAs[PutKeyPolicy]},
	{12, decodeAs[TagKey]},
	{13, decodeAs[UntagKey]},
	{14, decodeAs[CreateAlias]},
	{15, decodeAs[UpdateAlias]},
	{16, decodeAs[DeleteAlias]},
	{17, decodeAs[AddRegion]},
}

func (Bootstrap) number() number        { return 1 }
func (PutAccount) number() number       { return 2 }
func (PutUser) number() number          { return 3 }
func (PutAccessKey) number() number     { return 4 }
func (CreateKey) number() number        { return 5 }
func (SetKeyEnabled) number() number    { return 6 }
func (ScheduleDeletion) number() number { return 7 }
func (CancelDeletion) number() number   { return 8 }
func (DeleteKey) number() number        { return 9 }
func (SetDescription) number() number   { return 10 }
func (PutKeyPolicy) number() number     { return 11 }
func (TagKey) number() number           { return 12 }
func (UntagKey) number() number         { return 13 }
func (CreateAlias) number() number      { return 14 }
func (UpdateAlias) number() number      { return 15 }
func (DeleteAlias) number() number      { return 16 }
func (AddRegion) number() number        { return 17 }

// An encoded command is the version of this header, the number in two bytes (big-endian), and the fields as a CBOR
// map in core deterministic encoding (RFC 8949, section 4.2.1).
const (
	headerVersion = 1
	headerSize    = 3
)

// MaxCommand is the size limit of an encoded command, in bytes.
const MaxCommand = 1 << 20

// Encode gives the log entry for a command. The error is a *Refusal when every state would refuse the command. What
// Encode returns is known to decode, so that no proposal can stop a cluster.
func Encode(c Command) ([]byte, error) {
	if r := c.check(); r != nil {
		return nil, r
	}
	data, err := encode(c)
	if err != nil {
		return nil, err
	}
	if _, err := decode(data); err != nil {
		return nil, fmt.Errorf("command %d does not decode: %w", c.number(), err)
	}
	return data, nil
}

func encode(c Command) ([]byte, error) {
	fields, err := marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding command %d: %w", c.number(), err)
	}
	data := make([]byte, 0, headerSize+len(fields))
	data = append(data, headerVersion)
	data = binary.BigEndian.AppendUint16(data, uint16(c.number()))
	return append(data, fields...), nil
}

// decode accepts exactly what encode returns.
func decode(data []byte) (Command, error) {
	if len(data) < headerSize || len(data) > MaxCommand {
		return nil, fmt.Errorf("command of %d bytes", len(data))
	}
	if data[0] != headerVersion {
		return nil, fmt.Errorf("command of unknown version %d", data[0])
	}
	n := binary.BigEndian.Uint16(data[1:headerSize])
	if n == 0 || int(n) > len(commands) {
		return nil, fmt.Errorf("unknown command %d", n)
	}
	c, err := commands[n-1].decode(data[headerSize:])
	if err != nil {
		return nil, fmt.Errorf("command %d: %w", n, err)
	}
	return c, nil
}

var errNotCanonical = errors.New("encoding is not canonical")

func decodeAs[C Command](data []byte) (Command, error) {
	var c C
	if err := unmarshalCanonical(data, &c); err != nil {
		return nil, err
	}
	return c, nil
}
