package codec

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"time"
)

// Messages of AWS's own decoder (which speaks of Java types), as services answer them.
const (
	listNotExpected   = "Start of list found where not expected"
	structNotExpected = "Start of structure or map found where not expected."
)

// emptyEnum stands for "" in a member with an enumeration, because there "" means absent. No model has it as a
// value, so validation refuses it.
const emptyEnum = "\x00"

// strictBase64 refuses non-zero padding bits. It is never written after this line.
var strictBase64 = base64.StdEncoding.Strict()

// notCollection reports a scalar where an object or a list should be.
func (r *JSON) notCollection(c byte, message string) {
	if r.scalarName(c) == "" {
		r.syntax()
		return
	}
	r.fail(message)
}

// scalarName is the decoder's name for the kind of scalar that starts with c, "" if none does.
func (r *JSON) scalarName(c byte) string {
	switch {
	case c == '"':
		return "STRING_VALUE"
	case c == 't':
		return "TRUE_VALUE"
	case c == 'f':
		return "FALSE_VALUE"
	case c == '-' || '0' <= c && c <= '9':
		return "NUMBER_VALUE"
	}
	return ""
}

// scalar returns the first byte of a value that should start with one of the bytes of first. It returns 0 after a
// null, which is an absent value, and after reporting anything else.
func (r *JSON) scalar(first, want string) byte {
	c := r.peek()
	if c == 'n' {
		r.literal("null")
		return 0
	}
	for i := range len(first) {
		if first[i] == c && c != 0 {
			return c
		}
	}
	switch name := r.scalarName(c); {
	case c == '[':
		r.fail(listNotExpected)
	case c == '{':
		r.fail(structNotExpected)
	case name == "":
		r.syntax()
	default:
		r.fail(name + " can not be converted to " + want)
	}
	return 0
}

// Text reads a string, "" for null.
func (r *JSON) Text() string {
	if r.scalar(`"`, "a String") == 0 {
		return ""
	}
	return r.keep(r.quoted())
}

// String reads a string, nil for null.
func (r *JSON) String() *string {
	if r.scalar(`"`, "a String") == 0 {
		return nil
	}
	s := r.keep(r.quoted())
	if r.err != nil {
		return nil
	}
	if len(r.strs) == cap(r.strs) {
		r.strs = make([]string, 0, 4)
	}
	r.strs = append(r.strs, s)
	return &r.strs[len(r.strs)-1]
}

// sharedText is the longest string that shares a buffer, and the size of that buffer, in bytes.
const sharedText, sharedBuffer = 128, 512

// keep copies b into a string. Short strings of one body share a buffer of at most sharedBuffer bytes, so a string that
// lives long keeps at most that much alive.
func (r *JSON) keep(b []byte) string {
	if len(b) == 0 || len(b) > sharedText {
		return string(b)
	}
	if r.text.Cap()-r.text.Len() < len(b) {
		r.text.Reset()
		r.text.Grow(max(len(b), min(sharedBuffer, len(b)+len(r.buf)-r.pos)))
	}
	start := r.text.Len()
	r.text.Write(b)
	return r.text.String()[start:]
}

// JSONEnum reads a string into an enumeration type, "" for null.
func JSONEnum[T ~string](r *JSON) T {
	if r.scalar(`"`, "a String") == 0 {
		return ""
	}
	s := r.keep(r.quoted())
	if s == "" {
		return emptyEnum
	}
	return T(s)
}

// Blob reads canonical base64 (RFC 4648, section 4, padded, no line breaks), nil for null.
func (r *JSON) Blob() []byte {
	if r.scalar(`"`, "a Blob") == 0 {
		return nil
	}
	b, err := decodeBase64(r.quoted())
	if err != nil && r.err == nil {
		r.fail("Invalid base64 in a Blob")
	}
	return b
}

// decodeBase64 decodes canonical base64 into a slice of its own, which is not nil on success.
func decodeBase64(src []byte) ([]byte, error) {
	if bytes.IndexByte(src, '\n') >= 0 || bytes.IndexByte(src, '\r') >= 0 { // encoding/base64 skips these
		return nil, base64.CorruptInputError(0)
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(src)))
	n, err := strictBase64.Decode(out, src)
	if err != nil {
		return nil, err
	}
	return out[:n], nil
}

// Bool reads a boolean, nil for null.
func (r *JSON) Bool() *bool {
	var v bool
	switch r.scalar("tf", "a Boolean") {
	case 't':
		v = r.literal("true")
	case 'f':
		r.literal("false")
	default:
		return nil
	}
	return &v
}

const numberStart = "-0123456789"

// Int32 reads a whole number, nil for null. A number out of range becomes the nearest in range, as AWS does, so that
// the answer is the constraint it violates.
func (r *JSON) Int32() *int32 {
	v, ok := r.integer("an Integer")
	if !ok {
		return nil
	}
	n := int32(min(max(v, math.MinInt32), math.MaxInt32))
	return &n
}

// Int64 is Int32 for 64 bits.
func (r *JSON) Int64() *int64 {
	v, ok := r.integer("a Long")
	if !ok {
		return nil
	}
	return &v
}

func (r *JSON) integer(want string) (int64, bool) {
	if r.scalar(numberStart, want) == 0 {
		return 0, false
	}
	digits := r.number()
	if r.err != nil {
		return 0, false
	}
	v, err := strconv.ParseInt(string(digits), 10, 64)
	if err == nil || isRange(err) {
		return v, true // ParseInt gives the nearest value when out of range
	}
	f, _ := strconv.ParseFloat(string(digits), 64)
	if f != math.Trunc(f) {
		r.fail("DECIMAL_VALUE can not be converted to " + want)
		return 0, false
	}
	return saturate(f), true
}

func isRange(err error) bool {
	e, ok := err.(*strconv.NumError)
	return ok && e.Err == strconv.ErrRange
}

// saturate converts f, which is whole or infinite, to the nearest int64.
func saturate(f float64) int64 {
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// Float64 reads a number, or one of the strings "NaN", "Infinity" and "-Infinity", nil for null.
func (r *JSON) Float64() *float64 {
	c := r.scalar(numberStart+`"`, "a Double")
	if c == 0 {
		return nil
	}
	if c == '"' {
		v, ok := namedFloat(string(r.quoted()))
		if !ok {
			r.fail("STRING_VALUE can not be converted to a Double")
			return nil
		}
		return &v
	}
	v, _ := strconv.ParseFloat(string(r.number()), 64)
	if r.err != nil {
		return nil
	}
	return &v
}

// Float32 is Float64 rounded to 32 bits.
func (r *JSON) Float32() *float32 {
	v := r.Float64()
	if v == nil {
		return nil
	}
	f := float32(*v)
	return &f
}

func namedFloat(s string) (float64, bool) {
	switch s {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

// number reads a number (RFC 8259, section 6) and returns its text.
func (r *JSON) number() []byte {
	start := r.pos
	if r.pos < len(r.buf) && r.buf[r.pos] == '-' {
		r.pos++
	}
	if r.pos < len(r.buf) && r.buf[r.pos] == '0' {
		r.pos++
	} else if !r.digits() {
		return nil
	}
	if r.pos < len(r.buf) && r.buf[r.pos] == '.' {
		r.pos++
		if !r.digits() {
			return nil
		}
	}
	if r.pos < len(r.buf) && (r.buf[r.pos] == 'e' || r.buf[r.pos] == 'E') {
		r.pos++
		if r.pos < len(r.buf) && (r.buf[r.pos] == '+' || r.buf[r.pos] == '-') {
			r.pos++
		}
		if !r.digits() {
			return nil
		}
	}
	return r.buf[start:r.pos]
}

// digits reads one or more decimal digits.
func (r *JSON) digits() bool {
	start := r.pos
	for r.pos < len(r.buf) && '0' <= r.buf[r.pos] && r.buf[r.pos] <= '9' {
		r.pos++
	}
	if r.pos == start {
		r.syntax()
		return false
	}
	return true
}

// Time reads seconds since 1970, with an optional fraction, nil for null.
func (r *JSON) Time() *time.Time {
	if r.scalar(numberStart, "a Timestamp") == 0 {
		return nil
	}
	digits := r.number()
	if r.err != nil {
		return nil
	}
	t, ok := parseEpoch(string(digits))
	if !ok {
		r.fail("Timestamp is out of range")
		return nil
	}
	return &t
}

// TimeText reads a timestamp that the model wants as text: any form that parse takes.
func (r *JSON) TimeText(parse func(string) (time.Time, bool)) *time.Time {
	if r.scalar(`"`, "a Timestamp") == 0 {
		return nil
	}
	s := r.quoted()
	if r.err != nil {
		return nil
	}
	t, ok := parse(string(s))
	if !ok {
		r.fail("STRING_VALUE can not be converted to a Timestamp")
		return nil
	}
	return &t
}
