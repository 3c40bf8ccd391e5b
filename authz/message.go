package authz

// Message words a denial as AWS does (IAM User Guide, "Troubleshoot access denied error messages"). It is "" for an
// allowed request. Where the resource is another account's, it does not tell whether the resource exists.
func (d Decision) Message(r Request) string {
	if d.Allowed {
		return ""
	}
	return "User: " + r.Principal.shown() + " is not authorized to perform: " + r.Action +
		" on resource: " + r.Resource + " " + d.because(r)
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

func (d Decision) because(r Request) string {
	foreign := r.ResourceAccount != "" && r.ResourceAccount != r.Principal.Account
	switch {
	case foreign && (d.Source == Resource || d.Source == RCP):
		return "because the resource does not exist in this Region, no resource-based policies allow access, or a " +
			"resource-based policy explicitly denies access"
	case d.Reason == ExplicitDeny, d.Source == SCP, d.Source == RCP:
		// AWS words a missing allow in organization policies as explicit, too.
		return "with an explicit deny in " + d.Source.one()
	}
	return "because no " + d.Source.none() + " allows the " + r.Action + " action"
}

// one names a policy of the type, with its article.
func (t SourceType) one() string {
	switch t {
	case Resource:
		return "a resource-based policy"
	case Trust:
		return "the role trust policy"
	case Boundary:
		return "a permissions boundary"
	case Session:
		return "a session policy"
	case SCP:
		return "a service control policy"
	case RCP:
		return "a resource control policy"
	}
	return "an identity-based policy"
}

// none names policies of the type after the word no.
func (t SourceType) none() string {
	switch t {
	case Resource:
		return "resource-based policy"
	case Trust:
		return "role trust policy"
	case Boundary:
		return "permissions boundary"
	case Session:
		return "session policy"
	}
	return "identity-based policy"
}
