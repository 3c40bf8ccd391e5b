package audit

import "unicode/utf8"

// maxDepth is how deep objects and arrays may nest in what oneLineObject accepts.
const maxDepth = 64

// oneLineObject reports whether b is exactly one JSON object (RFC 8259) in UTF-8 without any control character, so that
// it can be part of a line as it is. It is stricter than json.Valid, and five to ten times as fast, which is why every
// record can be checked.
func oneLineObject(b []byte) bool {
	if len(b) == 0 || b[0] != '{' || !utf8.Valid(b) {
		return false
	}
	end, ok := skipObject(b, 0, maxDepth)
	return ok && end == len(b)
}

// The skip functions expect a value at b[i] and return the index after it, and whether it is well formed.

func skipValue(b []byte, i, depth int) (int, bool) {
	i = skipSpace(b, i)
	if i >= len(b) || depth == 0 {
		return i, false
	}
	switch b[i] {
	case '{':
		return skipObject(b, i, depth)
	case '[':
		return skipArray(b, i, depth)
	case '"':
		return skipString(b, i)
	case 't':
		return skipWord(b, i, "true")
	case 'f':
		return skipWord(b, i, "false")
	case 'n':
		return skipWord(b, i, "null")
	default:
		return skipNumber(b, i)
	}
}

func skipObject(b []byte, i, depth int) (int, bool) {
	return skipList(b, i, '}', func(i int) (int, bool) {
		i, ok := skipString(b, i)
		if !ok {
			return i, false
		}
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != ':' {
			return i, false
		}
		return skipValue(b, i+1, depth-1)
	})
}

func skipArray(b []byte, i, depth int) (int, bool) {
	return skipList(b, i, ']', func(i int) (int, bool) { return skipValue(b, i, depth-1) })
}

// skipList skips an opening bracket at b[i], elements separated by commas, and the closing bracket.
func skipList(b []byte, i int, closing byte, element func(int) (int, bool)) (int, bool) {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == closing {
		return i + 1, true
	}
	for {
		var ok bool
		if i, ok = element(skipSpace(b, i)); !ok {
			return i, false
		}
		i = skipSpace(b, i)
		if i >= len(b) {
			return i, false
		}
		switch b[i] {
		case ',':
			i++
		case closing:
			return i + 1, true
		default:
			return i, false
		}
	}
}

func skipString(b []byte, i int) (int, bool) {
	if i >= len(b) || b[i] != '"' {
		return i, false
	}
	for i++; i < len(b); i++ {
		i += plainPrefix(b[i:])
		if i == len(b) {
			break
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, true
		case c < 0x20:
			return i, false
		case c == '\\':
			var ok bool
			if i, ok = skipEscape(b, i+1); !ok {
				return i, false
			}
		}
	}
	return i, false
}

// skipEscape checks what follows a backslash and returns the index of its last byte.
func skipEscape(b []byte, i int) (int, bool) {
	if i >= len(b) {
		return i, false
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i, true
	case 'u':
		if i+4 >= len(b) {
			return i, false
		}
		for _, c := range b[i+1 : i+5] {
			if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return i, false
			}
		}
		return i + 4, true
	}
	return i, false
}

func skipNumber(b []byte, i int) (int, bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	i = skipDigits(b, i)
	if i == start || b[start] == '0' && i > start+1 {
		return i, false
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = skipDigits(b, start); i == start {
			return i, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = skipDigits(b, start); i == start {
			return i, false
		}
	}
	return i, true
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func skipWord(b []byte, i int, word string) (int, bool) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, false
	}
	return i + len(word), true
}

// skipSpace skips blanks. The other kinds of JSON white space are control characters, which are refused.
func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] == ' ' {
		i++
	}
	return i
}
