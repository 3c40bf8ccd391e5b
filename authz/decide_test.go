package authz_test

import (
	"testing"

	"ostiary.dev/authz"
)

const (
	account = "111122223333"
	keyARN  = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

func mustParse(t testing.TB, text string, kind authz.Kind) *authz.Policy {
	t.Helper()
	p, err := authz.Parse(text, kind)
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return p
}

func alice() authz.Principal {
	return authz.Principal{
		Type: authz.User, Account: account, ARN: "arn:aws:iam::111122223333:user/alice",
		UserID: "AIDAIOSFODNN7EXAMPLE", Name: "alice",
	}
}

func TestUsualCallDoesNotAllocate(t *testing.T) {
	with := authz.Policies{
		ResourceKind: authz.KeyPolicy,
		Resource:     mustParse(t, authz.DefaultKeyPolicy(account), authz.ResourcePolicy),
		Identity:     []*authz.Policy{mustParse(t, authz.AdministratorAccess, authz.IdentityPolicy)},
	}
	r := authz.Request{Principal: alice(), Action: "kms:GenerateDataKeyWithoutPlaintext", Resource: keyARN, ResourceAccount: account}
	if d := authz.Decide(r, with); !d.Allowed || d.Reason != authz.IdentityAllow {
		t.Fatalf("Decide = %+v, want an allow by identity", d)
	}
	if n := testing.AllocsPerRun(100, func() { authz.Decide(r, with) }); n != 0 {
		t.Errorf("Decide allocates %v times", n)
	}
}

func BenchmarkUsualCall(b *testing.B) {
	with := authz.Policies{
		ResourceKind: authz.KeyPolicy,
		Resource:     mustParse(b, authz.DefaultKeyPolicy(account), authz.ResourcePolicy),
		Identity:     []*authz.Policy{mustParse(b, authz.AdministratorAccess, authz.IdentityPolicy)},
	}
	r := authz.Request{Principal: alice(), Action: "kms:Encrypt", Resource: keyARN, ResourceAccount: account}
	b.ReportAllocs()
	for b.Loop() {
		if !authz.Decide(r, with).Allowed {
			b.Fatal("denied")
		}
	}
}
