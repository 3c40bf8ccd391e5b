package main

import (
	"fmt"
	"strings"
)

// decodeJSON emits the reader of a structure.
func (g *generator) decodeJSON(t string, s *shape) {
	var b strings.Builder
	fmt.Fprintf(&b, "// DecodeJSON reads one object.\nfunc (v *%s) DecodeJSON(r *codec.JSON) {\n", t)
	b.WriteString("for ok := r.Object(); ok; ok = r.Next() {\n")
	if len(s.Members) > 0 {
		b.WriteString("switch string(r.Name()) {\n")
		for _, member := range s.memberNames() {
			r := s.Members[member]
			fmt.Fprintf(&b, "case %q:\nv.%s = %s\n", member, exported(member), g.readJSON(r))
		}
		b.WriteString("default:\nr.Skip()\n}\n")
	} else {
		b.WriteString("r.Skip()\n")
	}
	b.WriteString("}\n}\n")
	g.file("decode").add("%s", b.String())
}

// readJSON is the expression that reads a member from r.
func (g *generator) readJSON(r ref) string {
	s := g.m.Shapes[r.Shape]
	if s.Enum != nil {
		return fmt.Sprintf("codec.JSONEnum[%s](r)", exported(r.Shape))
	}
	switch s.Type {
	case "structure":
		return fmt.Sprintf("codec.JSONStruct[%s](r)", exported(r.Shape))
	case "list":
		return fmt.Sprintf("codec.JSONList(r, %s)", g.jsonElement(*s.Member))
	case "map":
		return fmt.Sprintf("codec.JSONMap(r, %s)", g.jsonElement(*s.Value))
	case "timestamp":
		switch s.TimestampFormat {
		case "iso8601":
			return "r.TimeText(codec.ParseISO8601)"
		case "rfc822":
			return "r.TimeText(codec.ParseHTTPDate)"
		}
	}
	return "r." + readMethod(s) + "()"
}

// readMethod is the method of codec.JSON and codec.Form that reads an optional scalar.
func readMethod(s *shape) string {
	return map[string]string{
		"string": "String", "blob": "Blob", "boolean": "Bool", "integer": "Int32", "long": "Int64", "float": "Float32",
		"double": "Float64", "timestamp": "Time",
	}[s.Type]
}

// jsonElement is the function that reads an element of a list or a map.
func (g *generator) jsonElement(r ref) string {
	s := g.m.Shapes[r.Shape]
	if s.Enum != nil {
		return fmt.Sprintf("codec.JSONEnum[%s]", exported(r.Shape))
	}
	switch s.Type {
	case "string":
		return "(*codec.JSON).Text"
	case "blob":
		return "(*codec.JSON).Blob"
	case "structure":
		return fmt.Sprintf("codec.JSONElement[%s]", exported(r.Shape))
	case "list", "map":
		return fmt.Sprintf("func(r *codec.JSON) %s { return %s }", g.elementType(r), g.readJSON(r))
	}
	if s.TimestampFormat != "" {
		g.fail("shape %s: a list of timestamps with a format is not supported", r.Shape)
	}
	return fmt.Sprintf("codec.JSONValue((*codec.JSON).%s)", readMethod(s))
}

// appendJSON emits the writer of a structure.
func (g *generator) appendJSON(t string, s *shape) {
	var b strings.Builder
	fmt.Fprintf(&b, "// AppendJSON appends one object.\nfunc (v *%s) AppendJSON(b []byte) []byte {\nb = append(b, '{')\n", t)
	for _, member := range s.memberNames() {
		r := s.Members[member]
		fmt.Fprintf(&b, "b = codec.%s\n", g.writeJSON(r, fmt.Sprintf("b, %q, v.%s", member, exported(member))))
	}
	b.WriteString("return append(b, '}')\n}\n")
	g.file("encode").add("%s", b.String())
}

// writeJSON is the call that appends a member; args are the arguments that all such calls share.
func (g *generator) writeJSON(r ref, args string) string {
	s := g.m.Shapes[r.Shape]
	if s.Enum != nil {
		return "MemberEnum(" + args + ")"
	}
	switch s.Type {
	case "structure":
		return "MemberStruct(" + args + ")"
	case "list":
		return "MemberList(" + args + ", " + g.jsonAppender(*s.Member) + ")"
	case "map":
		return "MemberMap(" + args + ", " + g.jsonAppender(*s.Value) + ")"
	case "timestamp":
		return "MemberTime(" + args + ", " + g.jsonAppender(r) + ")"
	}
	return map[string]string{
		"string": "MemberString", "blob": "MemberBlob", "boolean": "MemberBool", "integer": "MemberInt",
		"long": "MemberInt", "float": "MemberFloat", "double": "MemberFloat",
	}[s.Type] + "(" + args + ")"
}

// jsonAppender is the function that appends an element of a list or a map.
func (g *generator) jsonAppender(r ref) string {
	s := g.m.Shapes[r.Shape]
	if s.Enum != nil {
		return "codec.AppendEnum"
	}
	t := g.elementType(r)
	switch s.Type {
	case "structure":
		return "codec.AppendStruct"
	case "list":
		return fmt.Sprintf("func(b []byte, v %s) []byte { return codec.AppendList(b, v, %s) }", t, g.jsonAppender(*s.Member))
	case "map":
		return fmt.Sprintf("func(b []byte, v %s) []byte { return codec.AppendMap(b, v, %s) }", t, g.jsonAppender(*s.Value))
	case "timestamp":
		switch s.TimestampFormat {
		case "iso8601":
			return "codec.AppendTimeISO8601"
		case "rfc822":
			return "codec.AppendTimeHTTPDate"
		}
		return "codec.AppendTime"
	case "boolean":
		return "strconv.AppendBool"
	}
	return map[string]string{
		"string": "codec.AppendString", "blob": "codec.AppendBlob", "integer": "codec.AppendInt", "long": "codec.AppendInt",
		"float": "codec.AppendFloat", "double": "codec.AppendFloat",
	}[s.Type]
}
