package authz

// condition is one compiled operator and key of a Condition. All of a statement's must hold.
type condition struct{}

func (p *parser) conditions(n node) []condition {
	p.syntax(n.offset, "Condition is not supported yet")
	return nil
}

func (ev *evaluator) holds(s *statement) bool { return len(s.conditions) == 0 }
