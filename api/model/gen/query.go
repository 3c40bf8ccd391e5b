package main

import (
	"cmp"
	"fmt"
	"strings"
)

// decodeQuery emits the reader of a structure.
func (g *generator) decodeQuery(t string, s *shape) {
	var b strings.Builder
	fmt.Fprintf(&b, "// DecodeQuery reads the parameters below f.\nfunc (v *%s) DecodeQuery(f codec.Form) {\n", t)
	for _, member := range s.memberNames() {
		r := s.Members[member]
		fmt.Fprintf(&b, "v.%s = %s\n", exported(member), g.readQuery(member, r))
	}
	b.WriteString("}\n")
	g.file("decode").add("%s", b.String())
}

// readQuery is the expression that reads a member below f.
func (g *generator) readQuery(member string, r ref) string {
	s := g.m.Shapes[r.Shape]
	name := fmt.Sprintf("%q", wireName(member, r))
	if s.Enum != nil {
		return fmt.Sprintf("codec.FormEnum[%s](f, %s)", exported(r.Shape), name)
	}
	switch s.Type {
	case "structure":
		return fmt.Sprintf("codec.FormStruct[%s](f, %s)", exported(r.Shape), name)
	case "list":
		return fmt.Sprintf("codec.FormList(f, %s, %s)", name, g.queryList(r, s))
	case "map":
		return fmt.Sprintf("codec.FormMap(f, %s, %s)", name, g.queryMap(r, s))
	case "timestamp":
		return fmt.Sprintf("f.Time(%s, %s)", name, timeParser(s))
	}
	return fmt.Sprintf("f.%s(%s)", readMethod(s), name)
}

func timeParser(s *shape) string {
	switch s.TimestampFormat {
	case "unixTimestamp":
		return "codec.ParseEpoch"
	case "rfc822":
		return "codec.ParseHTTPDate"
	}
	return "codec.ParseISO8601"
}

// queryList is the arguments that describe a list: the element's part of the name and its reader.
func (g *generator) queryList(r ref, s *shape) string {
	return fmt.Sprintf("%q, %s", listMember(r, s), g.queryElement(*s.Member))
}

func (g *generator) queryMap(r ref, s *shape) string {
	return fmt.Sprintf("%s, %s", mapNames(r, s), g.queryElement(*s.Value))
}

// listMember is the name of an element of a list, "" when the list is flattened.
func listMember(r ref, s *shape) string {
	if r.Flattened || s.Flattened {
		return ""
	}
	return cmp.Or(s.Member.LocationName, "member")
}

// mapNames is the quoted names of an entry, "" when the map is flattened, its key and its value.
func mapNames(r ref, s *shape) string {
	entry := "entry"
	if r.Flattened || s.Flattened {
		entry = ""
	}
	return fmt.Sprintf("%q, %q, %q", entry, cmp.Or(s.Key.LocationName, "key"), cmp.Or(s.Value.LocationName, "value"))
}

// queryElement is the function that reads an element of a list or a map.
func (g *generator) queryElement(r ref) string {
	s := g.m.Shapes[r.Shape]
	if s.Enum != nil {
		return fmt.Sprintf("codec.EnumText[%s]", exported(r.Shape))
	}
	switch s.Type {
	case "string":
		return "codec.Form.Text"
	case "structure":
		return fmt.Sprintf("codec.FormElement[%s]", exported(r.Shape))
	case "list":
		return fmt.Sprintf("func(f codec.Form) %s { return codec.FormListAt(f, %s) }", g.elementType(r), g.queryList(r, s))
	case "map":
		return fmt.Sprintf("func(f codec.Form) %s { return codec.FormMapAt(f, %s) }", g.elementType(r), g.queryMap(r, s))
	}
	g.fail("shape %s: an element of type %s is not supported in a form", r.Shape, s.Type)
	return "nil"
}

// appendXML emits the writer of a structure.
func (g *generator) appendXML(t string, s *shape) {
	var b strings.Builder
	fmt.Fprintf(&b, "// AppendXML writes the members.\nfunc (v *%s) AppendXML(x *codec.XML) {\n", t)
	for _, member := range s.memberNames() {
		r := s.Members[member]
		name := fmt.Sprintf("%q", wireName(member, r)+g.attribute(r))
		fmt.Fprintln(&b, g.writeXML(r, name, "v."+exported(member)))
	}
	b.WriteString("}\n")
	g.file("encode").add("%s", b.String())
}

// attribute is the xmlns attribute of a member's element: the member's own, or, where the member is a flattened list
// and so its element is the list element's, that one's.
func (g *generator) attribute(r ref) string {
	s := g.m.Shapes[r.Shape]
	if s.Type == "list" && listMember(r, s) == "" && s.Member.XMLNamespace.URI != "" {
		return s.Member.XMLNamespace.attribute()
	}
	return r.XMLNamespace.attribute()
}

// writeXML is the statement that writes a member.
func (g *generator) writeXML(r ref, name, value string) string {
	s := g.m.Shapes[r.Shape]
	if s.Enum != nil {
		return fmt.Sprintf("codec.XMLEnum(x, %s, %s)", name, value)
	}
	switch s.Type {
	case "structure":
		return fmt.Sprintf("codec.XMLStruct(x, %s, %s)", name, value)
	case "list":
		member := listMember(r, s)
		if member != "" {
			member += s.Member.XMLNamespace.attribute()
		}
		return fmt.Sprintf("codec.XMLList(x, %s, %q, %s, %s)", name, member, value, g.xmlElement(*s.Member))
	case "map":
		return fmt.Sprintf("codec.XMLMap(x, %s, %s, %s, %s)", name, mapXMLNames(r, s), value, g.xmlElement(*s.Value))
	case "timestamp":
		return fmt.Sprintf("x.Time(%s, %s, %s)", name, value, g.xmlElement(r))
	case "integer", "long":
		return fmt.Sprintf("codec.XMLInt(x, %s, %s)", name, value)
	case "float", "double":
		return fmt.Sprintf("codec.XMLFloat(x, %s, %s)", name, value)
	}
	return fmt.Sprintf("x.%s(%s, %s)", readMethod(s), name, value)
}

// mapXMLNames is mapNames with the namespaces of key and value.
func mapXMLNames(r ref, s *shape) string {
	key, value := *s.Key, *s.Value
	key.LocationName = cmp.Or(key.LocationName, "key") + key.XMLNamespace.attribute()
	value.LocationName = cmp.Or(value.LocationName, "value") + value.XMLNamespace.attribute()
	return mapNames(r, &shape{Flattened: s.Flattened, Key: &key, Value: &value})
}

// xmlElement is the function that writes an element of a list or a map, or a timestamp.
func (g *generator) xmlElement(r ref) string {
	s := g.m.Shapes[r.Shape]
	switch s.Type {
	case "string":
		return "codec.XMLText"
	case "structure":
		return "codec.XMLElement"
	case "boolean":
		return "codec.XMLBoolText"
	case "integer", "long":
		return "codec.XMLIntText"
	case "list", "map":
		return fmt.Sprintf("func(x *codec.XML, name string, v %s) { %s }", g.elementType(r), g.writeXML(r, "name", "v"))
	case "timestamp":
		switch s.TimestampFormat {
		case "unixTimestamp":
			return "codec.XMLEpoch"
		case "rfc822":
			return "codec.XMLHTTPDate"
		}
		return "codec.XMLISO8601"
	}
	g.fail("shape %s: an element of type %s is not supported in XML", r.Shape, s.Type)
	return "nil"
}
