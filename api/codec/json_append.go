package codec

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// The Member functions append one member to an object that ends b, or nothing when the value is absent. An object is
//
//	b = append(b, '{'); b = MemberString(b, "KeyId", v.KeyId); ...; b = append(b, '}')

// AppendName appends the name of a member and its colon, after a comma if it is not the first.
func AppendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = AppendString(b, name)
	return append(b, ':')
}

const hexDigits = "0123456789abcdef"

// AppendString appends s in quotes. Invalid UTF-8 becomes U+FFFD; control characters and U+2028 and U+2029, which
// JavaScript takes for line ends, are escaped.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		if plain[s[i]] {
			i++
			continue
		}
		c, n := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRuneInString(s[i:])
			if c != '\u2028' && c != '\u2029' && !(c == utf8.RuneError && n == 1) {
				i += n
				continue
			}
		}
		b = append(b, s[start:i]...)
		b = appendEscape(b, c)
		i += n
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendEscape(b []byte, c rune) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', byte(c))
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	case utf8.RuneError:
		return append(b, "\uFFFD"...)
	}
	return append(b, '\\', 'u', hexDigits[c>>12&15], hexDigits[c>>8&15], hexDigits[c>>4&15], hexDigits[c&15])
}

// MemberString appends a string member.
func MemberString(b []byte, name string, v *string) []byte {
	if v == nil {
		return b
	}
	return AppendString(AppendName(b, name), *v)
}

// MemberEnum appends a member with an enumeration.
func MemberEnum[T ~string](b []byte, name string, v T) []byte {
	if v == "" {
		return b
	}
	return AppendString(AppendName(b, name), string(v))
}

// MemberBlob appends a blob member in base64. An empty blob that is not nil is "".
func MemberBlob(b []byte, name string, v []byte) []byte {
	if v == nil {
		return b
	}
	return AppendBlob(AppendName(b, name), v)
}

// MemberBool appends a boolean member.
func MemberBool(b []byte, name string, v *bool) []byte {
	if v == nil {
		return b
	}
	return strconv.AppendBool(AppendName(b, name), *v)
}

// MemberInt appends a whole number.
func MemberInt[T int32 | int64](b []byte, name string, v *T) []byte {
	if v == nil {
		return b
	}
	return AppendInt(AppendName(b, name), *v)
}

// MemberFloat appends a number.
func MemberFloat[T float32 | float64](b []byte, name string, v *T) []byte {
	if v == nil {
		return b
	}
	return AppendFloat(AppendName(b, name), *v)
}

// MemberTime appends a timestamp by the given form, one of AppendTime, AppendTimeISO8601 and AppendTimeHTTPDate.
func MemberTime(b []byte, name string, v *time.Time, form func([]byte, time.Time) []byte) []byte {
	if v == nil {
		return b
	}
	return form(AppendName(b, name), *v)
}

// jsonAppender is a pointer to a structure that can be written as JSON.
type jsonAppender[T any] interface {
	*T
	AppendJSON(b []byte) []byte
}

// MemberStruct appends a structure.
func MemberStruct[T any, P jsonAppender[T]](b []byte, name string, v *T) []byte {
	if v == nil {
		return b
	}
	return P(v).AppendJSON(AppendName(b, name))
}

// MemberList appends a list; an empty one that is not nil is [].
func MemberList[T any](b []byte, name string, v []T, element func([]byte, T) []byte) []byte {
	if v == nil {
		return b
	}
	return AppendList(AppendName(b, name), v, element)
}

// MemberMap appends a map in the order of its keys.
func MemberMap[T any](b []byte, name string, v map[string]T, value func([]byte, T) []byte) []byte {
	if v == nil {
		return b
	}
	return AppendMap(AppendName(b, name), v, value)
}

// AppendList appends a list.
func AppendList[T any](b []byte, v []T, element func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = element(b, v[i])
	}
	return append(b, ']')
}

// AppendMap appends a map in the order of its keys.
func AppendMap[T any](b []byte, v map[string]T, value func([]byte, T) []byte) []byte {
	b = append(b, '{')
	for _, k := range sortedKeys(v, new(keyRoom)) {
		b = value(AppendName(b, k), v[k])
	}
	return append(b, '}')
}

// AppendStruct appends a structure that is an element of a list or a map.
func AppendStruct[T any, P jsonAppender[T]](b []byte, v T) []byte { return P(&v).AppendJSON(b) }

// AppendEnum appends an element with an enumeration.
func AppendEnum[T ~string](b []byte, v T) []byte { return AppendString(b, string(v)) }

// AppendBlob appends base64 in quotes.
func AppendBlob(b []byte, v []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, v)
	return append(b, '"')
}

// AppendInt appends a whole number.
func AppendInt[T int32 | int64](b []byte, v T) []byte { return strconv.AppendInt(b, int64(v), 10) }

// AppendFloat appends a number, or "NaN", "Infinity" or "-Infinity" in quotes.
func AppendFloat[T float32 | float64](b []byte, v T) []byte {
	if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
		return AppendString(b, floatText(v))
	}
	return append(b, floatText(v)...)
}

// floatText is the shortest decimal that reads back as v.
func floatText[T float32 | float64](v T) string {
	f := float64(v)
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	bits := 64
	if _, single := any(v).(float32); single {
		bits = 32
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

// AppendTime appends seconds since 1970.
func AppendTime(b []byte, t time.Time) []byte { return appendEpoch(b, t) }

// AppendTimeISO8601 appends the time as ISO 8601 in quotes.
func AppendTimeISO8601(b []byte, t time.Time) []byte {
	return append(appendISO8601(append(b, '"'), t), '"')
}

// AppendTimeHTTPDate appends the time as an HTTP date in quotes.
func AppendTimeHTTPDate(b []byte, t time.Time) []byte {
	return append(appendHTTPDate(append(b, '"'), t), '"')
}
