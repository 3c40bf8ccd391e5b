package authz_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ostiary.dev/authz"
)

// scenario is a random request with policies, kept as data so that a property can change it and build it again.
type scenario struct {
	principal authz.Principal
	action    string
	resource  string
	owner     string
	keys      map[string][]string
	kind      authz.ResourceKind
	policies  map[string][]map[string]any // statements by place; an absent place is no policy
}

// The places of a scenario that hold a policy. Those of limits may be absent without loss of access.
var (
	places = []string{"resource", "identity1", "identity2", "boundary", "session", "scp1", "scp2", "rcp"}
	limits = []string{"boundary", "session", "scp1", "scp2", "rcp"}
)

// generator draws scenarios from a small vocabulary, so that statements often apply.
type generator struct {
	*rand.Rand
	principals []authz.Principal
}

func newGenerator(t testing.TB, seed uint64) *generator {
	byName := readPrincipals(t, "../fixtures/authz/principals.json")
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 7))}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range byName {
			if !yield(name) {
				return
			}
		}
	}) {
		g.principals = append(g.principals, byName[name])
	}
	return g
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) scenario() scenario {
	s := scenario{
		principal: pick(g, g.principals...),
		action:    pick(g, "kms:Encrypt", "kms:Decrypt", "KMS:DESCRIBEKEY", "sts:AssumeRole"),
		resource:  pick(g, keyARN, "*", "arn:aws:kms:us-east-1:111122223333:alias/alice"),
		owner:     pick(g, account, account, "444455556666"),
		kind:      pick(g, authz.NoResourcePolicy, authz.KeyPolicy, authz.KeyPolicy, authz.OtherPolicy),
		policies:  map[string][]map[string]any{},
		keys:      map[string][]string{},
	}
	for _, key := range []string{"kms:EncryptionContext:a", "aws:TagKeys", "aws:PrincipalTag/team"} {
		if g.IntN(2) == 0 {
			s.keys[key] = pick(g, []string{"x"}, []string{"y"}, []string{"x", "y"}, []string{})
		}
	}
	for _, place := range places {
		absent := 1 // in 5
		if slices.Contains(limits, place) {
			absent = 4
		}
		if g.IntN(5) >= absent {
			for range 1 + g.IntN(4) {
				s.policies[place] = append(s.policies[place], g.statement(place))
			}
		}
	}
	return s
}

func withPrincipals(place string) bool { return place == "resource" || place == "rcp" }

func (g *generator) statement(place string) map[string]any {
	st := map[string]any{"Effect": pick(g, "Allow", "Allow", "Allow", "Allow", "Allow", "Allow", "Allow", "Deny")}
	st[pick(g, "Action", "Action", "Action", "NotAction")] = pick[any](g, "*", "*", "kms:*", "kms:Encrypt", []string{"kms:D*", "sts:*"})
	st[pick(g, "Resource", "Resource", "Resource", "NotResource")] = pick[any](g, "*", "*", "*", keyARN, "arn:aws:kms:*:*:key/*",
		"arn:aws:kms:us-east-1:111122223333:alias/${aws:username}", "arn:aws:kms:*:*:key/${aws:PrincipalTag/team, 'x'}")
	if withPrincipals(place) {
		st[pick(g, "Principal", "Principal", "Principal", "NotPrincipal")] = pick[any](g, "*",
			map[string]any{"AWS": account}, map[string]any{"AWS": "arn:aws:iam::444455556666:root"},
			map[string]any{"AWS": []string{"arn:aws:iam::111122223333:user/alice", account}},
			map[string]any{"AWS": "arn:aws:iam::111122223333:role/service/app", "Service": "events.amazonaws.com"},
			map[string]any{"AWS": "arn:aws:sts::111122223333:assumed-role/app/i-1"})
	}
	if g.IntN(3) == 0 {
		op := pick(g, "", "", "ForAllValues:", "ForAnyValue:") + pick(g, "StringEquals", "StringNotEquals", "StringLike") +
			pick(g, "", "IfExists")
		key := pick(g, "kms:EncryptionContext:a", "aws:TagKeys", "aws:username")
		st["Condition"] = map[string]any{op: map[string]any{key: pick[any](g, "x", "*", []string{"x", "y"}, "${aws:PrincipalTag/team}")}}
	}
	return st
}

func (s scenario) clone() scenario {
	policies := map[string][]map[string]any{}
	for place, list := range s.policies {
		policies[place] = slices.Clone(list)
	}
	s.policies = policies
	return s
}

func (s scenario) text(t testing.TB, place string) string {
	b, err := json.Marshal(map[string]any{"Version": authz.Version2012, "Statement": s.policies[place]})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// build parses the scenario's policies, each passed through change (which may be nil).
func (s scenario) build(t testing.TB, change func(*authz.Policy, authz.Kind) *authz.Policy) (authz.Request, authz.Policies) {
	t.Helper()
	get := func(place string) *authz.Policy {
		if s.policies[place] == nil {
			return nil
		}
		kind := authz.IdentityPolicy
		if withPrincipals(place) {
			kind = authz.ResourcePolicy
		}
		p := mustParse(t, s.text(t, place), kind).WithName(place)
		if change != nil {
			p = change(p, kind)
		}
		return p
	}
	with := authz.Policies{ResourceKind: s.kind, Resource: get("resource"), Boundary: get("boundary")}
	add := func(list *[]*authz.Policy, place string) {
		if p := get(place); p != nil {
			*list = append(*list, p)
		}
	}
	add(&with.Identity, "identity1")
	add(&with.Identity, "identity2")
	add(&with.Session, "session")
	for _, place := range []string{"scp1", "scp2"} {
		if p := get(place); p != nil {
			with.SCPs = append(with.SCPs, []*authz.Policy{p})
		}
	}
	if p := get("rcp"); p != nil {
		with.RCPs = [][]*authz.Policy{{p}}
	}
	return authz.Request{
		Principal: s.principal, Action: s.action, Resource: s.resource, ResourceAccount: s.owner, Keys: keysOf(s.keys),
	}, with
}

func (s scenario) decide(t testing.TB) authz.Decision {
	t.Helper()
	return authz.Decide(s.build(t, nil))
}

func (s scenario) String() string {
	b, _ := json.MarshalIndent(s.policies, "", " ")
	return fmt.Sprintf("%+v %s %s owner %s keys %v kind %d\n%s", s.principal, s.action, s.resource, s.owner, s.keys, s.kind, b)
}

// each runs a property over many scenarios, and makes sure that they are not all denied.
func each(t *testing.T, property func(t *testing.T, g *generator, s scenario)) {
	t.Helper()
	const rounds = 1500
	g := newGenerator(t, 1)
	allowed := 0
	for range rounds {
		s := g.scenario()
		if s.decide(t).Allowed {
			allowed++
		}
		if property(t, g, s); t.Failed() {
			t.Fatalf("scenario: %v", s)
		}
	}
	if allowed < rounds/50 || allowed > rounds*3/4 {
		t.Errorf("%d of %d scenarios are allowed: the generator is of no use", allowed, rounds)
	}
}

func TestAddingADenyNeverAllows(t *testing.T) {
	each(t, func(t *testing.T, g *generator, s scenario) {
		place := pick(g, places...)
		if s.policies[place] == nil {
			return // a new policy is another matter: it may be a new limit or a new resource policy
		}
		before, more := s.decide(t), s.clone()
		st := g.statement(place)
		st["Effect"] = "Deny"
		more.policies[place] = slices.Insert(more.policies[place], g.IntN(len(more.policies[place])+1), st)
		if !before.Allowed && more.decide(t).Allowed {
			t.Errorf("a deny in %s allows: %v", place, st)
		}
	})
}

func TestAddingAnAllowNeverDenies(t *testing.T) {
	each(t, func(t *testing.T, g *generator, s scenario) {
		place := pick(g, places...)
		if s.policies[place] == nil {
			return
		}
		before, more := s.decide(t), s.clone()
		st := g.statement(place)
		st["Effect"] = "Allow"
		more.policies[place] = append(more.policies[place], st)
		if before.Allowed && !more.decide(t).Allowed {
			t.Errorf("an allow in %s denies: %v", place, st)
		}
	})
}

func TestOrderNeverMatters(t *testing.T) {
	each(t, func(t *testing.T, g *generator, s scenario) {
		before, other := s.decide(t), s.clone()
		for _, list := range other.policies {
			g.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
		p := other.policies
		if p["identity1"] != nil && p["identity2"] != nil {
			p["identity1"], p["identity2"] = p["identity2"], p["identity1"]
		}
		if after := other.decide(t); shown(after) != shown(before) {
			t.Errorf("decision is %s, in another order %s: %v", shown(before), shown(after), other)
		}
	})
}

func TestALimitNeverWidens(t *testing.T) {
	each(t, func(t *testing.T, g *generator, s scenario) {
		place := pick(g, limits...)
		// A federated user has only what session policies pass on: there the first one gives.
		if place == "session" && s.principal.Type == authz.FederatedUser {
			return
		}
		without := s.clone()
		delete(without.policies, place)
		if with := s.decide(t); with.Allowed && !without.decide(t).Allowed {
			t.Errorf("%s widens", place)
		}
	})
}

func TestPrintedPolicyIsTheSame(t *testing.T) {
	each(t, func(t *testing.T, _ *generator, s scenario) {
		again := func(p *authz.Policy, kind authz.Kind) *authz.Policy {
			q := mustParse(t, p.String(), kind).WithName(p.Name())
			if q.String() != p.String() {
				t.Errorf("prints as %s, then as %s", p, q)
			}
			return q
		}
		r, with := s.build(t, again)
		if before, after := s.decide(t), authz.Decide(r, with); shown(before) != shown(after) {
			t.Errorf("decision is %s, of the printed policies %s", shown(before), shown(after))
		}
	})
}

func TestExplainAgreesWithDecide(t *testing.T) {
	each(t, func(t *testing.T, _ *generator, s scenario) {
		r, with := s.build(t, nil)
		d, all := authz.Explain(r, with)
		if d != authz.Decide(r, with) {
			t.Error("Explain decides otherwise than Decide")
		}
		for _, m := range d.Statements() {
			if !slices.Contains(all, m) {
				t.Errorf("the deciding statement %v does not apply", m)
			}
		}
		denies := slices.ContainsFunc(all, func(m authz.Match) bool { return m.Deny })
		if denies && d.Allowed {
			t.Error("allowed against a deny")
		}
		if explicit := d.Reason == authz.ExplicitDeny; explicit && !denies {
			t.Error("denied explicitly without a deny")
		}
	})
}

func TestForeignResourcesDoNotShow(t *testing.T) {
	each(t, func(t *testing.T, _ *generator, s scenario) {
		s.kind, s.owner = authz.KeyPolicy, "999999999999"
		r, with := s.build(t, nil)
		there := authz.Decide(r, with)
		with.Resource, with.RCPs = nil, nil
		missing := authz.Decide(r, with)
		if s.principal.Account != "" && !there.Allowed && there.Message(r) != missing.Message(r) {
			t.Errorf("message is %q, of a key that is not there %q", there.Message(r), missing.Message(r))
		}
		if !there.Allowed && strings.Contains(there.Message(r), "resource control") && s.principal.Account != "" {
			t.Error("message tells of the other account's policies")
		}
	})
}
