package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// overrides are facts that the models leave out: the statuses of KMS's server errors, which AWS documents on the
// page of each operation ("HTTP Status Code: 500").
var statusOverrides = map[string]int{"DependencyTimeoutException": 503}

// errorOf is how a modelled exception goes over the wire.
func (g *generator) errorOf(name string) wireError {
	s := g.m.Shapes[name]
	e := wireError{Code: name, Status: 400, Sender: true}
	if s.Fault {
		e.Status, e.Sender = 500, false
	}
	if status, ok := statusOverrides[name]; ok && g.json() {
		e.Status = status
	}
	if s.Error != nil {
		e = *s.Error
	}
	return e
}

// errors emits one constructor for each modelled exception.
func (g *generator) errors() {
	f := g.file("errors")
	for _, name := range slices.Sorted(maps.Keys(g.m.Shapes)) {
		if !g.m.Shapes[name].Exception {
			continue
		}
		e := g.errorOf(name)
		f.add("// %s is the modelled error %s, status %d.\nfunc %s(message string) *codec.Error {\n"+
			"return &codec.Error{Code: %q, Message: message, Status: %d, Sender: %t}\n}\n",
			exported(name), e.Code, e.Status, exported(name), e.Code, e.Status, e.Sender)
	}
}

// service emits the operation table and the protocol's facts.
func (g *generator) service() {
	md := g.m.Metadata
	protocol := "codec.Query"
	if g.json() {
		protocol = "codec.JSON11"
	}
	f := g.file("service")
	f.add("// Service is the operation table and the protocol's facts. It is a constant.\nfunc Service() *codec.Service { return &service }\n")
	f.add("var service = codec.Service{\nName: %q,\nProtocol: %s,\nAPIVersion: %q,\nTargetPrefix: %q,\nNamespace: %q,\n"+
		"Operations: operations[:],\nLookup: Lookup,\n}\n", md.EndpointPrefix, protocol, md.APIVersion, md.TargetPrefix, md.XMLNamespace)
	names := slices.Sorted(maps.Keys(g.m.Operations))
	g.file("operations").add("var operations = [...]codec.Operation{\n%s}\n", g.rows(names))
	var b strings.Builder
	b.WriteString("// Lookup finds an operation by its name, nil if there is none. It compares at most a handful of times.\n" +
		"func Lookup(name string) *codec.Operation {\nswitch name {\n")
	for i, name := range names {
		fmt.Fprintf(&b, "case %q:\nreturn &operations[%d]\n", name, i)
	}
	b.WriteString("}\nreturn nil\n}\n")
	g.file("lookup").add("%s", b.String())
}

func (g *generator) rows(names []string) string {
	var b strings.Builder
	for _, name := range names {
		op := g.m.Operations[name]
		input := "codec.Empty"
		if op.Input != nil {
			input = exported(op.Input.Shape)
		}
		fmt.Fprintf(&b, "{Name: %q, NewInput: func() codec.Input { return new(%s) }", name, input)
		if len(op.Errors) > 0 {
			var codes []string
			for _, r := range op.Errors {
				codes = append(codes, g.errorOf(r.Shape).Code)
			}
			fmt.Fprintf(&b, ", Errors: %#v", codes)
		}
		if w := deref(op.Output).ResultWrapper; w != "" {
			fmt.Fprintf(&b, ", ResultWrapper: %q", w)
		}
		if op.AuthType == "none" {
			b.WriteString(", NoAuth: true")
		}
		if readOnly(name) {
			b.WriteString(", ReadOnly: true")
		}
		b.WriteString("},\n")
	}
	return b.String()
}
