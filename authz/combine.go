package authz

// decide combines the verdicts. What the caller's own account says is reported before what a foreign resource's
// policy says, so that the answer about a resource of another account is the same whether it exists or not.
func (v *verdicts) decide(r *Request, with *Policies) Decision {
	foreign := r.foreign()
	switch {
	case v.scp.denied:
		return v.scp.deny(SCP)
	case v.rcp.denied && !foreign:
		return v.rcp.deny(RCP)
	case v.resource.denied && !foreign:
		return v.resource.deny(v.kind.source())
	case v.identity.denied:
		return v.identity.deny(Identity)
	case v.boundary.denied:
		return v.boundary.deny(Boundary)
	case v.session.denied:
		return v.session.deny(Session)
	case len(with.SCPs) > 0 && !v.scp.allows():
		return implicit(SCP)
	case foreign:
		return v.crossAccount(r, with)
	case len(with.RCPs) > 0 && !v.rcp.allows():
		return implicit(RCP)
	case v.kind == NoResourcePolicy:
		return v.withoutResourcePolicy(r, with)
	case r.Principal.Account == "":
		return v.strangers()
	}
	return v.sameAccount(r, with)
}

// foreign tells whether the resource belongs to an account that is not the caller's. Callers without an account of
// their own (services, federated identities) are judged by the resource's side alone.
func (r *Request) foreign() bool {
	return r.Principal.Account != "" && r.ResourceAccount != "" && r.ResourceAccount != r.Principal.Account
}

// crossAccount needs the caller's own account and the resource's policy to allow.
func (v *verdicts) crossAccount(r *Request, with *Policies) Decision {
	own := v.allow(CrossAccountAllow)
	if r.Principal.Type != Root {
		own = v.identitySide(r, with, CrossAccountAllow)
	}
	switch {
	case !own.Allowed:
		return own
	case v.rcp.denied:
		return v.rcp.deny(RCP)
	case v.resource.denied:
		return v.resource.deny(v.kind.source())
	case len(with.RCPs) > 0 && !v.rcp.allows():
		return implicit(RCP)
	case !v.resource.allows():
		return implicit(v.kind.source())
	}
	return own
}

// withoutResourcePolicy decides where only identity policies can allow: within the account.
func (v *verdicts) withoutResourcePolicy(r *Request, with *Policies) Decision {
	switch {
	case r.Principal.Account == "":
		return implicit(Identity)
	case r.Principal.Type == Root:
		return v.allow(RootAllow)
	}
	return v.identitySide(r, with, IdentityAllow)
}

// strangers decides for principals that belong to no account and so have no policies of their own.
func (v *verdicts) strangers() Decision {
	if v.resource.reach >= reached {
		return v.allow(ResourceAllow)
	}
	return implicit(v.kind.source())
}

func (v *verdicts) sameAccount(r *Request, with *Policies) Decision {
	optional := v.kind == OtherPolicy
	switch {
	case r.ResourceAccount == "":
		return implicit(v.kind.source()) // nobody's resource: not known to be the caller's
	case v.resource.reach == outright:
		return v.allow(ResourceAllow)
	case v.resource.reach == reached:
		return v.limits(r, with, ResourceAllow)
	case optional && r.Principal.Type == Root:
		return v.allow(RootAllow)
	case optional || v.resource.reach == delegated:
		return v.identitySide(r, with, IdentityAllow)
	}
	return implicit(v.kind.source())
}

// identitySide is what the caller's own account allows.
func (v *verdicts) identitySide(r *Request, with *Policies, reason Reason) Decision {
	if !v.identity.allows() {
		return implicit(Identity)
	}
	return v.limits(r, with, reason)
}

// limits applies boundary and session policies, which only take away.
func (v *verdicts) limits(r *Request, with *Policies, reason Reason) Decision {
	limited := len(with.Session) > 0 || r.Principal.Type == FederatedUser
	switch {
	case with.Boundary != nil && !v.boundary.allows():
		return implicit(Boundary)
	case limited && !v.session.allows():
		return implicit(Session)
	}
	return v.allow(reason)
}
