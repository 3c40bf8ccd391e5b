package main

import (
	"fmt"
	"strings"
)

// rule emits the constraints of a shape, if it has any.
func (g *generator) rule(name string, s *shape) {
	if !constrained(s) {
		return
	}
	var parts []string
	if s.Min != nil {
		parts = append(parts, fmt.Sprintf("Min: %d, HasMin: true", *s.Min))
	}
	if s.Max != nil {
		parts = append(parts, fmt.Sprintf("Max: %d, HasMax: true", *s.Max))
	}
	if s.Sensitive {
		parts = append(parts, "Sensitive: true")
	}
	if s.Enum != nil {
		parts = append(parts, fmt.Sprintf("Enum: %#v", enumOrder(s.Enum)))
	}
	if s.Pattern != "" {
		p, err := pattern(s.Pattern)
		if err != nil {
			g.fail("shape %s: %v", name, err)
		}
		parts = append(parts, "Pattern: "+p)
	}
	g.file("rules").add("var %s = codec.Rule{%s}\n", ruleName(name), strings.Join(parts, ", "))
}

func constrained(s *shape) bool {
	return s.Min != nil || s.Max != nil || s.Enum != nil || s.Pattern != ""
}

func ruleName(name string) string { return "rule" + exported(name) }

// ruleOf is the address of a shape's rule, "nil" if it has none.
func (g *generator) ruleOf(name string) string {
	if constrained(g.m.Shapes[name]) {
		return "&" + ruleName(name)
	}
	return "nil"
}

// validate emits the check of a structure.
func (g *generator) validate(t string, s *shape) {
	var b strings.Builder
	fmt.Fprintf(&b, "// Validate reports violated constraints.\nfunc (v *%s) Validate(c *codec.Validator) {\n", t)
	for _, member := range s.memberNames() {
		r := s.Members[member]
		field, name := "v."+exported(member), fmt.Sprintf("%q", lowerCamel(member))
		if s.requires(member) {
			fmt.Fprintf(&b, "c.Required(%s, %s)\n", name, g.present(r, field))
		}
		b.WriteString(g.check(r, name, field))
	}
	b.WriteString("}\n")
	g.file("validate").add("%s", b.String())
}

// present is the expression that says whether a member was sent.
func (g *generator) present(r ref, field string) string {
	if g.m.Shapes[r.Shape].Enum != nil {
		return field + ` != ""`
	}
	return field + " != nil"
}

// check is the statements that check a member that was sent.
func (g *generator) check(r ref, name, field string) string {
	s, rule := g.m.Shapes[r.Shape], g.ruleOf(r.Shape)
	switch s.Type {
	case "structure":
		return fmt.Sprintf("if %s != nil {\nc.Enter(%s)\n%s.Validate(c)\nc.Leave()\n}\n", field, name, field)
	case "list":
		return g.checkList(s, name, field, rule)
	case "map":
		return g.checkMap(s, name, field, rule)
	}
	if rule == "nil" {
		return ""
	}
	switch {
	case s.Enum != nil:
		return fmt.Sprintf("c.Enum(%s, string(%s), %s)\n", name, field, rule)
	case s.Type == "string":
		return fmt.Sprintf("c.String(%s, %s, %s)\n", name, field, rule)
	case s.Type == "blob":
		return fmt.Sprintf("c.Blob(%s, %s, %s)\n", name, field, rule)
	case s.Type == "integer" || s.Type == "long":
		return fmt.Sprintf("codec.Int(c, %s, %s, %s)\n", name, field, rule)
	}
	g.fail("shape %s: constraints on type %s are not supported", r.Shape, s.Type)
	return ""
}

func (g *generator) checkList(s *shape, name, field, rule string) string {
	element := g.m.Shapes[s.Member.Shape]
	switch {
	case element.Type == "string":
		if rule == "nil" && g.ruleOf(s.Member.Shape) == "nil" {
			return ""
		}
		return fmt.Sprintf("codec.Strings(c, %s, %s, %s, %s)\n", name, field, rule, g.ruleOf(s.Member.Shape))
	case element.Type == "structure":
		return g.size(name, field, rule) + fmt.Sprintf(
			"for i := range %s {\nc.EnterIndex(%s, i)\n%s[i].Validate(c)\nc.Leave()\n}\n", field, name, field)
	case !g.loose:
		g.fail("constraints of %s: elements of type %s are not supported", name, element.Type)
	}
	return g.size(name, field, rule)
}

func (g *generator) checkMap(s *shape, name, field, rule string) string {
	value := g.m.Shapes[s.Value.Shape]
	switch {
	case value.Type == "string":
		key, value := g.ruleOf(s.Key.Shape), g.ruleOf(s.Value.Shape)
		if rule == "nil" && key == "nil" && value == "nil" {
			return ""
		}
		return fmt.Sprintf("codec.StringMap(c, %s, %s, %s, %s, %s)\n", name, field, rule, key, value)
	case !g.loose:
		g.fail("constraints of %s: values of type %s are not supported", name, value.Type)
	}
	return g.size(name, field, rule)
}

// size is the statement that checks the number of elements.
func (g *generator) size(name, field, rule string) string {
	if rule == "nil" {
		return ""
	}
	return fmt.Sprintf("c.Size(%s, len(%s), %s != nil, %s)\n", name, field, field, rule)
}
