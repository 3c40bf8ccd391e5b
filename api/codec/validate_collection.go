package codec

import (
	"math"
	"strings"
)

// saturated says whether n is at an end of its range, where readers put numbers beyond it: what was sent is unknown.
func saturated[T int32 | int64](n T) bool {
	switch m := any(n).(type) {
	case int32:
		return m == math.MaxInt32 || m == math.MinInt32
	case int64:
		return m == math.MaxInt64 || m == math.MinInt64
	}
	return false
}

// Size checks the number of elements of a list or map of structures.
func (v *Validator) Size(name string, n int, present bool, r *Rule) {
	if present {
		v.length(name, "", n, r)
	}
}

// Strings checks a list of strings or enumerations: its size by list and each element by element, both may be nil.
func Strings[T ~string](v *Validator, name string, list []T, rule, element *Rule) {
	if list == nil {
		return
	}
	if rule != nil && !rule.inRange(int64(len(list))) {
		v.length(name, shownList(list, element), len(list), rule)
	}
	if element == nil {
		return
	}
	for _, s := range list {
		if !element.ok(string(s)) {
			v.report(name, shownList(list, element), "Member must satisfy constraint: "+element.all())
			return
		}
	}
}

// shownList words a list as Java prints it, "" when it is too long or secret.
func shownList[T ~string](list []T, element *Rule) string {
	if element != nil && element.Sensitive {
		return ""
	}
	var b strings.Builder
	b.WriteString(" '[")
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		if b.Len()+len(s) > maxShown {
			return ""
		}
		b.WriteString(strings.TrimSuffix(string(s), emptyEnum))
	}
	b.WriteString("]'")
	return b.String()
}

// StringMap checks a map of strings: its size by rule, each key by key and each value by value; all may be nil.
func StringMap[T ~string](v *Validator, name string, m map[string]T, rule, key, value *Rule) {
	if m == nil {
		return
	}
	secret := key != nil && key.Sensitive || value != nil && value.Sensitive
	if rule != nil && !rule.inRange(int64(len(m))) {
		v.length(name, shownMap(m, secret), len(m), rule)
	}
	badKey, badValue := false, false
	for k, s := range m {
		badKey = badKey || key != nil && !key.ok(k)
		badValue = badValue || value != nil && !value.ok(string(s))
	}
	if badKey {
		v.report(name, shownMap(m, secret), "Map keys must satisfy constraint: "+key.all())
	}
	if badValue {
		v.report(name, shownMap(m, secret), "Map value must satisfy constraint: "+value.all())
	}
}

// shownMap words a map as Java prints it, "" when it is too long or secret.
func shownMap[T ~string](m map[string]T, secret bool) string {
	if secret {
		return ""
	}
	var b strings.Builder
	b.WriteString(" '{")
	for i, k := range sortedKeys(m, new(keyRoom)) {
		if i > 0 {
			b.WriteString(", ")
		}
		if b.Len()+len(k)+len(m[k]) > maxShown {
			return ""
		}
		b.WriteString(k + "=" + string(m[k]))
	}
	b.WriteString("}'")
	return b.String()
}
