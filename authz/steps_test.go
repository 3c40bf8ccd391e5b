package authz

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHostilePolicyIsBounded has key policies of the allowed size and requests made for them, each of which would take
// minutes. A decision that is given up denies, whatever its statements were going to say.
func TestHostilePolicyIsBounded(t *testing.T) {
	const me = "arn:aws:iam::111122223333:user/mallory"
	many := make([]string, 500)
	for i := range many {
		many[i] = fmt.Sprintf(`"*${kms:EncryptionContext:y}b%d"`, i)
	}
	for name, condition := range map[string]string{
		"wildcards": `{"StringLike":{"aws:UserAgent":"*` + strings.Repeat("?", 30_000) + `b"}}`,
		"variables": `{"StringLike":{"aws:UserAgent":[` + strings.Join(many, ",") + `]}}`,
	} {
		for _, effect := range []string{"Allow", "Deny"} {
			text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + me + `"},"Action":"kms:Put*","Resource":"*"},` +
				`{"Effect":"` + effect + `","Principal":{"AWS":"` + me + `"},"Action":"kms:*","Resource":"*","Condition":` + condition + `}]}`
			p, err := Parse(text, ResourcePolicy)
			if err != nil {
				t.Fatal(err)
			}
			value := []string{strings.Repeat("a", 1_000_000)}
			keys := KeyFunc(func(key string) ([]string, bool) {
				if key == "kms:encryptioncontext:y" {
					return []string{"a"}, true
				}
				return value, true
			})
			r := Request{Principal: Principal{Type: User, Account: "111122223333", ARN: me, Name: "mallory"}, Action: "kms:Encrypt",
				Resource: "arn:aws:kms:eu-central-1:111122223333:key/k", ResourceAccount: "111122223333", Keys: keys}
			start := time.Now()
			if d := Decide(r, Policies{ResourceKind: KeyPolicy, Resource: p}); d.Allowed {
				t.Errorf("%s, %s: allowed", name, effect)
			}
			if effect == "Deny" && AllowsPolicyChange(p, r.Principal, r.Resource, keys) {
				t.Errorf("%s: passes the lock-out check, though nobody can tell", name)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("%s, %s: took %v", name, effect, d)
			}
		}
	}
}

// TestStepsAreEnough for ten policies as large as can be, of patterns that people write.
func TestStepsAreEnough(t *testing.T) {
	var statements strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&statements, `{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:*:111122223333:key/*-%d-*"},`, i)
	}
	p, err := Parse(`{"Version":"2012-10-17","Statement":[`+statements.String()+`{"Effect":"Allow","Action":"*","Resource":"*"}]}`, IdentityPolicy)
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Principal: Principal{Type: User, Account: "111122223333", Name: "alice"}, Action: "kms:Encrypt",
		Resource: "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789abc", ResourceAccount: "111122223333"}
	if d := Decide(r, Policies{Identity: slices.Repeat([]*Policy{p}, 10)}); !d.Allowed {
		t.Errorf("%+v", d)
	}
}
