package authz

import "encoding/json"

// String is the policy as a JSON document in a canonical form: it parses to the same policy, and prints the same
// again. Version is always there, a lone value is a string, and statements are always a list.
func (p *Policy) String() string {
	b := append([]byte(`{"Version":`), text(p.version)...)
	if p.id != "" {
		b = append(append(b, `,"Id":`...), text(p.id)...)
	}
	b = append(b, `,"Statement":[`...)
	for i := range p.statements {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.statements[i].append(b)
	}
	return string(append(b, `]}`...))
}

// text is a JSON string.
func text(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`) // strings always marshal
	}
	return b
}

func (s *statement) append(b []byte) []byte {
	b = append(b, '{')
	if s.sid != "" {
		b = append(append(append(b, `"Sid":`...), text(s.sid)...), ',')
	}
	effect := "Allow"
	if s.deny {
		effect = "Deny"
	}
	b = append(append(b, `"Effect":`...), text(effect)...)
	b = s.appendPrincipals(b)
	b = appendElement(b, "Action", s.notAction, len(s.actions), func(i int) string { return s.actions[i].text })
	b = appendElement(b, "Resource", s.notResource, len(s.resources), func(i int) string { return s.resources[i].text })
	b = s.appendConditions(b)
	return append(b, '}')
}

// appendElement adds Name or NotName and its values, if it has any.
func appendElement(b []byte, name string, not bool, n int, value func(int) string) []byte {
	if n == 0 {
		return b
	}
	if not {
		name = "Not" + name
	}
	b = append(append(append(b, ','), text(name)...), ':')
	values := make([]string, n)
	for i := range values {
		values[i] = value(i)
	}
	return appendTexts(b, values)
}

// appendTexts adds a string, or a list of other than one.
func appendTexts(b []byte, values []string) []byte {
	if len(values) == 1 {
		return append(b, text(values[0])...)
	}
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, text(v)...)
	}
	return append(b, ']')
}

func (s *statement) appendPrincipals(b []byte) []byte {
	if len(s.principals) == 0 {
		return b
	}
	name := "Principal"
	if s.notPrincipal {
		name = "NotPrincipal"
	}
	b = append(append(append(b, ','), text(name)...), ':')
	if s.principals[0].kind == everyone {
		return append(b, `"*"`...)
	}
	b = append(b, '{')
	first := true
	for _, element := range []string{"AWS", "Service", "Federated", "CanonicalUser"} {
		var values []string
		for i := range s.principals {
			if s.principals[i].kind.element() == element {
				values = append(values, s.principals[i].text)
			}
		}
		if len(values) == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendTexts(append(append(b, text(element)...), ':'), values)
	}
	return append(b, '}')
}

// appendConditions adds Condition. Conditions of one operator stand together, as they were written.
func (s *statement) appendConditions(b []byte) []byte {
	if len(s.conditions) == 0 {
		return b
	}
	b = append(b, `,"Condition":{`...)
	for i := range s.conditions {
		c := &s.conditions[i]
		switch {
		case i == 0:
			b = append(append(b, text(c.name)...), `:{`...)
		case s.conditions[i-1].name == c.name:
			b = append(b, ',')
		default:
			b = append(append(append(b, `},`...), text(c.name)...), `:{`...)
		}
		values := make([]string, len(c.operands))
		for j := range values {
			values[j] = c.operands[j].text
		}
		b = appendTexts(append(append(b, text(c.keyText)...), ':'), values)
	}
	return append(b, `}}`...)
}
