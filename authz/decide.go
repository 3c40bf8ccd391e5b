package authz

// Request is one question: may this principal do this to that?
type Request struct {
	Principal Principal
	Action    string // service:Name, such as kms:Encrypt; in any case
	Resource  string // an ARN, or "*" for an action that has no resource
	// ResourceAccount owns the resource. "" means the principal's own account, and is allowed only without a
	// resource policy.
	ResourceAccount string
	Keys            ContextKeys // may be nil
}

// ResourceKind says what the policy of the resource means.
type ResourceKind uint8

// The kinds of resources.
const (
	// NoResourcePolicy is a resource (or an action without one) that has no policy: identity policies decide.
	NoResourcePolicy ResourceKind = iota
	// KeyPolicy is the policy of a KMS key, without which nobody has any access: identity policies count only
	// where it lets the account in.
	KeyPolicy
	// RoleTrust is a role's trust policy, which is as much the root of access to the role as a key policy to a key.
	RoleTrust
	// OtherPolicy is an optional policy that adds to identity policies, as most services have it.
	OtherPolicy
)

// Policies are all the policies that bear on a request. Nil entries in lists are not allowed.
type Policies struct {
	ResourceKind ResourceKind
	Resource     *Policy // the resource's policy; nil if it has none
	// Identity are the policies of a user and their groups, or of a role.
	Identity []*Policy
	// Boundary, unless nil, is the permissions boundary of the user or role.
	Boundary *Policy
	// Session are the session policies passed when the session was made; none means no limit, except for a
	// FederatedUser, who has only what session policies pass on.
	Session []*Policy
	// SCPs are the service control policies of the caller's account, and RCPs the resource control policies of the
	// resource's, by level from the root of the organization to the account. Every level must allow.
	SCPs, RCPs [][]*Policy
}

// Decide answers a request. It is a pure function; see the package comment for the rules.
func Decide(r Request, with Policies) Decision {
	ev := newEvaluator(&r)
	v := verdicts{kind: with.ResourceKind}
	v.gather(&ev, &with)
	if d, denied := v.explicit(&with); denied {
		return d
	}
	return v.combine(&r, &with)
}

// verdicts are what each type of policy says.
type verdicts struct {
	kind                                            ResourceKind
	scp, rcp, resource, identity, boundary, session verdict
}

// gather asks every policy: a deny counts wherever it stands.
func (v *verdicts) gather(ev *evaluator, with *Policies) {
	v.scp.askLevels(ev, with.SCPs)
	v.rcp.askLevels(ev, with.RCPs)
	if with.ResourceKind != NoResourcePolicy && with.Resource != nil {
		v.resource.ask(ev, with.Resource)
	}
	v.identity.askAll(ev, with.Identity)
	if with.Boundary != nil {
		v.boundary.ask(ev, with.Boundary)
	}
	v.session.askAll(ev, with.Session)
}

// explicit finds a deny, in the order in which it is reported.
func (v *verdicts) explicit(with *Policies) (Decision, bool) {
	switch {
	case v.scp.denied:
		return v.scp.deny(SCP), true
	case v.rcp.denied:
		return v.rcp.deny(RCP), true
	case v.resource.denied:
		return v.resource.deny(with.ResourceKind.source()), true
	case v.identity.denied:
		return v.identity.deny(Identity), true
	case v.boundary.denied:
		return v.boundary.deny(Boundary), true
	case v.session.denied:
		return v.session.deny(Session), true
	}
	return Decision{}, false
}

// combine decides where nothing denies explicitly.
func (v *verdicts) combine(r *Request, with *Policies) Decision {
	switch {
	case len(with.SCPs) > 0 && !v.scp.allows():
		return implicit(SCP)
	case len(with.RCPs) > 0 && !v.rcp.allows():
		return implicit(RCP)
	case with.ResourceKind == NoResourcePolicy:
		return v.withoutResourcePolicy(r, with)
	case r.Principal.Account == "":
		return v.strangers(with)
	case r.Principal.Account == r.ResourceAccount:
		return v.sameAccount(r, with)
	}
	return v.crossAccount(r, with)
}

// withoutResourcePolicy decides where only identity policies can allow: within the account.
func (v *verdicts) withoutResourcePolicy(r *Request, with *Policies) Decision {
	own := r.ResourceAccount == "" || r.ResourceAccount == r.Principal.Account
	switch {
	case r.Principal.Account == "" || !own:
		return implicit(Resource)
	case r.Principal.Type == Root:
		return v.allow(RootAllow)
	}
	return v.identitySide(r, with, IdentityAllow)
}

// strangers decides for principals that belong to no account and so have no policies of their own.
func (v *verdicts) strangers(with *Policies) Decision {
	if v.resource.reach >= reached {
		return v.allow(ResourceAllow)
	}
	return implicit(with.ResourceKind.source())
}

func (v *verdicts) sameAccount(r *Request, with *Policies) Decision {
	optional := with.ResourceKind == OtherPolicy
	switch {
	case v.resource.reach == outright:
		return v.allow(ResourceAllow)
	case v.resource.reach == reached:
		return v.limits(r, with, ResourceAllow)
	case optional && r.Principal.Type == Root:
		return v.allow(RootAllow)
	case optional || v.resource.reach == delegated:
		return v.identitySide(r, with, IdentityAllow)
	}
	return implicit(with.ResourceKind.source())
}

// crossAccount needs the resource's policy and the caller's own account to allow.
func (v *verdicts) crossAccount(r *Request, with *Policies) Decision {
	switch {
	case v.resource.reach == notReached:
		return implicit(with.ResourceKind.source())
	case r.Principal.Type == Root:
		return v.allow(CrossAccountAllow)
	}
	return v.identitySide(r, with, CrossAccountAllow)
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
