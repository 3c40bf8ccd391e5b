package authz

import "iter"

// ConditionKeys yields the name of every condition key that the policy tests, as written, once for each time. A service
// that fills only some keys can so refuse a policy whose meaning it could not honour.
func (p *Policy) ConditionKeys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range p.statements {
			for j := range p.statements[i].conditions {
				if !yield(p.statements[i].conditions[j].keyText) {
					return
				}
			}
		}
	}
}
