package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// suite is one group of protocol test cases with the model they are about.
type suite struct {
	Metadata metadata          `json:"metadata"`
	Shapes   map[string]*shape `json:"shapes"`
	Cases    []struct {
		Given operation `json:"given"`
	} `json:"cases"`
}

// generateVectors makes one package for each protocol, with the shapes of all suites and a table to find them by. A
// shape's name is preceded by its suite's: In7KitchenSink is the shape KitchenSink of suite 7 of the inputs.
func generateVectors(fixtures string) ([]output, error) {
	var all []output
	for _, protocol := range []string{"json", "query"} {
		m := &model{Metadata: metadata{Protocol: protocol}, Operations: map[string]operation{}, Shapes: map[string]*shape{}}
		for _, direction := range []struct{ folder, prefix string }{{"input", "In"}, {"output", "Out"}} {
			suites, err := readSuites(filepath.Join(fixtures, direction.folder, protocol+".json"))
			if err != nil {
				return nil, err
			}
			for i, s := range suites {
				s.mergeInto(m, fmt.Sprintf("%s%d", direction.prefix, i))
			}
		}
		out, err := generateShapes(protocol+"vectors", m)
		if err != nil {
			return nil, fmt.Errorf("vectors for %s: %w", protocol, err)
		}
		all = append(all, out)
	}
	return all, nil
}

func readSuites(path string) ([]suite, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s []suite
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// mergeInto adds the suite's shapes and operations to m under prefixed names. Members that are documents are left
// out: no service here has any.
func (s suite) mergeInto(m *model, prefix string) {
	rename := func(r *ref) {
		if r != nil {
			r.Shape = prefix + exported(r.Shape)
		}
	}
	for name, sh := range s.Shapes {
		members := map[string]ref{}
		for member, r := range sh.Members {
			if !s.Shapes[r.Shape].Document {
				rename(&r)
				members[member] = r
			}
		}
		sh.Members = members
		rename(sh.Member)
		rename(sh.Key)
		rename(sh.Value)
		if sh.Exception && sh.Error == nil {
			sh.Error = &wireError{Code: name, Status: 400, Sender: true}
		}
		if !sh.Document {
			m.Shapes[prefix+exported(name)] = sh
		}
	}
	for _, c := range s.Cases {
		op := c.Given
		rename(op.Input)
		rename(op.Output)
		for i := range op.Errors {
			rename(&op.Errors[i])
		}
		m.Operations[prefix+op.Name] = op
	}
}

// generateShapes makes a package of the shapes and errors of a model and a table of its structures.
func generateShapes(pkg string, m *model) (output, error) {
	g := newGenerator(m)
	g.loose = true
	f := g.file("table")
	f.doc = "// Package " + pkg + " has the shapes of the protocol test vectors. It is for tests only.\n"
	g.shapes()
	g.errors()
	var b strings.Builder
	b.WriteString("// New makes an empty structure, nil if there is none of that name.\nfunc New(name string) any {\nswitch name {\n")
	for _, name := range slices.Sorted(maps.Keys(m.Shapes)) {
		s := m.Shapes[name]
		if s.Type == "structure" && !s.Exception && (g.inputs[name] || g.outputs[name]) {
			fmt.Fprintf(&b, "case %q:\nreturn new(%s)\n", name, name)
		}
	}
	b.WriteString("}\nreturn nil\n}\n")
	f.add("%s", b.String())
	f.add("%s", errorTable(m))
	out, err := g.output(pkg)
	out.dir = filepath.Join("internal", "vectors", pkg)
	return out, err
}

// errorTable emits the function that makes a modelled error from its shape's name.
func errorTable(m *model) string {
	var b strings.Builder
	b.WriteString("// NewError makes a modelled error, nil if there is none of that name.\n" +
		"func NewError(name, message string) *codec.Error {\nswitch name {\n")
	for _, name := range slices.Sorted(maps.Keys(m.Shapes)) {
		if m.Shapes[name].Exception {
			fmt.Fprintf(&b, "case %q:\nreturn %s(message)\n", name, name)
		}
	}
	b.WriteString("}\nreturn nil\n}\n")
	return b.String()
}
