package codec

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Form is a place in a Query body: the root, or what stands below one part of a parameter's name. In
//
//	Action=TagRole&RoleName=r&Tags.member.1.Key=k
//
// the names are paths through a tree whose nodes are Action, RoleName, Tags, Tags.member, Tags.member.1 and so on.
// All Forms of a body share the first error, after which reads give zero values.
type Form struct {
	t    *formTree
	node int32
}

type formTree struct {
	nodes []formNode
	index map[formEdge]int32
	err   *Error
}

type formNode struct {
	part     string // the last part of the name
	value    string
	set      bool // a parameter has exactly this name
	children []int32
}

type formEdge struct {
	parent int32
	part   string
}

// ParseForm reads an application/x-www-form-urlencoded body (WHATWG URL Standard, section 5.1) strictly: valid
// escapes, valid UTF-8, no parameter twice, at most MaxParams parameters of at most MaxParts parts.
func ParseForm(text string) (Form, *Error) {
	t := &formTree{nodes: make([]formNode, 1, 16), index: make(map[formEdge]int32, 16)}
	f := Form{t: t}
	count := 0
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		if count++; count > MaxParams {
			return f, malformedInput("Too many parameters")
		}
		if err := t.add(pair); err != nil {
			return f, err
		}
	}
	return f, nil
}

// Decode reads in from the parameters below f.
func (f Form) Decode(in QueryInput) *Error {
	in.DecodeQuery(f)
	return f.t.err
}

// add puts one name=value pair into the tree.
func (t *formTree) add(pair string) *Error {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, ok := unescapeForm(rawName)
	if !ok || name == "" {
		return malformedInput("Invalid parameter name")
	}
	value, ok := unescapeForm(rawValue)
	if !ok {
		return malformedInput("Invalid value of parameter " + clip(name, 64))
	}
	if strings.Count(name, ".") >= MaxParts {
		return malformedInput("The name of a parameter has too many parts")
	}
	at := int32(0)
	for part := range strings.SplitSeq(name, ".") {
		at = t.child(at, part)
	}
	n := &t.nodes[at]
	if n.set {
		return malformedInput("Duplicate parameter " + clip(name, 64))
	}
	n.set, n.value = true, value
	return nil
}

// child gives the node for part below parent, made if need be.
func (t *formTree) child(parent int32, part string) int32 {
	edge := formEdge{parent, part}
	if at, ok := t.index[edge]; ok {
		return at
	}
	at := int32(len(t.nodes))
	t.nodes = append(t.nodes, formNode{part: part})
	t.nodes[parent].children = append(t.nodes[parent].children, at)
	t.index[edge] = at
	return at
}

// unescapeForm undoes percent-encoding and "+", and refuses broken escapes and invalid UTF-8.
func unescapeForm(raw string) (string, bool) {
	if !strings.ContainsAny(raw, "%+") {
		return raw, utf8.ValidString(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(raw) {
				return "", false
			}
			hi, lo := unhex(raw[i+1]), unhex(raw[i+2])
			if hi < 0 || lo < 0 {
				return "", false
			}
			out = append(out, byte(hi<<4|lo))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return string(out), utf8.Valid(out)
}

func (f Form) fail(message string) {
	if f.t.err == nil {
		f.t.err = malformedInput(message)
	}
}

// At is the place for a part below f, and whether any parameter is there.
func (f Form) At(part string) (Form, bool) {
	node, ok := f.t.index[formEdge{f.node, part}]
	return Form{f.t, node}, ok && f.t.err == nil
}

// Value is the value of the parameter part below f, as it was sent; "" when there is none.
func (f Form) Value(part string) string {
	at, ok := f.At(part)
	if !ok {
		return ""
	}
	return f.t.nodes[at.node].value
}

// Text is the value at f, "" when there is none. A parameter with parts below it is no scalar.
func (f Form) Text() string {
	n := &f.t.nodes[f.node]
	if len(n.children) > 0 {
		f.fail("Start of structure or map found where not expected.")
		return ""
	}
	return n.value
}

// scalar is the value below f at part, if there is one.
func (f Form) scalar(part string) (string, bool) {
	at, ok := f.At(part)
	if !ok {
		return "", false
	}
	s := at.Text()
	return s, f.t.err == nil
}

// String reads a string.
func (f Form) String(part string) *string {
	s, ok := f.scalar(part)
	if !ok {
		return nil
	}
	return &s
}

// FormEnum reads a string into an enumeration type.
func FormEnum[T ~string](f Form, part string) T {
	s, ok := f.scalar(part)
	if ok && s == "" {
		return emptyEnum
	}
	return T(s)
}

// EnumText is Text for an element with an enumeration.
func EnumText[T ~string](f Form) T { return T(cmp.Or(f.Text(), emptyEnum)) }

// Bool reads "true" or "false".
func (f Form) Bool(part string) *bool {
	s, ok := f.scalar(part)
	if !ok {
		return nil
	}
	if s != "true" && s != "false" {
		f.notA(part, "boolean")
		return nil
	}
	v := s == "true"
	return &v
}

// notA reports a value of the wrong type.
func (f Form) notA(part, kind string) {
	f.fail("The value of parameter " + part + " is not a valid " + kind)
}

// Int32 reads a whole number; one out of range becomes the nearest in range (see JSON.Int32).
func (f Form) Int32(part string) *int32 {
	v, ok := f.integer(part, 32)
	if !ok {
		return nil
	}
	n := int32(v)
	return &n
}

// Int64 is Int32 for 64 bits.
func (f Form) Int64(part string) *int64 {
	v, ok := f.integer(part, 64)
	if !ok {
		return nil
	}
	return &v
}

func (f Form) integer(part string, bits int) (int64, bool) {
	s, ok := f.scalar(part)
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseInt(s, 10, bits)
	if err != nil && !isRange(err) {
		f.notA(part, "integer")
		return 0, false
	}
	return v, true
}

// Float64 reads a number.
func (f Form) Float64(part string) *float64 {
	s, ok := f.scalar(part)
	if !ok {
		return nil
	}
	v, named := namedFloat(s)
	if !named {
		var err error
		// The grammar of ParseFloat is wider than a number's: "0x1p4", "1_000", "inf".
		if v, err = strconv.ParseFloat(s, 64); strings.Trim(s, "+-.0123456789eE") != "" || err != nil && !isRange(err) {
			f.notA(part, "number")
			return nil
		}
	}
	return &v
}

// Float32 is Float64 rounded to 32 bits.
func (f Form) Float32(part string) *float32 {
	v := f.Float64(part)
	if v == nil {
		return nil
	}
	n := float32(*v)
	return &n
}

// Blob reads canonical base64.
func (f Form) Blob(part string) []byte {
	s, ok := f.scalar(part)
	if !ok {
		return nil
	}
	b, err := decodeBase64([]byte(s))
	if err != nil {
		f.notA(part, "base64 value")
	}
	return b
}

// Time reads a timestamp that parse understands.
func (f Form) Time(part string, parse func(string) (time.Time, bool)) *time.Time {
	s, ok := f.scalar(part)
	if !ok {
		return nil
	}
	t, ok := parse(s)
	if !ok {
		f.notA(part, "timestamp")
		return nil
	}
	return &t
}

// elements gives the children of f in the order of their numbers, which must be 1, 2, 3 and so on.
func (f Form) elements() []int32 {
	n := &f.t.nodes[f.node]
	list := make([]int32, len(n.children))
	for _, child := range n.children {
		part := f.t.nodes[child].part
		i, err := strconv.Atoi(part)
		if err != nil || i < 1 || i > len(list) || strconv.Itoa(i) != part {
			f.fail("Unexpected list element " + clip(part, 32))
			return nil
		}
		list[i-1] = child
	}
	return slices.Clip(list)
}
