package main

import (
	"fmt"
	"strings"
)

// audit emits the audit form of a structure, and AppendAudit for an operation's input.
func (g *generator) audit(t string, s *shape, root bool) {
	f := g.file("audit")
	if root {
		f.add("// AppendAudit appends the input as an object for the audit record.\n"+
			"func (v *%s) AppendAudit(b []byte) []byte {\na := codec.NewAudit(b)\nv.WriteAudit(&a)\nreturn a.Done()\n}\n", t)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "// WriteAudit writes the members.\nfunc (v *%s) WriteAudit(a *codec.Audit) {\n", t)
	for _, member := range s.memberNames() {
		if call := g.auditMember(s.Members[member]); call != "" {
			fmt.Fprintf(&b, call+"\n", fmt.Sprintf("%q, v.%s", lowerCamel(member), exported(member)))
		}
	}
	b.WriteString("}\n")
	f.add("%s", b.String())
}

// auditMember is the statement that writes a member, with %s for its name and value, "" for what is left out.
func (g *generator) auditMember(r ref) string {
	s := g.m.Shapes[r.Shape]
	if s.Sensitive || s.Type == "blob" {
		return ""
	}
	if s.Enum != nil {
		return "codec.AuditEnum(a, %s)"
	}
	switch s.Type {
	case "structure":
		return "codec.AuditStruct(a, %s)"
	case "list":
		return g.auditCollection(r, *s.Member, "codec.AuditStructs(a, %s)", "codec.AuditStrings(a, %s)")
	case "map":
		return g.auditCollection(r, *s.Value, "", "codec.AuditMap(a, %s)")
	case "integer", "long":
		return "codec.AuditInt(a, %s)"
	case "float", "double":
		return "codec.AuditFloat(a, %s)"
	}
	return "a." + readMethod(s) + "(%s)"
}

// auditCollection chooses between the calls for elements that are structures and strings. There are no others in the
// models; one that comes must be dealt with, not lost.
func (g *generator) auditCollection(r, element ref, structures, texts string) string {
	e := g.m.Shapes[element.Shape]
	switch {
	case e.Sensitive:
		return ""
	case e.Type == "structure" && structures != "":
		return structures
	case e.Type == "string":
		return texts
	}
	if !g.loose {
		g.fail("shape %s: audit of elements of type %s is not supported", r.Shape, e.Type)
	}
	return ""
}
