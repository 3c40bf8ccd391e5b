package authz

import "strings"

// evaluator holds what all statements are compared with. It lives on the stack of Decide.
type evaluator struct {
	principal       Principal // a copy: a pointer beside keys would escape to the heap
	service, name   string    // of the action, in any case
	resource        string
	resourceAccount string
	arn             arn
	isARN           bool
	keys            ContextKeys
}

func newEvaluator(r *Request) evaluator {
	ev := evaluator{principal: r.Principal, resource: r.Resource, resourceAccount: r.ResourceAccount, keys: r.Keys}
	ev.service, ev.name, _ = strings.Cut(r.Action, ":")
	ev.arn, ev.isARN = splitARN(r.Resource)
	return ev
}

// verdict is what the policies of one type say together.
type verdict struct {
	denied bool
	reach  reach   // of the strongest statement that allows
	policy *Policy // with the statement that decided
	index  int     // of that statement
}

func (v *verdict) allows() bool { return v.reach != notReached }

// askAll asks policies of which any may allow.
func (v *verdict) askAll(ev *evaluator, policies []*Policy) {
	for _, p := range policies {
		if v.ask(ev, p); v.denied {
			return
		}
	}
}

// askLevels asks policies by level, of which each must allow.
func (v *verdict) askLevels(ev *evaluator, levels [][]*Policy) {
	every := true
	for _, level := range levels {
		v.reach = notReached
		if v.askAll(ev, level); v.denied {
			return
		}
		every = every && v.allows()
	}
	if !every {
		v.reach = notReached
	}
}

// ask adds what one policy says. It stops at a deny, and passes over what can change nothing.
func (v *verdict) ask(ev *evaluator, p *Policy) {
	for i := range p.statements {
		s := &p.statements[i]
		if !s.deny && v.reach == outright || !ev.actionMatches(s) {
			continue
		}
		got := outright
		if p.kind != IdentityPolicy {
			got = s.reach(&ev.principal)
		}
		if !s.deny && got <= v.reach || got == notReached || !ev.resourceMatches(s) || !ev.holds(s) {
			continue
		}
		v.reach, v.policy, v.index = got, p, i
		if s.deny {
			v.denied = true
			return
		}
	}
}

func (ev *evaluator) actionMatches(s *statement) bool {
	for i := range s.actions {
		if s.actions[i].match(ev.service, ev.name) {
			return !s.notAction
		}
	}
	return s.notAction
}

func (ev *evaluator) resourceMatches(s *statement) bool {
	if s.resources == nil {
		return true // a trust policy: its resource is the role it belongs to
	}
	for i := range s.resources {
		if s.resources[i].match(ev, &ev.arn, ev.isARN) {
			return !s.notResource
		}
	}
	return s.notResource
}
