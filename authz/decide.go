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
	// FromCiphertext says that the caller did not name the resource: it was found in a KMS ciphertext. It matters to
	// Decision.Message alone.
	FromCiphertext bool
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
	if ev.exhausted() {
		return implicit(v.kind.source())
	}
	return v.decide(&r, &with)
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
