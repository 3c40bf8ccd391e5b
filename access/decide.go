package access

import (
	"ostiary.dev/authz"
	"ostiary.dev/state"
)

// Decide makes a grant if every need is allowed. Otherwise it returns an *Error, AccessDeniedException, worded for the
// first need that is not. A call without needs (sts:GetCallerIdentity) is granted nothing but itself.
func Decide(c *Call, needs []Need) (*Grant, error) {
	g := &Grant{call: c, needs: needs}
	if len(needs) == 0 {
		return g, nil
	}
	identity := identityPolicies(c)
	for i := range needs {
		n := &needs[i]
		r := authz.Request{Principal: c.Principal, Action: n.Action, Resource: n.Resource, ResourceAccount: n.Owner, Keys: &keys{c, n.Facts}}
		p := authz.Policies{Identity: identity}
		foreign := n.Owner != c.Principal.Account
		if n.Key != nil {
			p.ResourceKind, p.Resource = authz.KeyPolicy, compiled(n.Key.Policy, authz.ResourcePolicy)
		} else if foreign {
			p.ResourceKind = authz.KeyPolicy // a key that is not there lets nobody in
		}
		d := authz.Decide(r, p)
		if d.Allowed && foreign && (n.OwnOnly || n.Key == nil) {
			d = authz.Decision{Reason: authz.ImplicitDeny, Source: authz.Resource}
		}
		if !d.Allowed {
			return nil, &Error{Code: accessDenied, Message: message(c, n, r, p, d), Reason: reason(d)}
		}
		if i == 0 {
			g.decision = d
		}
	}
	return g, nil
}

// message words a denial. A principal of another account hears what it would hear if the resource did not exist.
func message(c *Call, n *Need, r authz.Request, p authz.Policies, d authz.Decision) string {
	if n.Owner == c.Principal.Account {
		return d.Message(r)
	}
	s := &n.Stranger
	if s.Hide != "" {
		return s.Hide
	}
	if s.Resource != "" {
		r.Resource = s.Resource
	}
	r.Keys = &keys{c, s.Facts}
	p.Resource = nil
	return authz.Decide(r, p).Message(r)
}

// Reason says in a few words why the call was allowed, for the audit record.
func (g *Grant) Reason() string {
	if len(g.needs) == 0 {
		return "no permission needed"
	}
	return reason(g.decision)
}

var reasons = map[authz.Reason]string{
	authz.ImplicitDeny:      "implicit deny",
	authz.ExplicitDeny:      "explicit deny",
	authz.ResourceAllow:     "allowed by key policy",
	authz.IdentityAllow:     "allowed by identity policy",
	authz.CrossAccountAllow: "allowed by key policy and identity policy",
	authz.RootAllow:         "allowed to root",
}

func reason(d authz.Decision) string { return reasons[d.Reason] }

// identityPolicies are the policies of the calling user, compiled once per version of their text.
func identityPolicies(c *Call) []*authz.Policy {
	u := c.View.User(c.Principal.Account, c.Principal.Name)
	if c.Principal.Type != authz.User || u == nil {
		return nil
	}
	policies := make([]*authz.Policy, len(u.Policies))
	for i, p := range u.Policies {
		policies[i] = compiled(p.Document, authz.IdentityPolicy)
	}
	return policies
}

// denyAll stands for a stored policy that does not parse: none is ever let in, so it can only be damage.
var denyAll = map[authz.Kind]string{
	authz.IdentityPolicy: `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`,
	authz.ResourcePolicy: `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`,
}

// compiled memoises a policy beside its text.
func compiled(d *state.Document, kind authz.Kind) *authz.Policy {
	return d.Memo(func(text string) any {
		p, err := authz.Parse(text, kind)
		if err != nil {
			p, _ = authz.Parse(denyAll[kind], kind)
		}
		return p
	}).(*authz.Policy)
}
