package access

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ostiary.dev/authz"
	"ostiary.dev/state"
)

const (
	here  = "111122223333"
	there = "444455556666"
	arn   = "arn:aws:kms:eu-central-1:" + here + ":key/12345678-1234-1234-1234-123456789012"
)

const (
	allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	denyAny  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
)

// keyPolicy lets principals in: "*", or accounts.
func keyPolicy(principals ...string) *state.Document {
	statements := ""
	for i, p := range principals {
		if i > 0 {
			statements += ","
		}
		if p != "*" {
			p = "arn:aws:iam::" + p + ":root"
		}
		statements += `{"Effect":"Allow","Principal":{"AWS":"` + p + `"},"Action":"kms:*","Resource":"*"}`
	}
	return state.NewDocument(`{"Version":"2012-10-17","Statement":[` + statements + `]}`)
}

// users makes a state with a user of each of the two accounts, named alice, with these policies.
func users(t *testing.T, policies ...string) *state.View {
	t.Helper()
	s := state.New()
	commands := []state.Command{state.Bootstrap{Cluster: state.Cluster{ID: "test", Regions: []string{"eu-central-1"}, Created: 1,
		HostRoot: []byte{1}, SealingKey: []byte{1}, CA: []byte{1}, CACertificate: []byte{1}, DomainKey: 1}}}
	for _, account := range []string{here, there} {
		u := state.User{Account: account, Name: "alice", Path: "/", ID: "AIDAALICE", Created: 1}
		for i, p := range policies {
			u.Policies = append(u.Policies, state.InlinePolicy{Name: fmt.Sprint("p", i), Document: state.NewDocument(p)})
		}
		commands = append(commands, state.PutAccount{Account: state.Account{ID: account, Created: 1}}, state.PutUser{User: u})
	}
	for i, c := range commands {
		data, err := state.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(uint64(i+1), data).Err; err != nil {
			t.Fatal(err)
		}
	}
	return s.View()
}

func callOf(v *state.View, account string) *Call {
	return &Call{View: v, Region: "eu-central-1", Time: time.Unix(1, 0), Principal: authz.Principal{Type: authz.User, Account: account,
		ARN: "arn:aws:iam::" + account + ":user/alice", UserID: "AIDAALICE", Name: "alice"}}
}

func needOn(policy *state.Document) Need {
	n := Need{Action: "kms:Encrypt", Resource: arn, Owner: here}
	if policy != nil {
		n.Key = &state.Key{Ref: state.KeyRef{Account: here, Region: "eu-central-1", ID: "k"}, Policy: policy}
	}
	return n
}

func TestDecide(t *testing.T) {
	onNothing := Need{Action: "kms:ListKeys", Resource: "*", Owner: here}
	own := needOn(keyPolicy("*", here, there))
	own.OwnOnly = true
	for name, test := range map[string]struct {
		account  string
		policies []string
		need     Need
		want     string // the reason; "" for denied
	}{
		"by identity policy":                     {here, []string{allowAll}, needOn(keyPolicy(here)), "allowed by identity policy"},
		"key policy alone delegates":             {here, nil, needOn(keyPolicy(here)), ""},
		"key policy alone admits all":            {here, nil, needOn(keyPolicy("*")), "allowed by key policy"},
		"key policy lets nobody of the account":  {here, []string{allowAll}, needOn(keyPolicy(there)), ""},
		"denied by identity policy":              {here, []string{allowAll, denyAny}, needOn(keyPolicy("*")), ""},
		"stranger with both":                     {there, []string{allowAll}, needOn(keyPolicy(here, there)), "allowed by key policy and identity policy"},
		"stranger without own policy":            {there, nil, needOn(keyPolicy(there)), ""},
		"stranger let in as anybody, own policy": {there, []string{allowAll}, needOn(keyPolicy("*")), "allowed by key policy and identity policy"},
		"stranger let in as anybody":             {there, nil, needOn(keyPolicy("*")), ""},
		"stranger not let in":                    {there, []string{allowAll}, needOn(keyPolicy(here)), ""},
		"stranger, own denial":                   {there, []string{allowAll, denyAny}, needOn(keyPolicy(there)), ""},
		"stranger, no such key":                  {there, []string{allowAll}, needOn(nil), ""},
		"stranger, operation for owners":         {there, []string{allowAll}, own, ""},
		"owner, operation for owners":            {here, []string{allowAll}, own, "allowed by key policy"},
		"no resource":                            {here, []string{allowAll}, onNothing, "allowed by identity policy"},
		"no resource, no policy":                 {here, nil, onNothing, ""},
		"policy that does not parse":             {here, []string{allowAll, `{"Statement":`}, onNothing, ""},
		"only such a policy":                     {here, []string{"x"}, needOn(keyPolicy("*")), ""},
		"key policy that does not parse":         {here, []string{allowAll}, needOn(state.NewDocument(`{`)), ""},
		"identity policy in its place":           {here, []string{allowAll}, needOn(state.NewDocument(allowAll)), ""},
	} {
		g, err := Decide(callOf(users(t, test.policies...), test.account), []Need{test.need})
		var denied *Error
		switch {
		case test.want == "" && (g != nil || !errors.As(err, &denied) || denied.Code != "AccessDeniedException" || denied.Message == "" || denied.Reason == ""):
			t.Errorf("%s: %v, %v", name, g, err)
		case test.want != "" && (err != nil || g.Reason() != test.want):
			t.Errorf("%s: %v, %v", name, g, err)
		}
	}
}

// TestEveryNeed: one that is not met is enough for a denial, wherever it stands, and the grant has all keys in order.
func TestEveryNeed(t *testing.T) {
	met, other, unmet := needOn(keyPolicy("*")), needOn(keyPolicy("*")), needOn(keyPolicy(there))
	c := callOf(users(t), here)
	for _, needs := range [][]Need{{unmet}, {met, unmet}, {unmet, met}, {met, met, unmet}} {
		if g, err := Decide(c, needs); g != nil || err == nil {
			t.Errorf("%v, %v", g, err)
		}
	}
	g, err := Decide(c, []Need{met, other, {Action: "kms:CreateAlias", Resource: "x", Owner: here}})
	if err == nil {
		t.Fatalf("the third was granted: %v", g)
	}
	if g, err = Decide(c, []Need{met, other}); err != nil || g.Key() != met.Key || g.SecondKey() != other.Key || g.Call() != c {
		t.Errorf("%v, %v", g, err)
	}
	g.Record("made")
	var arns, accounts []string
	for arn, account := range g.Resources {
		arns, accounts = append(arns, arn), append(accounts, account)
	}
	if !slices.Equal(arns, []string{arn, arn, "made"}) || !slices.Equal(accounts, []string{here, here, here}) {
		t.Errorf("%v of %v", arns, accounts)
	}
	for range g.Resources {
		break // must not go on
	}
}

func TestNoNeeds(t *testing.T) {
	g, err := Decide(callOf(users(t, denyAny), here), nil)
	if err != nil || g.Reason() != "no permission needed" {
		t.Errorf("%v, %v", g, err)
	}
	for range g.Resources {
		t.Error("touched a resource")
	}
}

// TestOnlyUsersHavePolicies: a principal of another type does not take over those of a user of its name.
func TestOnlyUsersHavePolicies(t *testing.T) {
	for _, kind := range []authz.PrincipalType{authz.Anonymous, authz.AssumedRole, authz.FederatedUser, authz.Service} {
		c := callOf(users(t, allowAll), here)
		c.Principal.Type = kind
		if g, err := Decide(c, []Need{needOn(keyPolicy(here))}); g != nil || err == nil {
			t.Errorf("type %d: %v", kind, g)
		}
	}
	c := callOf(users(t, allowAll), here)
	c.Principal.Name = "gone"
	if g, err := Decide(c, []Need{needOn(keyPolicy(here))}); g != nil || err == nil {
		t.Errorf("a user that is not there: %v", g)
	}
}

// TestStrangersHear what does not depend on the key: not its existence, its state, its policy or its condition keys.
func TestStrangersHear(t *testing.T) {
	secret := authz.KeyFunc(func(name string) ([]string, bool) { return []string{"hr"}, name == "aws:resourcetag/dept" })
	for name, policy := range map[string]string{
		"everything":    allowAll,
		"nothing":       denyAny,
		"if tagged":     `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/dept":"hr"}}}]}`,
		"unless tagged": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/dept":"hr"}}}]}`,
		"by its ARN":    `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"` + arn + `"}]}`,
	} {
		c := callOf(users(t, policy), there)
		heard := map[string]bool{}
		for _, key := range []*state.Document{nil, keyPolicy(here), state.NewDocument(`{`),
			state.NewDocument(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`)} {
			for _, ownOnly := range []bool{false, true} {
				n := needOn(key)
				n.OwnOnly, n.Stranger.Resource = ownOnly, "arn:aws:kms:eu-central-1:"+here+":alias/a"
				if key == nil {
					n.Resource = n.Stranger.Resource
				} else {
					n.Facts = secret
				}
				_, err := Decide(c, []Need{n})
				heard[err.Error()] = true
			}
		}
		if len(heard) != 1 {
			t.Errorf("%s: %v", name, heard)
		}
		n := needOn(keyPolicy(here))
		n.Stranger.Hide = "hidden"
		var e *Error
		if _, err := Decide(c, []Need{n}); !errors.As(err, &e) || e.Message != "hidden" {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Decide(callOf(users(t), here), []Need{n}); !errors.As(err, &e) || e.Message == "hidden" {
			t.Errorf("hidden from the owner: %v", err)
		}
	}
}

func TestGlobalKeys(t *testing.T) {
	c := &Call{Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)), Region: "eu-central-1"}
	empty := keys{call: c}
	full := keys{&Call{Time: c.Time, Region: c.Region, SourceIP: netip.MustParseAddr("2001:db8::1"), UserAgent: "agent", Referer: "page"},
		authz.KeyFunc(func(name string) ([]string, bool) { return []string{"of the service"}, name == "kms:x" })}
	for name, want := range map[string][2]string{
		"aws:currenttime":     {"2026-01-02T02:04:05Z", "2026-01-02T02:04:05Z"},
		"aws:epochtime":       {"1767319445", "1767319445"},
		"aws:requestedregion": {"eu-central-1", "eu-central-1"},
		"aws:securetransport": {"true", "true"},
		"aws:viaawsservice":   {"false", "false"},
		"aws:sourceip":        {"", "2001:db8::1"},
		"aws:useragent":       {"", "agent"},
		"aws:referer":         {"", "page"},
		"aws:other":           {"", ""},
		"kms:x":               {"", "of the service"},
	} {
		for i, k := range []keys{empty, full} {
			got, ok := k.Lookup(name)
			if ok != (want[i] != "") || ok && (len(got) != 1 || got[0] != want[i]) {
				t.Errorf("%s: %v, %v", name, got, ok)
			}
		}
	}
}

func TestCheckKeyPolicy(t *testing.T) {
	c := callOf(users(t), here)
	if err := CheckKeyPolicy(c, arn, nil, keyPolicy(here).Text, false); err != nil {
		t.Error(err)
	}
	if err := CheckKeyPolicy(c, arn, nil, keyPolicy(there).Text, false); err != ErrLockout {
		t.Error(err)
	}
	if err := CheckKeyPolicy(c, arn, nil, keyPolicy(there).Text, true); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "{}", allowAll, `{"Version":"2012-10-17","Statement":[]}`} {
		if err := CheckKeyPolicy(c, arn, nil, text, true); err == nil || err == ErrLockout {
			t.Errorf("%s: %v", text, err)
		}
	}
	unknown := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"Bool":{"kms:Unknown":"true"}}}]}`
	if err := CheckKeyPolicy(c, arn, nil, unknown, true); err == nil || err.Error() != "Condition key kms:Unknown is not supported." {
		t.Error(err)
	}
}
