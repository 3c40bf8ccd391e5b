package audit

import (
	"strconv"
	"unicode/utf8"
)

// appendText appends s as a JSON string, cut to limit bytes with a mark that says how many bytes are missing. Whatever s
// holds, the result is valid JSON on one line that a terminal can show: control characters, line separators and bytes
// that are no UTF-8 come out escaped.
func appendText(b []byte, s string, limit int) []byte {
	b = append(b, '"')
	if len(s) <= limit {
		if plainPrefix(s) == len(s) {
			b = append(b, s...)
		} else {
			b = appendEscaped(b, s)
		}
		return append(b, '"')
	}
	cut := limit
	for cut > limit-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	b = appendEscaped(b, s[:cut])
	b = append(b, "...["...)
	b = strconv.AppendInt(b, int64(len(s)-cut), 10)
	return append(b, ` more bytes]"`...)
}

func appendEscaped(b []byte, s string) []byte {
	for {
		n := plainPrefix(s)
		b = append(b, s[:n]...)
		if n == len(s) {
			return b
		}
		s = s[n:]
		r, size := utf8.DecodeRuneInString(s)
		b = appendRune(b, r, size)
		s = s[size:]
	}
}

// appendRune appends a rune that is not plain (see plainPrefix) and was size bytes long.
func appendRune(b []byte, r rune, size int) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(b, '\\', byte(r))
	case r == '\n':
		return append(b, `\n`...)
	case r == utf8.RuneError && size == 1:
		return append(b, `\ufffd`...)
	case r < 0xa0 || r == '\u2028' || r == '\u2029': // C0, DEL, C1; separators that end a line for some readers
		const hex = "0123456789abcdef"
		return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
	default:
		return utf8.AppendRune(b, r)
	}
}

// plainPrefix gives the length of the longest prefix of s that stands for itself in JSON: printable ASCII but for the
// quote and the backslash. It looks at eight bytes at a time, since nearly all of a record goes through it.
func plainPrefix[T string | []byte](s T) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for i := 0; len(s) >= 8; {
		w := s[i : i+8]
		x := uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 |
			uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
		// Each term has some high bit if, and as long as the terms before have none only if, x has a byte that is, in this
		// order: above 0x7f, below 0x20, 0x7f, a quote, a backslash.
		if (x|(x-ones*0x20)|(x+ones)|((x^ones*'"')-ones)|((x^ones*'\\')-ones))&highs != 0 {
			return i + plainBytes(s[i:])
		}
		if i == len(s)-8 {
			return len(s)
		}
		i = min(i+8, len(s)-8) // the last eight may overlap those before
	}
	return plainBytes(s)
}

func plainBytes[T string | []byte](s T) int {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return i
		}
	}
	return len(s)
}
