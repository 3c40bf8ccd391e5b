package authz

import "strings"

// actionMatcher is one compiled entry of Action or NotAction. Actions are matched without regard to case.
type actionMatcher struct {
	text    string // as written
	service string // lower case; "" matches every service ("*" and "*:*")
	bits    uint64 // of service, among those of the policy
	name    pattern
}

// compileAction compiles an entry. The message, if any, is AWS's reason to refuse it.
func compileAction(text string) (actionMatcher, string) {
	m := actionMatcher{text: text}
	if text == "*" || text == "*:*" {
		m.name = compileGlob("*")
		return m, ""
	}
	service, name, found := strings.Cut(text, ":")
	switch {
	case !found:
		return m, msgVendor
	case strings.Contains(name, ":"):
		return m, msgColon
	case service == "" || !vendorForm(service):
		return m, "Vendor " + service + " is not valid"
	}
	m.service = asciiLower(service)
	m.name = compileGlob(asciiLower(name))
	return m, ""
}

func vendorForm(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '-' && c != '.' && !alphanumeric(s[i:i+1]) {
			return false
		}
	}
	return true
}

// match tells whether the request's action is meant. services are the bits of its service in the policy.
func (m *actionMatcher) match(ev *evaluator, services uint64) bool {
	if m.bits&services == 0 {
		return false
	}
	if m.service == "" {
		return true
	}
	if services == allServices && !equalFold(ev.service, m.service) {
		return false // the bits tell nothing
	}
	return m.name.matchFold(ev.name)
}

// asciiLower maps A-Z only, so that lengths never change.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// equalFold compares s in any case (ASCII) with a string that is in lower case.
func equalFold(s, lower string) bool {
	return len(s) == len(lower) && hasPrefixFold(s, lower)
}

func hasPrefixFold(s, lower string) bool {
	if len(s) < len(lower) {
		return false
	}
	for i := range len(lower) {
		if lowerByte(s[i]) != lower[i] {
			return false
		}
	}
	return true
}
