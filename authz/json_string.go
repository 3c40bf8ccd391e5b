package authz

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a string, of which r.pos is at the opening quote. Without escapes the result shares the text.
func (r *reader) string() (string, *Error) {
	open := r.pos
	r.pos++
	start := r.pos
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case c == '"':
			r.pos++
			return r.text[start : r.pos-1], nil
		case c == '\\':
			return r.escaped(open, start)
		case c < 0x20:
			return "", syntaxError(r.pos, "control character in a string")
		default:
			r.pos++
		}
	}
	return "", syntaxError(open, "string does not end")
}

// escaped reads on from the first backslash of a string.
func (r *reader) escaped(open, start int) (string, *Error) {
	var b strings.Builder
	b.WriteString(r.text[start:r.pos])
	for r.pos < len(r.text) {
		c := r.text[r.pos]
		switch {
		case c == '"':
			r.pos++
			return b.String(), nil
		case c < 0x20:
			return "", syntaxError(r.pos, "control character in a string")
		case c != '\\':
			b.WriteByte(c)
			r.pos++
		default:
			char, err := r.escape()
			if err != nil {
				return "", err
			}
			b.WriteRune(char)
		}
	}
	return "", syntaxError(open, "string does not end")
}

// escape reads one escape sequence; a surrogate must be one of a pair.
func (r *reader) escape() (rune, *Error) {
	start := r.pos
	r.pos++
	if r.pos == len(r.text) {
		return 0, syntaxError(start, "string does not end")
	}
	c := r.text[r.pos]
	r.pos++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return 0, syntaxError(start, "unknown escape")
	}
	first, ok := r.hex4()
	if !ok {
		return 0, syntaxError(start, "malformed \\u escape")
	}
	if !utf16.IsSurrogate(first) {
		return first, nil
	}
	if r.word(`\u`) {
		if second, ok := r.hex4(); ok {
			if char := utf16.DecodeRune(first, second); char != utf8.RuneError {
				return char, nil
			}
		}
	}
	return 0, syntaxError(start, "half a surrogate pair")
}

func (r *reader) hex4() (rune, bool) {
	if len(r.text)-r.pos < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(r.text[r.pos:r.pos+4], 16, 16)
	if err != nil {
		return 0, false
	}
	r.pos += 4
	return rune(n), true
}
