package authz

// Message words a denial as AWS does (IAM User Guide, "Troubleshoot access denied error messages"). It is "" for an
// allowed request. Where the resource is another account's and its side refuses, the text is the same whether the
// resource exists or not.
func (d Decision) Message(r Request) string {
	if d.Allowed {
		return ""
	}
	who := "User: " + r.Principal.shown() + " is not authorized to perform: " + r.Action
	theirs := d.Source == Resource || d.Source == RCP || d.Source == Trust
	switch {
	case !theirs || !r.foreign():
		return who + " on resource: " + r.Resource + " " + d.because(r.Action)
	case d.Source == Trust:
		return who + " on resource: " + r.Resource
	}
	which := "this resource"
	if r.FromCiphertext {
		which = "the resource associated with this ciphertext"
	}
	return who + " on " + which + " because the resource does not exist in this Region, no resource-based policies " +
		"allow access, or a resource-based policy explicitly denies access"
}

// shown is how a message names a principal.
func (p *Principal) shown() string {
	switch {
	case p.ARN != "":
		return p.ARN
	case p.Name != "":
		return p.Name
	}
	return "anonymous"
}

func (d Decision) because(action string) string {
	article, noun := d.Source.words()
	if d.Reason == ExplicitDeny {
		return "with an explicit deny in " + article + " " + noun
	}
	return "because no " + noun + " allows the " + action + " action"
}

// words name a policy of the type, with its article.
func (t SourceType) words() (article, noun string) {
	switch t {
	case Resource:
		return "a", "resource-based policy"
	case Trust:
		return "the", "role trust policy"
	case Boundary:
		return "a", "permissions boundary"
	case Session:
		return "a", "session policy"
	case SCP:
		return "a", "service control policy"
	case RCP:
		return "a", "resource control policy"
	}
	return "an", "identity-based policy"
}
