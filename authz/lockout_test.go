package authz_test

import (
	"testing"

	"ostiary.dev/authz"
)

// TestAllowsPolicyChange is AWS's lockout safety check of CreateKey and PutKeyPolicy.
func TestAllowsPolicyChange(t *testing.T) {
	const head, tail = `{"Version":"2012-10-17","Statement":[`, `]}`
	root := authz.Principal{Type: authz.Root, Account: account, ARN: "arn:aws:iam::111122223333:root", UserID: account}
	carol := authz.Principal{Type: authz.User, Account: "444455556666", ARN: "arn:aws:iam::444455556666:user/carol", Name: "carol"}
	for name, c := range map[string]struct {
		policy    string
		principal authz.Principal
		want      bool
	}{
		"default policy, user":   {authz.DefaultKeyPolicy(account), alice(), true},
		"default policy, root":   {authz.DefaultKeyPolicy(account), root, true},
		"default policy, others": {authz.DefaultKeyPolicy(account), carol, false},
		"names the caller": {head + `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},
			"Action":"kms:PutKeyPolicy","Resource":"*"}` + tail, alice(), true},
		"names another": {head + `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/bob"},
			"Action":"kms:*","Resource":"*"}` + tail, alice(), false},
		"names the caller, not the root": {head + `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},
			"Action":"kms:*","Resource":"*"}` + tail, root, false},
		"without PutKeyPolicy": {head + `{"Effect":"Allow","Principal":{"AWS":"111122223333"},
			"Action":"kms:Encrypt","Resource":"*"}` + tail, alice(), false},
		"for another key": {head + `{"Effect":"Allow","Principal":{"AWS":"111122223333"},
			"Action":"kms:*","Resource":"arn:aws:kms:us-east-1:111122223333:key/other"}` + tail, alice(), false},
		"denied": {head + `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"},
			{"Effect":"Deny","Principal":"*","Action":"kms:Put*","Resource":"*"}` + tail, alice(), false},
		"under a condition that does not hold": {head + `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*",
			"Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}` + tail, alice(), false},
		"under a condition that holds": {head + `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*",
			"Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":"111122223333"}}}` + tail, alice(), true},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustParse(t, c.policy, authz.ResourcePolicy)
			if got := authz.AllowsPolicyChange(p, c.principal, keyARN, nil); got != c.want {
				t.Errorf("AllowsPolicyChange is %v, want %v", got, c.want)
			}
		})
	}
}
