package authz

import "strings"

// holds tells whether all conditions of a statement hold.
func (ev *evaluator) holds(s *statement) bool {
	for i := range s.conditions {
		if !s.conditions[i].holds(ev, s.deny) {
			return false
		}
	}
	return true
}

// holds tells whether a condition holds. Whether the statement denies matters where AWS's documentation leaves the
// outcome open: several values for a key without a set operator, and a variable without a value in a negated
// operator. There the answer is the one that is worse for the caller.
func (c *condition) holds(ev *evaluator, deny bool) bool {
	values := ev.lookup(c.key)
	if c.family == nullFamily {
		return c.nullHolds(values.n == 0)
	}
	if c.set != oneValue && values.blank() {
		values.n = 0 // a set of nothing but empty strings is empty
	}
	if values.n == 0 {
		return c.ifExists || c.set == forAllValues || c.set == oneValue && c.negated
	}
	all := c.set == forAllValues || c.set == oneValue && !deny
	for i := range values.n {
		if c.valueHolds(ev, values.at(i), deny) != all {
			return !all
		}
	}
	return all
}

func (c *condition) nullHolds(absent bool) bool {
	for i := range c.operands {
		if (truth(c.operands[i].text) == isTrue) == absent {
			return true
		}
	}
	return false
}

// valueHolds compares one value of the request with all of the condition.
func (c *condition) valueHolds(ev *evaluator, value string, deny bool) bool {
	ev.unresolved = false
	for i := range c.operands {
		if c.operands[i].matches(ev, c.family, value) {
			return !c.negated
		}
	}
	return c.negated && (deny || !ev.unresolved)
}

func (o *operand) matches(ev *evaluator, f family, value string) bool {
	switch f {
	case stringFamily, likeFamily:
		return o.pattern.match(ev, value)
	case foldFamily:
		return o.matchesFold(ev, value)
	case boolFamily:
		return truth(value) != notTruth && o.matchesFold(ev, value)
	case arnFamily:
		a, ok := splitARN(value)
		return ok && o.arn.match(ev, &a)
	}
	return o.other.matches(value)
}

func (o *operand) matchesFold(ev *evaluator, value string) bool {
	if o.pattern.shape == literalShape {
		return strings.EqualFold(value, o.pattern.lit)
	}
	text, ok := ev.expand(o.pattern.tokens)
	return ok && strings.EqualFold(value, text)
}

// expand puts values in the place of variables.
func (ev *evaluator) expand(tokens []token) (string, bool) {
	var b strings.Builder
	for i := range tokens {
		text := tokens[i].text
		if tokens[i].kind == variableToken {
			var ok bool
			if text, ok = ev.variable(&tokens[i]); !ok {
				return "", false
			}
		}
		b.WriteString(text)
	}
	return b.String(), true
}
