// Package access turns a decision into a value. A Call says who asks for what, a Need what must be allowed, and only
// Decide makes a Grant of them. The grant carries the keys already resolved, as they stood when the decision was
// made, and is the only way by which an operation reaches them: there is no check to forget, and no alias to move
// between the check and the use.
package access

import (
	"net/netip"
	"time"

	"ostiary.dev/authz"
	"ostiary.dev/state"
)

// Call is what is known of a request once its signature has been verified.
type Call struct {
	RequestID   string
	Time        time.Time // when the request was received
	Service     string    // of the credential scope: kms, sts, iam
	Region      string    // of the credential scope
	Operation   string
	Principal   authz.Principal
	AccessKeyID string
	SourceIP    netip.Addr
	UserAgent   string
	Referer     string
	View        *state.View // the state that the whole call is decided on
}

// Need is one action that a call must be allowed on one resource.
type Need struct {
	Action   string // "kms:Encrypt"
	Resource string // ARN, or "*" for actions on none
	Owner    string // account of the resource
	OwnOnly  bool   // the action is not open to principals of other accounts
	Key      *state.Key
	Facts    authz.ContextKeys // condition keys of the service; nil for none
	Stranger Stranger          // for principals of other accounts
}

// Stranger is what a denial to a principal of another account may depend on. The need itself says what the caller's
// words stand for; a denial worded from that would tell whether a key exists, which key an alias names and, through
// conditions in the caller's own policies, what the key is like. So it is worded from this instead.
type Stranger struct {
	Resource string            // ARN that the caller named, not looked up; "" for Need.Resource
	Facts    authz.ContextKeys // condition keys that follow from the request alone; nil for none
	Hide     string            // the whole message, unless empty
}

// Grant is the proof that a call was allowed all that it needs.
type Grant struct {
	call     *Call
	needs    []Need
	decision authz.Decision // on the first need
	made     []string
}

// Call returns the call that was allowed.
func (g *Grant) Call() *Call { return g.call }

// Key returns the key of the first need. It is nil for operations on no key.
func (g *Grant) Key() *state.Key { return g.needs[0].Key }

// SecondKey returns the key of the second need: the destination of ReEncrypt, the new target of UpdateAlias.
func (g *Grant) SecondKey() *state.Key { return g.needs[1].Key }

// Record notes a resource that the operation made, for the audit record.
func (g *Grant) Record(arn string) { g.made = append(g.made, arn) }

// Resources yields the ARN and account of every key that the call touched or made.
func (g *Grant) Resources(yield func(arn, account string) bool) {
	for _, n := range g.needs {
		if n.Key != nil && !yield(n.Resource, n.Owner) {
			return
		}
	}
	for _, arn := range g.made {
		if !yield(arn, g.call.Principal.Account) {
			return
		}
	}
}
