package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// generator holds what the emitters share while one package is made.
type generator struct {
	m       *model
	inputs  map[string]bool   // shapes that clients send
	outputs map[string]bool   // shapes that clients get
	roots   map[string]string // what a whole input or output is, as the end of a sentence
	files   map[string]*file
	loose   bool // vectors: element types that no service sends may go without constraints and audit
	err     error
}

func (g *generator) fail(format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf(format, args...)
	}
}

// file gives the group of that name.
func (g *generator) file(name string) *file {
	if g.files[name] == nil {
		g.files[name] = &file{name: name}
	}
	return g.files[name]
}

func (g *generator) json() bool { return g.m.Metadata.Protocol == "json" }

func newGenerator(m *model) *generator {
	g := &generator{
		m:       m,
		inputs:  m.reachable(func(op operation) *ref { return op.Input }),
		outputs: m.reachable(func(op operation) *ref { return op.Output }),
		roots:   map[string]string{},
		files:   map[string]*file{},
	}
	for _, name := range slices.Sorted(maps.Keys(m.Operations)) {
		op := m.Operations[name]
		g.root(op.Input, "is the input of ", name)
		g.root(op.Output, "is the output of ", name)
	}
	return g
}

// root notes that a shape is an operation's whole input or output.
func (g *generator) root(r *ref, what, operation string) {
	switch {
	case r == nil:
	case g.roots[r.Shape] == "":
		g.roots[r.Shape] = what + operation
	default:
		g.roots[r.Shape] += " and " + operation
	}
}

// generateService makes the package of one service.
func generateService(pkg string, m *model) (output, error) {
	g := newGenerator(m)
	g.file("service").doc = fmt.Sprintf("// Package %s has the types, constraints and operations of %s, API version %s,\n"+
		"// as its model states them. The methods are for package codec.\n", pkg, m.Metadata.FullName, m.Metadata.APIVersion)
	g.shapes()
	g.errors()
	g.service()
	return g.output(pkg)
}

func (g *generator) output(pkg string) (output, error) {
	out := output{dir: pkg, files: map[string][]byte{}}
	if g.err != nil {
		return out, g.err
	}
	for _, name := range slices.Sorted(maps.Keys(g.files)) {
		files, err := g.files[name].render(pkg)
		if err != nil {
			return out, err
		}
		maps.Copy(out.files, files)
	}
	return out, nil
}

// shapes emits everything that belongs to one shape, for all shapes that travel.
func (g *generator) shapes() {
	names := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(g.m.Shapes)) {
		s := g.m.Shapes[name]
		if !g.inputs[name] && !g.outputs[name] || s.Exception {
			continue
		}
		if s.Type != "structure" && s.Enum == nil {
			if g.inputs[name] {
				g.rule(name, s)
			}
			continue
		}
		if other, clash := names[exported(name)]; clash {
			g.fail("%s and %s would have the same Go name", name, other)
		}
		names[exported(name)] = name
		if s.Enum != nil {
			g.enum(name, s)
			continue
		}
		if s.Document {
			g.fail("shape %s: documents are not supported", name)
		}
		g.structure(name, s)
	}
}

func (g *generator) enum(name string, s *shape) {
	t := exported(name)
	var b strings.Builder
	fmt.Fprintf(&b, "// %s is an enumeration; \"\" means absent.\ntype %s string\n\n// The values of %s.\nconst (\n", t, t, t)
	for _, v := range s.Enum {
		fmt.Fprintf(&b, "%s %s = %q\n", constant(t, v), t, v)
	}
	b.WriteString(")\n")
	g.file("enums").add("%s", b.String())
	if g.inputs[name] {
		g.rule(name, s)
	}
}

// structure emits the type and its methods.
func (g *generator) structure(name string, s *shape) {
	t := exported(name)
	group, what := "types", "is part of inputs or outputs"
	switch {
	case g.roots[name] != "" && g.inputs[name]:
		group, what = "inputs", g.roots[name]
	case g.roots[name] != "":
		group, what = "outputs", g.roots[name]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "// %s %s.\ntype %s struct {\n", t, what, t)
	for _, member := range s.memberNames() {
		r := s.Members[member]
		note := ""
		if r.Deprecated {
			note = " // deprecated"
		}
		fmt.Fprintf(&b, "%s %s%s\n", exported(member), g.fieldType(r), note)
	}
	b.WriteString("}\n")
	g.file(group).add("%s", b.String())
	if g.inputs[name] {
		if g.json() {
			g.decodeJSON(t, s)
		} else {
			g.decodeQuery(t, s)
		}
		g.validate(t, s)
		g.audit(t, s, g.roots[name] != "")
	}
	if g.outputs[name] {
		if g.json() {
			g.appendJSON(t, s)
		} else {
			g.appendXML(t, s)
		}
	}
}

// fieldType is the Go type of a member, where absent must be told from zero.
func (g *generator) fieldType(r ref) string {
	t := g.elementType(r)
	if g.isPointer(g.m.Shapes[r.Shape]) {
		return "*" + t
	}
	return t
}

func (g *generator) isPointer(s *shape) bool {
	switch s.Type {
	case "list", "map", "blob":
		return false
	}
	return s.Enum == nil
}

// elementType is the Go type of an element of a list or a map.
func (g *generator) elementType(r ref) string {
	s := g.m.Shapes[r.Shape]
	if s.Enum != nil || s.Type == "structure" {
		return exported(r.Shape)
	}
	switch s.Type {
	case "list":
		return "[]" + g.elementType(*s.Member)
	case "map":
		return "map[string]" + g.elementType(*s.Value)
	}
	t, ok := map[string]string{
		"string": "string", "blob": "[]byte", "boolean": "bool", "integer": "int32", "long": "int64", "float": "float32",
		"double": "float64", "timestamp": "time.Time",
	}[s.Type]
	if !ok {
		g.fail("shape %s has unknown type %q", r.Shape, s.Type)
	}
	return t
}

// wireName is the member's name on the wire.
func wireName(member string, r ref) string {
	if r.LocationName != "" {
		return r.LocationName
	}
	return member
}
