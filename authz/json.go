package authz

import (
	"strings"
	"unicode/utf8"
)

// Bounds of a policy document's JSON.
const (
	// MaxText is the longest text that Parse reads, in bytes. Services have lower limits of their own (32 KiB for
	// a key policy; IAM counts characters without white space).
	MaxText  = 131072
	maxDepth = 8 // the language needs 5: document, statements, statement, Condition, operator, values
)

// nodeKind is the type of a JSON value.
type nodeKind uint8

const (
	objectNode nodeKind = iota + 1
	arrayNode
	stringNode
	numberNode // text is as written
	boolNode   // text is true or false
	nullNode
)

// node is a JSON value with the place it stands at.
type node struct {
	kind    nodeKind
	offset  int    // of its first byte in the text
	text    string // of a string (unescaped), number or bool
	items   []node // of an array
	members []member
}

// member is a name and value of an object, in the order written.
type member struct {
	name   string
	offset int
	value  node
}

// reader is a strict JSON reader (RFC 8259): no duplicate names, no trailing text, valid UTF-8 only.
type reader struct {
	text string
	pos  int
}

// readJSON reads one JSON value that is the whole of text.
func readJSON(text string) (node, *Error) {
	if len(text) > MaxText {
		return node{}, syntaxError(MaxText, "document is longer than 131072 bytes")
	}
	if !utf8.ValidString(text) {
		return node{}, syntaxError(firstInvalid(text), "text is not valid UTF-8")
	}
	r := reader{text: text}
	n, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	if r.space(); r.pos < len(text) {
		return node{}, syntaxError(r.pos, "text after the end of the document")
	}
	return n, nil
}

func firstInvalid(s string) int {
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		if c == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return len(s)
}

func (r *reader) space() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek skips white space and gives the next byte, 0 at the end.
func (r *reader) peek() byte {
	r.space()
	if r.pos == len(r.text) {
		return 0
	}
	return r.text[r.pos]
}

func (r *reader) value(depth int) (node, *Error) {
	if depth > maxDepth {
		return node{}, syntaxError(r.pos, "nested too deeply")
	}
	c := r.peek()
	start := r.pos
	switch {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '"':
		s, err := r.string()
		return node{kind: stringNode, offset: start, text: s}, err
	case c == '-' || '0' <= c && c <= '9':
		return r.number()
	case r.word("true"), r.word("false"):
		return node{kind: boolNode, offset: start, text: r.text[start:r.pos]}, nil
	case r.word("null"):
		return node{kind: nullNode, offset: start}, nil
	}
	return node{}, syntaxError(start, "not a JSON value")
}

func (r *reader) word(w string) bool {
	if !strings.HasPrefix(r.text[r.pos:], w) {
		return false
	}
	r.pos += len(w)
	return true
}

func (r *reader) object(depth int) (node, *Error) {
	n := node{kind: objectNode, offset: r.pos}
	r.pos++
	if r.peek() == '}' {
		r.pos++
		return n, nil
	}
	seen := map[string]bool{}
	for {
		if r.peek() != '"' {
			return n, syntaxError(r.pos, "expected a member name")
		}
		m := member{offset: r.pos}
		var err *Error
		if m.name, err = r.string(); err != nil {
			return n, err
		}
		if seen[m.name] {
			return n, syntaxError(m.offset, "member "+quote(m.name)+" is there twice")
		}
		seen[m.name] = true
		if r.peek() != ':' {
			return n, syntaxError(r.pos, "expected ':'")
		}
		r.pos++
		if m.value, err = r.value(depth + 1); err != nil {
			return n, err
		}
		n.members = append(n.members, m)
		if more, err := r.more('}'); !more {
			return n, err
		}
	}
}

func (r *reader) array(depth int) (node, *Error) {
	n := node{kind: arrayNode, offset: r.pos}
	r.pos++
	if r.peek() == ']' {
		r.pos++
		return n, nil
	}
	for {
		item, err := r.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
		if more, err := r.more(']'); !more {
			return n, err
		}
	}
}

// more reads a comma, or the end of an object or array.
func (r *reader) more(end byte) (bool, *Error) {
	switch r.peek() {
	case ',':
		r.pos++
		return true, nil
	case end:
		r.pos++
		return false, nil
	}
	return false, syntaxError(r.pos, "expected ',' or '"+string(rune(end))+"'")
}

func (r *reader) number() (node, *Error) {
	start := r.pos
	if r.text[r.pos] == '-' {
		r.pos++
	}
	if whole := r.digits(); whole == 0 || whole > 1 && r.text[r.pos-whole] == '0' {
		return node{}, syntaxError(start, "malformed number")
	}
	if r.pos < len(r.text) && r.text[r.pos] == '.' {
		r.pos++
		if r.digits() == 0 {
			return node{}, syntaxError(start, "malformed number")
		}
	}
	if r.pos < len(r.text) && (r.text[r.pos] == 'e' || r.text[r.pos] == 'E') {
		return node{}, syntaxError(start, "numbers with an exponent are not supported")
	}
	return node{kind: numberNode, offset: start, text: r.text[start:r.pos]}, nil
}

func (r *reader) digits() int {
	start := r.pos
	for r.pos < len(r.text) && '0' <= r.text[r.pos] && r.text[r.pos] <= '9' {
		r.pos++
	}
	return r.pos - start
}
