package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"ostiary.dev/hsm"
)

// protocolVersion is said by both sides in the handshake and must be equal: daemon and worker come from one build.
const protocolVersion = 1

// op is the operation that a request asks for. Numbers never change meaning within a protocol version.
type op uint8

const (
	opPing op = 1 + iota
	opStatus
	opRandom
	opGenerate
	opForget
	opSeal
	opUnseal
	opReseal
	opSealRandom
	opSign
	opEnd // one past the last
)

// maxMessage bounds a sealed message: its plaintext and what the construction adds.
const maxMessage = hsm.MaxPlaintext + 1<<10

// Bounds of the fields that have none in package hsm.
const (
	maxName      = 64  // spec, purpose
	maxDigest    = 64  // the longest digest that any spec signs
	maxText      = 512 // error text
	maxSignature = 1 << 10
	maxStatus    = 16 << 10
)

// opRule says what a request and its answer may carry. Fields that an operation does not list must be absent.
type opRule struct {
	name      string
	fields    []field
	number    uint32 // upper bound of the request's number; 0 if it has none
	answers   [2]int // upper bounds of the answer's two values
	wantsFlag bool   // whether the request's flag may be set
}

// field is a part of a request: its name in errors, and its upper bound in bytes.
type field struct {
	name string
	most int
}

// rule returns the rule of an operation, or nil for an unknown one.
func (o op) rule() *opRule {
	switch o {
	case opPing:
		return &rulePing
	case opStatus:
		return &ruleStatus
	case opRandom:
		return &ruleRandom
	case opGenerate:
		return &ruleGenerate
	case opForget:
		return &ruleForget
	case opSeal:
		return &ruleSeal
	case opUnseal:
		return &ruleUnseal
	case opReseal:
		return &ruleReseal
	case opSealRandom:
		return &ruleSealRandom
	case opSign:
		return &ruleSign
	}
	return nil
}

// The operations' rules; read only.
var (
	fieldToken   = field{"token", hsm.MaxToken}
	fieldAAD     = field{"associated data", hsm.MaxAAD}
	fieldMessage = field{"message", maxMessage}

	rulePing     = opRule{name: "ping"}
	ruleStatus   = opRule{name: "status", answers: [2]int{maxStatus, 0}}
	ruleRandom   = opRule{name: "random", number: hsm.MaxRandom, answers: [2]int{hsm.MaxRandom, 0}}
	ruleGenerate = opRule{
		name: "generate", fields: []field{{"key id", hsm.MaxKeyID}, {"spec", maxName}, {"purpose", maxName}},
		answers: [2]int{hsm.MaxToken, 0},
	}
	ruleForget = opRule{name: "forget", fields: []field{fieldToken}}
	ruleSeal   = opRule{
		name: "seal", fields: []field{fieldToken, fieldAAD, {"plaintext", hsm.MaxPlaintext}},
		answers: [2]int{maxMessage, 0},
	}
	ruleUnseal = opRule{
		name: "unseal", fields: []field{fieldToken, fieldAAD, fieldMessage},
		answers: [2]int{hsm.MaxPlaintext, 0},
	}
	ruleReseal = opRule{
		name: "reseal", fields: []field{fieldToken, fieldAAD, fieldMessage, fieldToken, fieldAAD},
		answers: [2]int{maxMessage, 0},
	}
	ruleSealRandom = opRule{
		name: "sealRandom", fields: []field{fieldToken, fieldAAD}, number: hsm.MaxDataKey, wantsFlag: true,
		answers: [2]int{hsm.MaxDataKey, maxMessage},
	}
	ruleSign = opRule{name: "sign", fields: []field{fieldToken, {"digest", maxDigest}}, answers: [2]int{maxSignature, 0}}
)

// String gives the operation's name, as metrics and errors show it.
func (o op) String() string {
	if r := o.rule(); r != nil {
		return r.name
	}
	return "unknown"
}

const (
	prefixSize = 4 // every frame starts with the length of the rest, big-endian
	// A request goes on with op (1), id (8), budget in milliseconds (4), number (4), flag (1), then its fields.
	requestHead = 1 + 8 + 4 + 4 + 1
	// An answer goes on with code (1), id (8), then its two values.
	answerHead = 1 + 8
	maxFields  = 5
	// maxFrame bounds the rest of any frame; the largest is a reseal.
	maxFrame = 320 << 10
)

// errFrame means that the other side broke the protocol; nothing more can be read from it.
var errFrame = errors.New("malformed frame")

// request is one call as it travels. After decoding, its fields alias the frame.
type request struct {
	op     op
	flag   bool
	id     uint64
	budget time.Duration // time left to answer, as of sending; travels in whole milliseconds, at least 1
	number uint32
	fields [maxFields][]byte
}

// appendRequest appends r as a frame to b.
func appendRequest(b []byte, r *request) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, byte(r.op))
	b = binary.BigEndian.AppendUint64(b, r.id)
	b = binary.BigEndian.AppendUint32(b, uint32(min(max(r.budget.Milliseconds(), 1), math.MaxUint32)))
	b = binary.BigEndian.AppendUint32(b, r.number)
	b = append(b, boolByte(r.flag))
	for i := range r.op.rule().fields {
		b = appendField(b, r.fields[i])
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-prefixSize))
	return b
}

// size is the number of bytes that appendRequest adds.
func (r *request) size() int {
	n := prefixSize + requestHead
	for i := range r.op.rule().fields {
		n += 4 + len(r.fields[i])
	}
	return n
}

// check reports whether every part of r is within the bounds of its operation, which must be a known one.
func (r *request) check() error {
	rule := r.op.rule()
	if r.number > rule.number || (r.flag && !rule.wantsFlag) {
		return fmt.Errorf("%s: the number or flag is out of bounds", rule.name)
	}
	for i, f := range rule.fields {
		if len(r.fields[i]) > f.most {
			return fmt.Errorf("%s: %s of %d bytes, at most %d are allowed", rule.name, f.name, len(r.fields[i]), f.most)
		}
	}
	return nil
}

// decodeRequest reads a frame's rest into r. The frame must hold exactly one request within the bounds of its operation.
func decodeRequest(frame []byte, r *request) error {
	if len(frame) < requestHead {
		return fmt.Errorf("%w: short request", errFrame)
	}
	*r = request{
		op:     op(frame[0]),
		id:     binary.BigEndian.Uint64(frame[1:]),
		budget: time.Duration(binary.BigEndian.Uint32(frame[9:])) * time.Millisecond,
		number: binary.BigEndian.Uint32(frame[13:]),
		flag:   frame[17] == 1,
	}
	rule := r.op.rule()
	if rule == nil || frame[17] > 1 || r.budget == 0 {
		return fmt.Errorf("%w: request head", errFrame)
	}
	rest, ok := frame[requestHead:], true
	for i, f := range rule.fields {
		if r.fields[i], rest, ok = cutField(rest, f.most); !ok {
			return fmt.Errorf("%w: %s: %s", errFrame, rule.name, f.name)
		}
	}
	if len(rest) != 0 {
		return fmt.Errorf("%w: %s: trailing bytes", errFrame, rule.name)
	}
	if err := r.check(); err != nil {
		return fmt.Errorf("%w: %w", errFrame, err)
	}
	return nil
}

// answer is the reply to one request. With code codeOK the values are the operation's; else the first is the error's text.
// After decoding, the values alias the frame.
type answer struct {
	code   code
	id     uint64
	values [2][]byte
}

// appendAnswer appends a as a frame to b.
func appendAnswer(b []byte, a *answer) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(answerHead+8+len(a.values[0])+len(a.values[1])))
	b = append(b, byte(a.code))
	b = binary.BigEndian.AppendUint64(b, a.id)
	b = appendField(b, a.values[0])
	return appendField(b, a.values[1])
}

// decodeAnswer reads a frame's rest into a. Whether the values fit the operation is for checkAnswer.
func decodeAnswer(frame []byte, a *answer) error {
	if len(frame) < answerHead || frame[0] >= byte(codeEnd) {
		return fmt.Errorf("%w: answer head", errFrame)
	}
	a.code, a.id = code(frame[0]), binary.BigEndian.Uint64(frame[1:])
	rest, ok := frame[answerHead:], true
	for i := range a.values {
		if a.values[i], rest, ok = cutField(rest, maxFrame); !ok {
			return fmt.Errorf("%w: answer value %d", errFrame, i)
		}
	}
	if len(rest) != 0 {
		return fmt.Errorf("%w: answer has trailing bytes", errFrame)
	}
	return nil
}

// checkAnswer reports whether a is within the bounds of an answer to o.
func checkAnswer(o op, a *answer) error {
	bounds := [2]int{maxText, 0}
	if a.code == codeOK {
		bounds = o.rule().answers
	}
	for i, most := range bounds {
		if len(a.values[i]) > most {
			return fmt.Errorf("%w: answer to %s: value %d has %d bytes", errFrame, o, i, len(a.values[i]))
		}
	}
	return nil
}

func appendField(b, field []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
	return append(b, field...)
}

// cutField takes one field of at most most bytes off the front of b.
func cutField(b []byte, most int) (field, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := uint64(binary.BigEndian.Uint32(b))
	if n > uint64(most) || n > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n : 4+n], b[4+n:], true
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}
