package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
)

// model is a service model. Unknown fields are documentation or concern clients.
type model struct {
	Metadata   metadata             `json:"metadata"`
	Operations map[string]operation `json:"operations"`
	Shapes     map[string]*shape    `json:"shapes"`
}

type metadata struct {
	APIVersion     string `json:"apiVersion"`
	EndpointPrefix string `json:"endpointPrefix"`
	FullName       string `json:"serviceFullName"`
	Protocol       string `json:"protocol"`
	TargetPrefix   string `json:"targetPrefix"`
	XMLNamespace   string `json:"xmlNamespace"`
}

type operation struct {
	Name     string `json:"name"`
	AuthType string `json:"authtype"`
	Input    *ref   `json:"input"`
	Output   *ref   `json:"output"`
	Errors   []ref  `json:"errors"`
}

// ref is a use of a shape, as a member, an element, a key or a value.
type ref struct {
	Shape         string       `json:"shape"`
	LocationName  string       `json:"locationName"`
	Flattened     bool         `json:"flattened"`
	XMLNamespace  xmlNamespace `json:"xmlNamespace"`
	ResultWrapper string       `json:"resultWrapper"`
	Deprecated    bool         `json:"deprecated"`
}

type shape struct {
	Type            string         `json:"type"`
	Members         map[string]ref `json:"members"`
	Required        []string       `json:"required"`
	Member          *ref           `json:"member"`
	Key             *ref           `json:"key"`
	Value           *ref           `json:"value"`
	Enum            []string       `json:"enum"`
	Min             *int64         `json:"min"`
	Max             *int64         `json:"max"`
	Pattern         string         `json:"pattern"`
	Sensitive       bool           `json:"sensitive"`
	Flattened       bool           `json:"flattened"`
	TimestampFormat string         `json:"timestampFormat"`
	Document        bool           `json:"document"`
	Exception       bool           `json:"exception"`
	Fault           bool           `json:"fault"`
	Error           *wireError     `json:"error"`
}

type wireError struct {
	Code   string `json:"code"`
	Status int    `json:"httpStatusCode"`
	Sender bool   `json:"senderFault"`
}

// xmlNamespace is either a string or an object in the models.
type xmlNamespace struct{ Prefix, URI string }

func (n *xmlNamespace) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &n.URI)
	}
	var o struct{ Prefix, URI string }
	err := json.Unmarshal(b, &o)
	n.Prefix, n.URI = o.Prefix, o.URI
	return err
}

// attribute is the xmlns attribute to append to an element's name.
func (n xmlNamespace) attribute() string {
	switch {
	case n.URI == "":
		return ""
	case n.Prefix == "":
		return fmt.Sprintf(" xmlns=%q", n.URI)
	}
	return fmt.Sprintf(" xmlns:%s=%q", n.Prefix, n.URI)
}

func readModel(path string) (*model, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := new(model)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, m.check()
}

// check makes sure that every name the generator will follow exists.
func (m *model) check() error {
	for name, s := range m.Shapes {
		for _, r := range s.refs() {
			if m.Shapes[r.Shape] == nil {
				return fmt.Errorf("shape %s refers to %q, which does not exist", name, r.Shape)
			}
		}
	}
	for name, op := range m.Operations {
		for _, r := range append(slices.Clone(op.Errors), deref(op.Input), deref(op.Output)) {
			if r.Shape != "" && m.Shapes[r.Shape] == nil {
				return fmt.Errorf("operation %s refers to %q, which does not exist", name, r.Shape)
			}
		}
	}
	return nil
}

func deref(r *ref) ref {
	if r == nil {
		return ref{}
	}
	return *r
}

// refs lists the shapes that s is made of.
func (s *shape) refs() []ref {
	var out []ref
	for _, name := range s.memberNames() {
		out = append(out, s.Members[name])
	}
	for _, r := range []*ref{s.Member, s.Key, s.Value} {
		if r != nil {
			out = append(out, *r)
		}
	}
	return out
}

func (s *shape) memberNames() []string { return slices.Sorted(maps.Keys(s.Members)) }

func (s *shape) requires(member string) bool { return slices.Contains(s.Required, member) }

// reachable is the set of shapes that can occur in the given operations' inputs or outputs.
func (m *model) reachable(pick func(operation) *ref) map[string]bool {
	seen := map[string]bool{}
	var walk func(name string)
	walk = func(name string) {
		if name == "" || seen[name] {
			return
		}
		seen[name] = true
		for _, r := range m.Shapes[name].refs() {
			walk(r.Shape)
		}
	}
	for _, op := range m.Operations {
		walk(deref(pick(op)).Shape)
	}
	return seen
}
