package codec

import (
	"unicode/utf16"
	"unicode/utf8"
)

// plain marks the bytes that stand for themselves inside a JSON string and need no further look.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// quoted reads a string whose opening quote is next. The result is valid until the next string is read.
func (r *JSON) quoted() []byte {
	if r.err != nil {
		return nil
	}
	start := r.pos + 1
	ascii := true
	for i := start; i < len(r.buf); i++ {
		c := r.buf[i]
		if plain[c] {
			continue
		}
		switch {
		case c == '"':
			r.pos = i + 1
			if !ascii && !utf8.Valid(r.buf[start:i]) {
				r.fail("Invalid UTF-8")
				return nil
			}
			return r.buf[start:i]
		case c == '\\':
			return r.escaped(start, i)
		case c < 0x20:
			r.fail("Illegal unquoted character")
			return nil
		}
		ascii = false
	}
	r.fail(unexpectedEnd)
	return nil
}

// escaped reads the rest of a string that has an escape at i.
func (r *JSON) escaped(start, i int) []byte {
	out := append(r.scratch[:0], r.buf[start:i]...)
	r.pos = i
	for r.pos < len(r.buf) {
		c := r.buf[r.pos]
		switch {
		case c == '"':
			r.pos++
			r.scratch = out
			if !utf8.Valid(out) {
				r.fail("Invalid UTF-8")
				return nil
			}
			return out
		case c < 0x20:
			r.fail("Illegal unquoted character")
			return nil
		case c != '\\':
			out = append(out, c)
			r.pos++
		default:
			out = r.escape(out)
		}
	}
	r.fail(unexpectedEnd)
	return nil
}

// escape appends what the escape at the current place stands for.
func (r *JSON) escape(out []byte) []byte {
	if r.pos+1 >= len(r.buf) {
		r.fail(unexpectedEnd)
		return out
	}
	c := r.buf[r.pos+1]
	r.pos += 2
	switch c {
	case '"', '\\', '/':
		return append(out, c)
	case 'b':
		return append(out, '\b')
	case 'f':
		return append(out, '\f')
	case 'n':
		return append(out, '\n')
	case 'r':
		return append(out, '\r')
	case 't':
		return append(out, '\t')
	case 'u':
		return utf8.AppendRune(out, r.codePoint())
	}
	r.fail("Unrecognized character escape")
	return out
}

// codePoint reads the digits of a \u escape, and of the low surrogate that must follow a high one.
func (r *JSON) codePoint() rune {
	first := r.hex4()
	if !utf16.IsSurrogate(first) || r.err != nil {
		return first
	}
	if r.pos+1 < len(r.buf) && r.buf[r.pos] == '\\' && r.buf[r.pos+1] == 'u' {
		r.pos += 2
		if c := utf16.DecodeRune(first, r.hex4()); c != utf8.RuneError {
			return c
		}
	}
	r.fail("Unpaired surrogate in string")
	return 0
}

func (r *JSON) hex4() rune {
	if len(r.buf)-r.pos < 4 {
		r.fail(unexpectedEnd)
		return 0
	}
	var v rune
	for _, c := range r.buf[r.pos : r.pos+4] {
		d := unhex(c)
		if d < 0 {
			r.fail("Unrecognized character escape")
			return 0
		}
		v = v<<4 | rune(d)
	}
	r.pos += 4
	return v
}

// unhex is the value of a hexadecimal digit, or -1.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
