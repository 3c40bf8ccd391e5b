package authz

import "strings"

func (p *parser) principals(s *statement, statement node, e elements) {
	n, not := p.oneOf("Principal", e.principal, e.notPrincipal)
	s.notPrincipal = not
	if p.kind == IdentityPolicy {
		if n != nil {
			p.report(rankPrincipal, n.offset, msgPrincipal, "")
		}
		return
	}
	if n == nil {
		p.report(rankPrincipal, statement.offset, msgNoPrincipal, "")
		return
	}
	switch {
	case n.kind == stringNode && n.text == "*":
		s.principals = []principalMatcher{{kind: everyone, text: "*"}}
	case n.kind == stringNode:
		p.badPrincipal(n.offset, "AWS", n.text)
	case n.kind != objectNode:
		p.syntax(n.offset, "Principal must be an object or \"*\"")
	default:
		p.principalLists(s, *n)
	}
}

func (p *parser) principalLists(s *statement, n node) {
	for _, m := range n.members {
		var compile func(string) (principalMatcher, bool)
		switch m.name {
		case "AWS":
			compile = awsPrincipal
		case "Service":
			compile = servicePrincipal
		case "Federated":
			compile = federatedPrincipal
		case "CanonicalUser":
			compile = canonicalPrincipal
		default:
			p.syntax(m.offset, "unknown type of principal "+quote(m.name))
			continue
		}
		for _, item := range p.texts(m.value) {
			entry, ok := compile(item.text)
			if !ok {
				p.badPrincipal(item.offset, m.name, item.text)
			}
			s.principals = append(s.principals, entry)
		}
	}
	if len(s.principals) == 0 {
		p.report(rankPrincipal, n.offset, msgNoPrincipal, "there is none")
	}
}

// badPrincipal reports an entry in the words of IAM or KMS.
func (p *parser) badPrincipal(offset int, element, entry string) {
	if p.kind == TrustPolicy {
		p.report(rankPrincipal, offset, `Invalid principal in policy: "`+strings.ToUpper(element)+`":`+quote(entry), "")
		return
	}
	p.report(rankPrincipal, offset, msgPrincipals, element+" "+quote(entry))
}

// awsPrincipal compiles an entry of the AWS list: *, an account (id or root ARN), a user, a role, a session of
// either, or a unique id. Wildcards within a name are not in the language.
func awsPrincipal(text string) (principalMatcher, bool) {
	m := principalMatcher{kind: arnEntry, text: text, value: text}
	switch {
	case text == "*":
		m.kind = everyoneAWS
		return m, true
	case accountForm(text):
		m.kind = accountEntry
		return m, true
	case uniqueIDForm(text):
		m.kind = uniqueIDEntry
		return m, true
	case strings.ContainsAny(text, "*?$ \t\r\n"):
		return m, false
	}
	a, ok := splitARN(text)
	if !ok || !partitionForm(a[arnPartition]) || a[3] != "" || !accountForm(a[arnAccount]) {
		return m, false
	}
	if a[arnService] == "iam" && a[arnResource] == "root" {
		m.kind, m.value = accountEntry, a[arnAccount]
		return m, true
	}
	return m, principalForm(a[arnService], a[arnResource])
}

// principalForm tells whether the resource part of an ARN can name a principal.
func principalForm(service, resource string) bool {
	kind, rest, _ := strings.Cut(resource, "/")
	if rest == "" || strings.HasPrefix(rest, "/") || strings.HasSuffix(rest, "/") || strings.Contains(rest, "//") {
		return false
	}
	switch service + " " + kind {
	case "iam user", "iam role":
		return true
	case "sts federated-user":
		return true
	case "sts assumed-role":
		return strings.Count(rest, "/") == 1
	}
	return false
}

// accountForm tells whether a text is an account id.
func accountForm(s string) bool {
	return len(s) == 12 && digitsOnly(s)
}

func digitsOnly(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// uniqueIDForm tells whether a text is the unique id of a user or role (IAM User Guide, "IAM identifiers").
func uniqueIDForm(s string) bool {
	if len(s) < 16 || len(s) > 128 || !strings.HasPrefix(s, "AIDA") && !strings.HasPrefix(s, "AROA") {
		return false
	}
	return alphanumeric(s) && strings.ToUpper(s) == s
}

// servicePrincipal compiles a service's name: a domain such as events.amazonaws.com.
func servicePrincipal(text string) (principalMatcher, bool) {
	return principalMatcher{kind: serviceEntry, text: text, value: text}, domainForm(text)
}

func domainForm(s string) bool {
	return strings.Contains(s, ".") && vendorForm(s) && s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..")
}

// federatedPrincipal compiles an identity provider: its ARN, or the domain of a well-known one.
func federatedPrincipal(text string) (principalMatcher, bool) {
	m := principalMatcher{kind: federatedEntry, text: text, value: text}
	if a, ok := splitARN(text); ok {
		kind, name, _ := strings.Cut(a[arnResource], "/")
		return m, partitionForm(a[arnPartition]) && a[arnService] == "iam" && accountForm(a[arnAccount]) &&
			(kind == "saml-provider" || kind == "oidc-provider") && name != "" && !strings.ContainsAny(name, "*? ")
	}
	return m, domainForm(text)
}

// canonicalPrincipal compiles an S3 canonical user id: 64 hexadecimal digits.
func canonicalPrincipal(text string) (principalMatcher, bool) {
	ok := len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
	return principalMatcher{kind: canonicalEntry, text: text}, ok
}
