package authz_test

import (
	"fmt"
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

func encryptRequest() authz.Request {
	return authz.Request{Principal: alice(), Action: "kms:Encrypt", Resource: keyARN, ResourceAccount: account}
}

// usual is a key with the default policy and an administrator.
func usual(t testing.TB) authz.Policies {
	return authz.Policies{
		ResourceKind: authz.KeyPolicy,
		Resource:     mustParse(t, authz.DefaultKeyPolicy(account), authz.ResourcePolicy),
		Identity:     []*authz.Policy{mustParse(t, authz.AdministratorAccess, authz.IdentityPolicy)},
	}
}

// tenByTen is a principal with ten policies of ten statements, of which only the last allows.
func tenByTen(t testing.TB) authz.Policies {
	with := usual(t)
	with.Identity = nil
	services := []string{"kms", "kms", "s3", "sts", "iam"}
	names := []string{"Decrypt", "Generate*", "List*", "*Alias", "Describe*", "Get*", "TagResource", "Sign", "ReEncrypt*", "Create*"}
	for i := range 10 {
		text := ""
		for j := range 10 {
			action := services[(i+j)%len(services)] + ":" + names[j]
			if i == 9 && j == 9 {
				action = "kms:Encrypt"
			}
			if j > 0 {
				text += ","
			}
			text += fmt.Sprintf(`{"Sid":"S%d","Effect":"Allow","Action":["%s","%s:Tag*"],"Resource":"arn:aws:kms:*:111122223333:key/*"}`,
				j, action, services[(i+j+1)%len(services)])
		}
		p := mustParse(t, `{"Version":"2012-10-17","Statement":[`+text+`]}`, authz.IdentityPolicy)
		with.Identity = append(with.Identity, p)
	}
	return with
}

// conditional is a principal whose policy has conditions on the encryption context and the source address.
func conditional(t testing.TB) authz.Policies {
	with := usual(t)
	with.Identity = []*authz.Policy{mustParse(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*",
		"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:app":"${aws:username}"},
		"IpAddress":{"aws:SourceIp":["192.0.2.0/24","203.0.113.0/24"]},"Bool":{"aws:SecureTransport":"true"}}}}`,
		authz.IdentityPolicy)}
	return with
}

func conditionalRequest() authz.Request {
	r := encryptRequest()
	values := map[string][]string{
		"kms:encryptioncontext:app": {"alice"}, "aws:sourceip": {"203.0.113.9"}, "aws:securetransport": {"true"},
	}
	r.Keys = authz.KeyFunc(func(key string) ([]string, bool) { v, ok := values[key]; return v, ok })
	return r
}

func TestAllowedCallDoesNotAllocate(t *testing.T) {
	long := encryptRequest()
	long.Action = "kms:GenerateDataKeyPairWithoutPlaintext"
	for name, c := range map[string]struct {
		request authz.Request
		with    authz.Policies
	}{
		"usual":       {encryptRequest(), usual(t)},
		"long action": {long, usual(t)},
		"ten by ten":  {encryptRequest(), tenByTen(t)},
		"conditions":  {conditionalRequest(), conditional(t)},
	} {
		t.Run(name, func(t *testing.T) {
			if d := authz.Decide(c.request, c.with); !d.Allowed || d.Reason != authz.IdentityAllow {
				t.Fatalf("decision is %+v, want an allow by identity", d)
			}
			if n := testing.AllocsPerRun(100, func() { authz.Decide(c.request, c.with) }); n != 0 {
				t.Errorf("Decide allocates %v times", n)
			}
		})
	}
}

func TestZeroDecisionDenies(t *testing.T) {
	var d authz.Decision
	if d.Allowed || d.Reason != authz.ImplicitDeny || len(d.Statements()) != 0 {
		t.Errorf("the zero Decision is %+v", d)
	}
}

// TestKeysAreNotAskedForInVain: a call that no condition applies to pays for none.
func TestKeysAreNotAskedForInVain(t *testing.T) {
	with := usual(t)
	with.Identity = append(with.Identity, mustParse(t, `{"Statement":{"Effect":"Deny","Action":"kms:Decrypt","Resource":"*",
		"Condition":{"Bool":{"aws:SecureTransport":"false"}}}}`, authz.IdentityPolicy))
	r := encryptRequest()
	r.Keys = authz.KeyFunc(func(key string) ([]string, bool) {
		t.Errorf("asked for %s", key)
		return nil, false
	})
	if d := authz.Decide(r, with); !d.Allowed {
		t.Errorf("decision is %+v", d)
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, c := range []struct {
		name    string
		request authz.Request
		with    authz.Policies
	}{
		{"Usual", encryptRequest(), usual(b)},
		{"TenByTen", encryptRequest(), tenByTen(b)},
		{"Conditions", conditionalRequest(), conditional(b)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !authz.Decide(c.request, c.with).Allowed {
					b.Fatal("denied")
				}
			}
		})
	}
}

func BenchmarkParseDefaultKeyPolicy(b *testing.B) {
	text := authz.DefaultKeyPolicy(account)
	b.ReportAllocs()
	for b.Loop() {
		mustParse(b, text, authz.ResourcePolicy)
	}
}

func TestMessageOfACiphertextsKey(t *testing.T) {
	r := encryptRequest()
	r.Action, r.ResourceAccount, r.FromCiphertext = "kms:Decrypt", "444455556666", true
	with := usual(t)
	with.Resource = nil
	const want = "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: kms:Decrypt on the resource " +
		"associated with this ciphertext because the resource does not exist in this Region, no resource-based policies " +
		"allow access, or a resource-based policy explicitly denies access"
	if got := authz.Decide(r, with).Message(r); got != want {
		t.Errorf("message is %q, want %q", got, want)
	}
}
