package authz_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"ostiary.dev/authz"
)

// corpus is one file of fixtures/authz: named policies, and requests with the decision expected of them.
type corpus struct {
	About    string                     `json:"about"`
	Policies map[string]json.RawMessage `json:"policies"`
	Cases    []corpusCase               `json:"cases"`
}

type corpusCase struct {
	Name      string              `json:"name"`
	Principal string              `json:"principal"` // a name of principals.json
	Action    string              `json:"action"`
	Resource  string              `json:"resource"`
	Owner     string              `json:"owner"`
	Kind      string              `json:"kind"`   // none, key, trust or other
	Policy    string              `json:"policy"` // of the resource
	Identity  []string            `json:"identity"`
	Boundary  string              `json:"boundary"`
	Session   []string            `json:"session"`
	SCPs      [][]string          `json:"scps"`
	RCPs      [][]string          `json:"rcps"`
	Keys      map[string][]string `json:"keys"`
	Want      string              `json:"want"`    // a Reason; for a denial then its source
	By        []string            `json:"by"`      // the statements, as policy#sid or policy#index; absent: not compared
	Message   string              `json:"message"` // "": not compared
}

func readStrict(t testing.TB, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// corpusFile is a corpus with what its cases refer to.
type corpusFile struct {
	corpus
	principals map[string]authz.Principal
}

func readCorpus(t testing.TB) map[string]corpusFile {
	t.Helper()
	dir := filepath.Join("..", "fixtures", "authz")
	principals := readPrincipals(t, filepath.Join(dir, "principals.json"))
	files := map[string]corpusFile{}
	for _, name := range []string{"key_policy", "identity_policy", "conditions", "limits", "not_principal", "trust_policy"} {
		f := corpusFile{principals: principals}
		readStrict(t, filepath.Join(dir, name+".json"), &f.corpus)
		files[name] = f
	}
	return files
}

func readPrincipals(t testing.TB, path string) map[string]authz.Principal {
	t.Helper()
	var raw map[string]struct{ Type, Account, ARN, UserID, Name, SessionOf string }
	readStrict(t, path, &raw)
	types := map[string]authz.PrincipalType{
		"Root": authz.Root, "User": authz.User, "AssumedRole": authz.AssumedRole, "FederatedUser": authz.FederatedUser,
		"Federated": authz.Federated, "Service": authz.Service, "Anonymous": authz.Anonymous,
	}
	principals := map[string]authz.Principal{}
	for name, p := range raw {
		kind, ok := types[p.Type]
		if !ok {
			t.Fatalf("principal %s has the unknown type %q", name, p.Type)
		}
		principals[name] = authz.Principal{
			Type: kind, Account: p.Account, ARN: p.ARN, UserID: p.UserID, Name: p.Name, SessionOf: p.SessionOf,
		}
	}
	return principals
}

var resourceKinds = map[string]authz.ResourceKind{
	"none": authz.NoResourcePolicy, "key": authz.KeyPolicy, "trust": authz.RoleTrust, "other": authz.OtherPolicy,
}

func (f corpusFile) policy(t testing.TB, name string, kind authz.Kind) *authz.Policy {
	t.Helper()
	text, ok := f.Policies[name]
	if !ok {
		t.Fatalf("no policy %q", name)
	}
	return mustParse(t, string(text), kind).WithName(name)
}

func (f corpusFile) list(t testing.TB, names []string, kind authz.Kind) []*authz.Policy {
	t.Helper()
	var list []*authz.Policy
	for _, name := range names {
		list = append(list, f.policy(t, name, kind))
	}
	return list
}

// build makes a case's request and policies.
func (f corpusFile) build(t testing.TB, c corpusCase) (authz.Request, authz.Policies) {
	t.Helper()
	who, known := f.principals[c.Principal]
	kind, ok := resourceKinds[c.Kind]
	if !known || !ok {
		t.Fatalf("unknown principal %q or kind %q", c.Principal, c.Kind)
	}
	with := authz.Policies{
		ResourceKind: kind,
		Identity:     f.list(t, c.Identity, authz.IdentityPolicy),
		Session:      f.list(t, c.Session, authz.IdentityPolicy),
	}
	switch {
	case c.Policy != "" && kind == authz.RoleTrust:
		with.Resource = f.policy(t, c.Policy, authz.TrustPolicy)
	case c.Policy != "":
		with.Resource = f.policy(t, c.Policy, authz.ResourcePolicy)
	}
	if c.Boundary != "" {
		with.Boundary = f.policy(t, c.Boundary, authz.IdentityPolicy)
	}
	for _, level := range c.SCPs {
		with.SCPs = append(with.SCPs, f.list(t, level, authz.IdentityPolicy))
	}
	for _, level := range c.RCPs {
		with.RCPs = append(with.RCPs, f.list(t, level, authz.ResourcePolicy))
	}
	return authz.Request{
		Principal: who, Action: c.Action, Resource: c.Resource, ResourceAccount: c.Owner, Keys: keysOf(c.Keys),
	}, with
}

// keysOf answers keys in any case, as ContextKeys must.
func keysOf(keys map[string][]string) authz.ContextKeys {
	lower := map[string][]string{}
	for k, v := range keys {
		lower[strings.ToLower(k)] = v
	}
	return authz.KeyFunc(func(key string) ([]string, bool) {
		v, ok := lower[key]
		return v, ok
	})
}

func shown(d authz.Decision) string {
	if d.Allowed {
		return d.Reason.String()
	}
	return d.Reason.String() + " " + d.Source.String()
}

func shownStatements(matches []authz.Match) []string {
	list := []string{}
	for _, m := range matches {
		id := m.Sid
		if id == "" {
			id = fmt.Sprint(m.Index)
		}
		list = append(list, m.Policy+"#"+id)
	}
	return list
}

func TestCorpus(t *testing.T) {
	total := 0
	for name, f := range readCorpus(t) {
		total += len(f.Cases)
		for _, c := range f.Cases {
			t.Run(name+"/"+c.Name, func(t *testing.T) {
				r, with := f.build(t, c)
				d := authz.Decide(r, with)
				if got := shown(d); got != c.Want {
					t.Errorf("decision is %s, want %s", got, c.Want)
				}
				if c.By != nil {
					if diff := cmp.Diff(c.By, shownStatements(d.Statements())); diff != "" {
						t.Errorf("statements (-want +got):\n%s", diff)
					}
				}
				if got := d.Message(r); c.Message != "" && got != c.Message || d.Allowed != (got == "") {
					t.Errorf("message is %q, want %q", got, c.Message)
				}
			})
		}
	}
	if total < 150 {
		t.Errorf("the corpus has %d cases, want at least 150", total)
	}
}
