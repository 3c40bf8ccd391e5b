package authz

import "strings"

// PrincipalType says what kind of identity makes a request.
type PrincipalType uint8

// The types of principals. The zero value is a caller who proved nothing.
const (
	Anonymous     PrincipalType = iota
	Root                        // the root user of an account
	User                        // an IAM user
	AssumedRole                 // a session of a role
	FederatedUser               // a session made by GetFederationToken
	Federated                   // somebody vouched for by an identity provider, before a role is assumed
	Service                     // a service acting for itself
)

// Principal is who makes a request.
type Principal struct {
	Type    PrincipalType
	Account string // 12 digits; "" for Anonymous, Federated and Service
	// ARN is as GetCallerIdentity gives it: of an assumed role that of the session
	// (arn:aws:sts::111122223333:assumed-role/role/session). Of Federated it is the provider's ARN or domain.
	ARN string
	// UserID is the unique id: AIDA... of a user, AROA...:session of an assumed role, the account of its root.
	UserID string
	Name   string // of the user or session; of a Service its principal name, such as events.amazonaws.com
	// SessionOf is the ARN of the role of an AssumedRole (with its path) or of the user who called
	// GetFederationToken.
	SessionOf string
}

// reach says how strongly a resource policy's statement takes in the caller. The order matters.
type reach uint8

const (
	// notReached: the statement is about others.
	notReached reach = iota
	// delegated: the statement lets the caller's account in, and the account's own policies decide.
	delegated
	// reached: the statement lets the caller in through their role or with everybody; boundary and session
	// policies must still allow.
	reached
	// outright: the statement names exactly the caller; what other policies merely do not allow no longer matters.
	outright
)

// principalMatcher is one compiled entry of Principal or NotPrincipal.
type principalMatcher struct {
	kind  principalKind
	value string // what is compared
	text  string // as written
}

type principalKind uint8

const (
	everyone       principalKind = iota // "*", under no type
	everyoneAWS                         // {"AWS": "*"}, which means the same
	accountEntry                        // value is the account id
	arnEntry                            // of a user, role or session
	uniqueIDEntry                       // AIDA... or AROA..., as AWS stores users and roles
	serviceEntry                        //
	federatedEntry                      //
	canonicalEntry                      // an S3 canonical user id, which nobody here has
)

// element is the name of the list that an entry stands in.
func (k principalKind) element() string {
	switch k {
	case serviceEntry:
		return "Service"
	case federatedEntry:
		return "Federated"
	case canonicalEntry:
		return "CanonicalUser"
	}
	return "AWS"
}

// match tells how strongly an entry takes in p.
func (m *principalMatcher) match(p *Principal) reach {
	switch m.kind {
	case everyone, everyoneAWS:
		return reached
	case accountEntry:
		if p.Account != m.value {
			return notReached
		}
		if p.Type == Root {
			return outright
		}
		return delegated
	case arnEntry:
		return named(p.ARN == m.value && p.Type != Federated, p.SessionOf == m.value)
	case uniqueIDEntry:
		role, _, session := strings.Cut(p.UserID, ":")
		return named(p.UserID == m.value, session && role == m.value)
	case serviceEntry:
		return named(p.Type == Service && p.Name == m.value, false)
	case federatedEntry:
		return named(p.Type == Federated && p.ARN == m.value, false)
	}
	return notReached
}

func named(own, parent bool) reach {
	switch {
	case own:
		return outright
	case parent:
		return reached
	}
	return notReached
}

// reach tells how strongly a statement with principals takes in p.
func (s *statement) reach(p *Principal) reach {
	if s.notPrincipal {
		return s.reachOthers(p)
	}
	most := notReached
	for i := range s.principals {
		most = max(most, s.principals[i].match(p))
	}
	return most
}

// reachOthers is reach of a NotPrincipal. A caller is several principals at once (account, role, session): a deny
// spares them only if the list has them all, as AWS documents it; an allow takes them in only if it has none.
func (s *statement) reachOthers(p *Principal) reach {
	own, account := false, p.Account == "" || p.Type == Root
	parent := p.SessionOf == "" || strings.HasSuffix(p.SessionOf, ":root") // the root is listed as the account
	some := false
	for i := range s.principals {
		m := &s.principals[i]
		got := m.match(p)
		some = some || got != notReached
		switch {
		case m.kind == everyone || m.kind == everyoneAWS:
			return notReached
		case got == outright:
			own = true
		case got == reached:
			parent = true
		case got == delegated:
			account = true
		}
	}
	listed := some
	if s.deny {
		listed = own && parent && account
	}
	if listed {
		return notReached
	}
	return reached
}
