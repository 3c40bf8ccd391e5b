package authz

// Explain is Decide, with every statement that applies to the request and not only those that made the decision:
// what a simulator or an operator who asks why wants to see. It allocates.
func Explain(r Request, with Policies) (Decision, []Match) {
	ev := newEvaluator(&r)
	var found []Match
	for _, level := range with.SCPs {
		found = ev.matches(found, SCP, level...)
	}
	for _, level := range with.RCPs {
		found = ev.matches(found, RCP, level...)
	}
	if with.ResourceKind != NoResourcePolicy && with.Resource != nil {
		found = ev.matches(found, with.ResourceKind.source(), with.Resource)
	}
	found = ev.matches(found, Identity, with.Identity...)
	if with.Boundary != nil {
		found = ev.matches(found, Boundary, with.Boundary)
	}
	found = ev.matches(found, Session, with.Session...)
	return Decide(r, with), found
}

func (ev *evaluator) matches(found []Match, source SourceType, policies ...*Policy) []Match {
	for _, p := range policies {
		services := ev.servicesOf(p)
		for i := range p.statements {
			s := &p.statements[i]
			if ev.reachOf(p, s) != notReached && ev.actionMatches(s, services) && ev.resourceMatches(s) && ev.holds(s) {
				found = append(found, Match{source, p.name, s.sid, i, s.deny})
			}
		}
	}
	return found
}
