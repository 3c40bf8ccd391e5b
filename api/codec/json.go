package codec

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// JSON reads one AWS JSON 1.1 body. The zero value is ready for Decode, and may be used again after it; it must not be
// copied. It is not safe for concurrent use.
//
// A reader keeps its first error; after that all reads give zero values and loops end.
type JSON struct {
	buf     []byte
	pos     int
	err     *Error
	depth   int
	name    []byte   // of the member whose value is next
	names   [][]byte // names seen in the open objects, innermost last
	base    [MaxDepth + 1]int
	many    [MaxDepth + 1]map[string]struct{} // instead of names, for an object with many members
	crowded bool                              // something is in many
	scratch []byte                            // unescaped string
	text    strings.Builder                   // short strings share its buffer
	strs    []string                          // so do the variables that pointers to strings point to
}

// linearNames is how many member names of one object are compared one by one before a map takes over.
const linearNames = 32

// Decode reads body, which must be one object and nothing else, into in. Strings and blobs of in are copies, so body
// may be wiped or reused afterwards. An empty body is an empty object for an operation without input.
func (r *JSON) Decode(body []byte, in JSONInput) *Error {
	r.reset(body)
	if _, empty := in.(*Empty); empty && len(body) == 0 {
		return nil
	}
	r.space()
	if r.pos < len(r.buf) && r.buf[r.pos] == 'n' {
		r.fail("Unexpected null")
	}
	in.DecodeJSON(r)
	r.space()
	if r.err == nil && r.pos != len(r.buf) {
		r.fail("Unexpected data after the end of input")
	}
	err := r.err
	r.reset(nil)
	return err
}

// reset prepares for another body. What was read from the last one stays untouched.
func (r *JSON) reset(body []byte) {
	r.buf, r.pos, r.err, r.depth, r.name = body, 0, nil, 0, nil
	r.names = r.names[:0]
	if r.crowded {
		clear(r.many[:])
		r.crowded = false
	}
	clear(r.scratch[:cap(r.scratch)])
	r.text.Reset()
	r.strs = nil
}

// fail keeps the first error and moves to the end, which stops every loop.
func (r *JSON) fail(message string) {
	if r.err == nil {
		r.err = serialization(message)
	}
	r.pos = len(r.buf)
}

const (
	unexpectedEnd   = "Unexpected end of input"
	unexpectedToken = "Unexpected token received from parser"
)

// syntax reports that the byte at the current place cannot stand there.
func (r *JSON) syntax() {
	if r.pos >= len(r.buf) {
		r.fail(unexpectedEnd)
		return
	}
	r.fail(unexpectedToken)
}

// space skips white space (RFC 8259, section 2).
func (r *JSON) space() {
	for r.pos < len(r.buf) {
		switch r.buf[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (r *JSON) peek() byte {
	r.space()
	if r.pos >= len(r.buf) {
		return 0
	}
	return r.buf[r.pos]
}

// Object enters an object and its first member. It returns false for null, for an empty object and on error.
// The loop is
//
//	for ok := r.Object(); ok; ok = r.Next() { switch string(r.Name()) { ... default: r.Skip() } }
func (r *JSON) Object() bool {
	switch c := r.peek(); c {
	case '{':
	case 'n':
		r.literal("null")
		return false
	case '[':
		r.fail(listNotExpected)
		return false
	default:
		r.notCollection(c, "Expected null")
		return false
	}
	if !r.enter() {
		return false
	}
	r.base[r.depth] = len(r.names)
	if r.peek() == '}' {
		r.leaveObject()
		return false
	}
	return r.member()
}

// Next moves to the next member of the object that Object entered, and returns false after the last.
func (r *JSON) Next() bool {
	if r.err != nil {
		return false
	}
	switch r.peek() {
	case ',':
		r.pos++
		return r.member()
	case '}':
		r.leaveObject()
	default:
		r.syntax()
	}
	return false
}

// Name is the name of the current member. It is valid until the member's value is read.
func (r *JSON) Name() []byte { return r.name }

// Array enters a list, as Object does an object. The loop is: for ok := r.Array(); ok; ok = r.More().
func (r *JSON) Array() bool {
	switch c := r.peek(); c {
	case '[':
	case 'n':
		r.literal("null")
		return false
	case '{':
		r.fail(structNotExpected)
		return false
	default:
		r.notCollection(c, "Expected list or null")
		return false
	}
	if !r.enter() {
		return false
	}
	if r.peek() == ']' {
		r.pos++
		r.depth--
		return false
	}
	return true
}

// More moves to the next element of a list, and returns false after the last.
func (r *JSON) More() bool {
	if r.err != nil {
		return false
	}
	switch r.peek() {
	case ',':
		r.pos++
		return true
	case ']':
		r.pos++
		r.depth--
	default:
		r.syntax()
	}
	return false
}

// Null reads a null if one is next, and says so.
func (r *JSON) Null() bool {
	if r.peek() != 'n' {
		return false
	}
	return r.literal("null")
}

// Skip reads and checks a value of any kind.
func (r *JSON) Skip() {
	switch c := r.peek(); c {
	case '{':
		for ok := r.Object(); ok; ok = r.Next() {
			r.Skip()
		}
	case '[':
		for ok := r.Array(); ok; ok = r.More() {
			r.Skip()
		}
	case '"':
		r.quoted()
	case 't':
		r.literal("true")
	case 'f':
		r.literal("false")
	case 'n':
		r.literal("null")
	default:
		r.number()
	}
}

func (r *JSON) enter() bool {
	if r.depth == MaxDepth {
		r.fail("Nesting is too deep")
		return false
	}
	r.pos++
	r.depth++
	return true
}

func (r *JSON) leaveObject() {
	r.pos++
	r.names = r.names[:r.base[r.depth]]
	if r.crowded {
		r.many[r.depth] = nil
	}
	r.depth--
}

// member reads a name and its colon, and refuses a name that the object already had.
func (r *JSON) member() bool {
	if r.peek() != '"' {
		r.syntax()
		return false
	}
	start := r.pos
	name := r.quoted()
	if r.err != nil {
		return false
	}
	if r.pos-start != len(name)+2 {
		name = bytes.Clone(name) // unescaped in scratch, which the next string overwrites
	}
	if r.peek() != ':' {
		r.syntax()
		return false
	}
	r.pos++
	if r.repeated(name) {
		r.fail("Duplicate field '" + clip(string(name), 64) + "'")
		return false
	}
	r.name = name
	return true
}

// repeated says whether the innermost object already has the name, and remembers it.
func (r *JSON) repeated(name []byte) bool {
	if seen := r.many[r.depth]; seen != nil {
		if _, ok := seen[string(name)]; ok {
			return true
		}
		seen[string(name)] = struct{}{}
		return false
	}
	known := r.names[r.base[r.depth]:]
	for _, k := range known {
		if string(k) == string(name) {
			return true
		}
	}
	if len(known) < linearNames {
		r.names = append(r.names, name)
		return false
	}
	seen := make(map[string]struct{}, 4*linearNames)
	for _, k := range known {
		seen[string(k)] = struct{}{}
	}
	seen[string(name)] = struct{}{}
	r.many[r.depth], r.crowded = seen, true
	return false
}

// literal reads exactly the word.
func (r *JSON) literal(word string) bool {
	if !bytes.HasPrefix(r.buf[r.pos:], []byte(word)) {
		if strings.HasPrefix(word, string(r.buf[r.pos:])) {
			r.pos = len(r.buf)
		}
		r.syntax()
		return false
	}
	r.pos += len(word)
	return true
}

// clip cuts s, which is valid UTF-8, to at most n bytes of whole characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
