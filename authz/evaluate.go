package authz

import "strings"

// evaluator holds what all statements are compared with. It lives on the stack of Decide.
type evaluator struct {
	principal       Principal // a copy: a pointer beside keys would escape to the heap
	service, name   string    // of the action, in any case
	resource        string
	resourceAccount string
	keys            ContextKeys
	// arn is the resource split, once a statement needs it.
	arn   arn
	split splitState
	// unresolved tells that a policy variable had no value.
	unresolved bool
	steps      int // what was spent of maxSteps
}

// A policy and a request can be made for each other so that matching them takes minutes: a long pattern of wildcards and
// a long value. So the work of one decision is bounded, far above what any policy needs that is meant to be read, and
// one that exceeds it denies.
const (
	maxSteps    = 1 << 20 // a comparison of one token of a pattern at one place of a value is a step, some 5 ns
	lookupSteps = 512     // for a question to ContextKeys, which may look through an encryption context
)

// spend notes work and tells whether there may be more.
func (ev *evaluator) spend(steps int) bool {
	ev.steps += steps
	return !ev.exhausted()
}

// exhausted tells that the answer of a match may be wrong, since it was given up.
func (ev *evaluator) exhausted() bool { return ev.steps > maxSteps }

// splitState says what is known of the resource.
type splitState uint8

const (
	notSplit splitState = iota
	isARN
	notARN
)

func newEvaluator(r *Request) evaluator {
	ev := evaluator{principal: r.Principal, resource: r.Resource, resourceAccount: r.ResourceAccount, keys: r.Keys}
	ev.service, ev.name, _ = strings.Cut(r.Action, ":")
	return ev
}

// resourceARN gives the resource split, nil if it is not an ARN.
func (ev *evaluator) resourceARN() *arn {
	if ev.split == notSplit {
		ev.split = notARN
		var ok bool
		if ev.arn, ok = splitARN(ev.resource); ok {
			ev.split = isARN
		}
	}
	if ev.split == notARN {
		return nil
	}
	return &ev.arn
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
	services := ev.servicesOf(p)
	for i := range p.statements {
		s := &p.statements[i]
		if s.services&services == 0 || !s.deny && v.reach == outright || !ev.actionMatches(s, services) {
			continue
		}
		got := ev.reachOf(p, s)
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

// reachOf tells how strongly a statement takes in the caller. A document without principals is only ever asked about
// those whom it is attached to.
func (ev *evaluator) reachOf(p *Policy, s *statement) reach {
	if p.kind == IdentityPolicy {
		return outright
	}
	return s.reach(&ev.principal)
}

func (ev *evaluator) actionMatches(s *statement, services uint64) bool {
	for i := range s.actions {
		if s.actions[i].match(ev, services) {
			return !s.notAction
		}
	}
	return s.notAction
}

func (ev *evaluator) resourceMatches(s *statement) bool {
	if s.resources == nil {
		return true // a trust policy: its resource is the role it belongs to
	}
	ev.unresolved = false
	for i := range s.resources {
		r := &s.resources[i]
		if r.all {
			return !s.notResource
		}
		if a := ev.resourceARN(); a != nil && r.match(ev, a) {
			return !s.notResource
		}
	}
	// An entry with a variable that has no value matches nothing, which must not make a NotResource allow.
	return s.notResource && (s.deny || !ev.unresolved)
}
