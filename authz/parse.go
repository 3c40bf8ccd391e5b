package authz

// Parse reads and compiles a policy document. The error, if any, is an *Error.
func Parse(text string, kind Kind) (*Policy, error) {
	root, err := readJSON(text)
	if err != nil {
		if kind == TrustPolicy {
			err.Message = msgJSON
		}
		return nil, err.locate(text)
	}
	p := &parser{kind: kind, version: Version2008}
	policy := p.document(root)
	if p.first != nil {
		return nil, p.first.locate(text)
	}
	policy.indexServices()
	return policy, nil
}

// parser turns JSON nodes into a Policy and keeps the mistake that AWS would report.
type parser struct {
	kind    Kind
	version string
	first   *Error
	sids    map[string]bool
}

// report keeps a mistake if it comes before the one already kept.
func (p *parser) report(r rank, offset int, message, detail string) {
	if p.first != nil && (p.first.rank < r || p.first.rank == r && p.first.Offset <= offset) {
		return
	}
	p.first = &Error{Message: message, Detail: detail, Offset: offset, rank: r}
}

func (p *parser) syntax(offset int, detail string) { p.report(rankSyntax, offset, msgSyntax, detail) }

func (p *parser) document(root node) *Policy {
	if root.kind != objectNode {
		p.syntax(root.offset, "a policy is a JSON object")
		return nil
	}
	policy := &Policy{kind: p.kind}
	var statements *node
	for _, m := range root.members {
		switch m.name {
		case "Version":
			p.version = p.text(m.value)
			if p.version != Version2008 && p.version != Version2012 {
				p.syntax(m.value.offset, "Version must be 2012-10-17 or 2008-10-17")
			}
		case "Id":
			policy.id = p.text(m.value)
		case "Statement":
			statements = &m.value
		default:
			p.syntax(m.offset, "unknown element "+quote(m.name))
		}
	}
	policy.version = p.version
	if statements == nil {
		p.syntax(root.offset, "there is no Statement")
		return nil
	}
	// Version may stand after Statement, and decides whether there are policy variables.
	p.statementList(policy, *statements)
	return policy
}

func (p *parser) statementList(policy *Policy, n node) {
	switch {
	case n.kind == objectNode:
		policy.statements = []statement{p.statement(n)}
	case n.kind == arrayNode && len(n.items) > 0:
		policy.statements = make([]statement, 0, len(n.items))
		for _, item := range n.items {
			policy.statements = append(policy.statements, p.statement(item))
		}
	default:
		p.syntax(n.offset, "Statement must be an object or a list of them")
	}
}

// text is a string's value.
func (p *parser) text(n node) string {
	if n.kind != stringNode {
		p.syntax(n.offset, "must be a string")
	}
	return n.text
}

// texts are the strings of a string or a list of strings.
func (p *parser) texts(n node) []node {
	switch n.kind {
	case stringNode:
		return []node{n}
	case arrayNode:
		for _, item := range n.items {
			p.text(item)
		}
		return n.items
	}
	p.syntax(n.offset, "must be a string or a list of strings")
	return nil
}
