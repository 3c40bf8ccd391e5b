package codec

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// XML writes XML elements. The name of an element may carry attributes: `Tags xmlns="http://..."`.
type XML struct {
	buf []byte
}

// AppendResponse appends the body of a Query response: the operation's wrapper, its output if it has one, and the
// request id.
func AppendResponse(b []byte, s *Service, op *Operation, out XMLOutput, requestID string) []byte {
	x := &XML{buf: b}
	root := op.Name + `Response xmlns="` + s.Namespace + `"`
	x.open(root)
	if op.ResultWrapper != "" && out != nil {
		x.open(op.ResultWrapper)
		out.AppendXML(x)
		x.close(op.ResultWrapper)
	}
	x.open("ResponseMetadata")
	x.Text("RequestId", requestID)
	x.close("ResponseMetadata")
	x.close(root)
	return x.buf
}

func (x *XML) open(name string) {
	x.buf = append(x.buf, '<')
	x.buf = append(x.buf, name...)
	x.buf = append(x.buf, '>')
}

func (x *XML) close(name string) {
	if i := strings.IndexByte(name, ' '); i >= 0 {
		name = name[:i]
	}
	x.buf = append(x.buf, '<', '/')
	x.buf = append(x.buf, name...)
	x.buf = append(x.buf, '>')
}

// Text writes an element that contains s. Characters that XML 1.0 cannot hold become U+FFFD.
func (x *XML) Text(name, s string) {
	x.open(name)
	x.buf = appendXMLText(x.buf, s)
	x.close(name)
}

func appendXMLText(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		b = appendXMLRune(b, c)
		i += n
	}
	return b
}

func appendXMLRune(b []byte, c rune) []byte {
	switch {
	case c == '&':
		return append(b, "&amp;"...)
	case c == '<':
		return append(b, "&lt;"...)
	case c == '>':
		return append(b, "&gt;"...)
	case c == '"':
		return append(b, "&quot;"...)
	case c == '\t' || c == '\n':
		return append(b, byte(c))
	case c == '\r':
		return append(b, "&#xD;"...) // a bare one would be read as a line end
	case c < 0x20 || c == 0xFFFE || c == 0xFFFF:
		c = utf8.RuneError
	}
	return utf8.AppendRune(b, c)
}

// String writes a string member.
func (x *XML) String(name string, v *string) {
	if v != nil {
		x.Text(name, *v)
	}
}

// XMLEnum writes a member with an enumeration.
func XMLEnum[T ~string](x *XML, name string, v T) {
	if v != "" {
		x.Text(name, string(v))
	}
}

// Blob writes a blob member in base64.
func (x *XML) Blob(name string, v []byte) {
	if v != nil {
		x.open(name)
		x.buf = base64.StdEncoding.AppendEncode(x.buf, v)
		x.close(name)
	}
}

// Bool writes a boolean member.
func (x *XML) Bool(name string, v *bool) {
	if v != nil {
		x.Text(name, strconv.FormatBool(*v))
	}
}

// XMLInt writes a whole number.
func XMLInt[T int32 | int64](x *XML, name string, v *T) {
	if v != nil {
		XMLIntText(x, name, *v)
	}
}

// XMLFloat writes a number.
func XMLFloat[T float32 | float64](x *XML, name string, v *T) {
	if v != nil {
		x.Text(name, floatText(*v))
	}
}

// Time writes a timestamp by one of XMLISO8601, XMLHTTPDate and XMLEpoch.
func (x *XML) Time(name string, v *time.Time, form func(*XML, string, time.Time)) {
	if v != nil {
		form(x, name, *v)
	}
}

// XMLISO8601 writes an element that contains an ISO 8601 time.
func XMLISO8601(x *XML, name string, t time.Time) {
	x.open(name)
	x.buf = appendISO8601(x.buf, t)
	x.close(name)
}

// XMLHTTPDate writes an element that contains an HTTP date.
func XMLHTTPDate(x *XML, name string, t time.Time) {
	x.open(name)
	x.buf = appendHTTPDate(x.buf, t)
	x.close(name)
}

// XMLEpoch writes an element that contains seconds since 1970.
func XMLEpoch(x *XML, name string, t time.Time) {
	x.open(name)
	x.buf = appendEpoch(x.buf, t)
	x.close(name)
}

// XMLText writes an element of a list or a map that is a string or an enumeration.
func XMLText[T ~string](x *XML, name string, v T) { x.Text(name, string(v)) }

// XMLIntText writes an element of a list or a map that is a whole number.
func XMLIntText[T int32 | int64](x *XML, name string, v T) {
	x.Text(name, strconv.FormatInt(int64(v), 10))
}

// XMLBoolText writes an element of a list or a map that is a boolean.
func XMLBoolText(x *XML, name string, v bool) { x.Text(name, strconv.FormatBool(v)) }

// xmlAppender is a pointer to a structure that can be written as XML.
type xmlAppender[T any] interface {
	*T
	AppendXML(x *XML)
}

// XMLStruct writes a structure member.
func XMLStruct[T any, P xmlAppender[T]](x *XML, name string, v *T) {
	if v != nil {
		x.open(name)
		P(v).AppendXML(x)
		x.close(name)
	}
}

// XMLElement writes a structure that is an element of a list or a map.
func XMLElement[T any, P xmlAppender[T]](x *XML, name string, v T) { XMLStruct[T, P](x, name, &v) }

// XMLList writes a list: an element name that contains one element member for each, or without it, when member is "",
// an element name for each.
func XMLList[T any](x *XML, name, member string, v []T, element func(*XML, string, T)) {
	if v == nil {
		return
	}
	if member == "" {
		for i := range v {
			element(x, name, v[i])
		}
		return
	}
	x.open(name)
	for i := range v {
		element(x, member, v[i])
	}
	x.close(name)
}

// XMLMap writes a map: an element name that contains one element entry for each pair, or without it, when entry is
// "", an element name for each.
func XMLMap[T any](x *XML, name, entry, key, value string, v map[string]T, element func(*XML, string, T)) {
	if v == nil {
		return
	}
	pair := name
	if entry != "" {
		x.open(name)
		pair = entry
	}
	for _, k := range sortedKeys(v, new(keyRoom)) {
		x.open(pair)
		x.Text(key, k)
		element(x, value, v[k])
		x.close(pair)
	}
	if entry != "" {
		x.close(name)
	}
}
