package authz

// Reason says what decided. The zero Reason is a denial.
type Reason uint8

// The reasons.
const (
	ImplicitDeny      Reason = iota // no policy of the type Decision.Source allows
	ExplicitDeny                    // a statement of a policy of the type Decision.Source denies
	ResourceAllow                   // the resource's policy lets the caller in by itself
	IdentityAllow                   // identity policies allow (and the resource's policy lets the account in)
	CrossAccountAllow               // the resource's policy and the caller's own account both allow
	RootAllow                       // the root user, where nothing limits it
)

// String is the reason's name in this package.
func (r Reason) String() string {
	switch r {
	case ImplicitDeny:
		return "ImplicitDeny"
	case ExplicitDeny:
		return "ExplicitDeny"
	case ResourceAllow:
		return "ResourceAllow"
	case IdentityAllow:
		return "IdentityAllow"
	case CrossAccountAllow:
		return "CrossAccountAllow"
	case RootAllow:
		return "RootAllow"
	}
	return "unknown reason"
}

// SourceType is a type of policy.
type SourceType uint8

// The types of policies.
const (
	NoSource SourceType = iota
	Identity
	Resource
	Trust // a role's trust policy
	Boundary
	Session
	SCP
	RCP
)

// String is the type's name in this package.
func (t SourceType) String() string {
	switch t {
	case NoSource:
		return "NoSource"
	case Identity:
		return "Identity"
	case Resource:
		return "Resource"
	case Trust:
		return "Trust"
	case Boundary:
		return "Boundary"
	case Session:
		return "Session"
	case SCP:
		return "SCP"
	case RCP:
		return "RCP"
	}
	return "unknown source"
}

// source is the type of the policies of a kind of resource.
func (k ResourceKind) source() SourceType {
	if k == RoleTrust {
		return Trust
	}
	return Resource
}

// Decision is the answer. The zero Decision denies.
type Decision struct {
	Allowed bool
	Reason  Reason
	Source  SourceType // for a denial, the type of policy that it is due to
	decided [6]deciding
	n       int
}

// deciding is one statement that made the decision.
type deciding struct {
	source SourceType
	policy *Policy
	index  int
}

// Match is a statement that applied to the request.
type Match struct {
	Source SourceType
	Policy string // the name of the policy (Policy.WithName)
	Sid    string // "" if it has none
	Index  int    // of the statement in its policy, from 0
	Deny   bool
}

// Statements are the statements that made the decision: the deny, or one that allows of each type of policy that
// had to. It is empty for an implicit deny.
func (d Decision) Statements() []Match {
	matches := make([]Match, 0, d.n)
	for _, by := range d.decided[:d.n] {
		s := &by.policy.statements[by.index]
		matches = append(matches, Match{by.source, by.policy.name, s.sid, by.index, s.deny})
	}
	return matches
}

func (d *Decision) add(source SourceType, v *verdict) {
	if v.policy != nil {
		d.decided[d.n] = deciding{source, v.policy, v.index}
		d.n++
	}
}

func implicit(source SourceType) Decision { return Decision{Reason: ImplicitDeny, Source: source} }

func (v *verdict) deny(source SourceType) Decision {
	d := Decision{Reason: ExplicitDeny, Source: source}
	d.add(source, v)
	return d
}

// allow is the decision that allows, with a statement of each type of policy that took part.
func (v *verdicts) allow(reason Reason) Decision {
	d := Decision{Allowed: true, Reason: reason}
	d.add(SCP, &v.scp)
	d.add(RCP, &v.rcp)
	d.add(v.kind.source(), &v.resource)
	if reason == IdentityAllow || reason == CrossAccountAllow {
		d.add(Identity, &v.identity)
	}
	if reason == CrossAccountAllow || v.resource.reach != outright {
		d.add(Boundary, &v.boundary)
		d.add(Session, &v.session)
	}
	return d
}
