package authz

// elements are a statement's members by name; a nil one is absent.
type elements struct {
	sid, effect, condition  *node
	principal, notPrincipal *node
	action, notAction       *node
	resource, notResource   *node
}

// slot is where the member of a name belongs, nil where there is no such element.
func (e *elements) slot(name string) **node {
	switch name {
	case "Sid":
		return &e.sid
	case "Effect":
		return &e.effect
	case "Condition":
		return &e.condition
	case "Principal":
		return &e.principal
	case "NotPrincipal":
		return &e.notPrincipal
	case "Action":
		return &e.action
	case "NotAction":
		return &e.notAction
	case "Resource":
		return &e.resource
	case "NotResource":
		return &e.notResource
	}
	return nil
}

func (p *parser) elements(n node) elements {
	var e elements
	for i, m := range n.members {
		if slot := e.slot(m.name); slot != nil {
			*slot = &n.members[i].value
		} else {
			p.syntax(m.offset, "unknown element "+quote(m.name))
		}
	}
	return e
}

func (p *parser) statement(n node) statement {
	var s statement
	if n.kind != objectNode {
		p.syntax(n.offset, "a statement is a JSON object")
		return s
	}
	e := p.elements(n)
	p.sid(&s, e.sid)
	p.effect(&s, n, e.effect)
	p.principals(&s, n, e)
	p.actions(&s, n, e)
	p.resources(&s, n, e)
	if e.condition != nil {
		s.conditions = p.conditions(*e.condition)
	}
	return s
}

func (p *parser) sid(s *statement, n *node) {
	if n == nil {
		return
	}
	s.sid = p.text(*n)
	if s.sid == "" || p.kind == ResourcePolicy {
		return // in a key policy a Sid is any text
	}
	if !alphanumeric(s.sid) {
		p.report(rankSid, n.offset, msgSidForm, "")
	}
	if p.sids[s.sid] {
		p.report(rankSid, n.offset, msgSidUnique, quote(s.sid)+" is there twice")
	}
	if p.sids == nil {
		p.sids = map[string]bool{}
	}
	p.sids[s.sid] = true
}

func alphanumeric(s string) bool {
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			return false
		}
	}
	return true
}

func (p *parser) effect(s *statement, statement node, n *node) {
	if n == nil {
		p.syntax(statement.offset, "there is no Effect")
		return
	}
	switch text := p.text(*n); {
	case text == "Allow":
	case text == "Deny":
		s.deny = true
	case equalFold(text, "allow"), equalFold(text, "deny"):
		p.report(rankLegacy, n.offset, msgLegacy, "Effect is case-sensitive")
	default:
		p.syntax(n.offset, "Effect must be Allow or Deny")
	}
}

// oneOf gives the one of two elements that exclude each other, nil where neither is there.
func (p *parser) oneOf(name string, is, not *node) (n *node, negated bool) {
	if is != nil && not != nil {
		p.syntax(max(is.offset, not.offset), name+" and Not"+name+" exclude each other")
	}
	if not != nil {
		return not, true
	}
	return is, false
}

func (p *parser) actions(s *statement, statement node, e elements) {
	n, not := p.oneOf("Action", e.action, e.notAction)
	s.notAction = not
	if n == nil {
		p.report(rankAction, statement.offset, msgNoAction, "")
		return
	}
	list := p.texts(*n)
	if len(list) == 0 {
		p.report(rankAction, n.offset, msgNoAction, "")
	}
	s.actions = make([]actionMatcher, 0, len(list))
	for _, item := range list {
		m, message := compileAction(item.text)
		if message != "" {
			p.report(rankActionForm, item.offset, message, quote(item.text))
		}
		s.actions = append(s.actions, m)
	}
}

func (p *parser) resources(s *statement, statement node, e elements) {
	n, not := p.oneOf("Resource", e.resource, e.notResource)
	s.notResource = not
	if p.kind == TrustPolicy {
		if n != nil {
			p.report(rankResource, n.offset, msgHasResource, "")
		}
		return
	}
	if n == nil {
		p.report(rankResource, statement.offset, msgNoResource, "")
		return
	}
	list := p.texts(*n)
	if len(list) == 0 {
		p.report(rankResource, n.offset, msgNoResource, "")
	}
	s.resources = make([]arnPattern, 0, len(list))
	for _, item := range list {
		a, message := compileResource(item.text, p.version == Version2012)
		if message != "" {
			p.report(rankResourceForm, item.offset, message, quote(item.text))
		}
		s.resources = append(s.resources, a)
	}
}
