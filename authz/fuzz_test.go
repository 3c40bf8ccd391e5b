package authz_test

import (
	"strings"
	"testing"

	"ostiary.dev/authz"
)

func addDocuments(f *testing.F, add func(text string)) {
	for _, file := range readCorpus(f) {
		for _, text := range file.Policies {
			add(string(text))
		}
	}
	add(authz.DefaultKeyPolicy(account))
	add(authz.AdministratorAccess)
}

// FuzzParse checks that whatever is accepted prints as a document that means and prints the same.
func FuzzParse(f *testing.F) {
	addDocuments(f, func(text string) { f.Add(text, byte(1)); f.Add(text, byte(2)); f.Add(text, byte(3)) })
	f.Fuzz(func(t *testing.T, text string, kind byte) {
		k := authz.Kind(kind%3 + 1)
		p, err := authz.Parse(text, k)
		if err != nil {
			refused, ok := err.(*authz.Error)
			if !ok || p != nil || refused.Line < 1 || refused.Column < 1 || refused.Offset > len(text) {
				t.Fatalf("refusal %#v", err)
			}
			return
		}
		q, err := authz.Parse(p.String(), k)
		if err != nil {
			t.Fatalf("%s prints as %s: %v", text, p, err)
		}
		if q.String() != p.String() {
			t.Fatalf("prints as %s, then as %s", p, q)
		}
	})
}

// FuzzDecide checks that no request gets past a deny of everything, and that nothing is allowed without a statement.
func FuzzDecide(f *testing.F) {
	addDocuments(f, func(text string) { f.Add(text, "kms:Encrypt", keyARN, "alice", "10") })
	denyAll, err := authz.Parse(`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`, authz.IdentityPolicy)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, action, resource, name, value string) {
		who := alice()
		who.Name = name
		r := authz.Request{Principal: who, Action: action, Resource: resource, ResourceAccount: account,
			Keys: authz.KeyFunc(func(key string) ([]string, bool) {
				if key != strings.ToLower(key) {
					t.Fatalf("lookup of %q", key)
				}
				return []string{value}, len(key)%2 == 0
			})}
		with := authz.Policies{ResourceKind: authz.KeyPolicy}
		if p, err := authz.Parse(text, authz.ResourcePolicy); err == nil {
			with.Resource = p
		} else if p, err := authz.Parse(text, authz.IdentityPolicy); err == nil {
			with.Identity = []*authz.Policy{p}
			with.ResourceKind = authz.NoResourcePolicy
		} else {
			return
		}
		d, all := authz.Explain(r, with)
		if d.Allowed && len(d.Statements()) == 0 || d.Allowed != (d.Message(r) == "") || len(all) < len(d.Statements()) {
			t.Fatalf("decision %+v by %v of %v", d, d.Statements(), all)
		}
		with.Identity = append(with.Identity, denyAll)
		if d := authz.Decide(r, with); d.Allowed || d.Reason != authz.ExplicitDeny {
			t.Fatalf("decision is %+v against a deny of everything", d)
		}
	})
}
