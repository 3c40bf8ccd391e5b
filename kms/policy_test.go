package kms

import (
	"strings"
	"testing"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
)

func (w *world) putPolicy(c *access.Call, id, policy string, bypass *bool) error {
	in := &kmsapi.PutKeyPolicyRequest{KeyId: &id, Policy: &policy, BypassPolicyLockoutSafetyCheck: bypass}
	return second(invoke(c, w.NeedsPutKeyPolicy, silent(w.PutKeyPolicy), in))
}

// TestPolicyLockout: a policy must let its author put another, unless the author insists.
func TestPolicyLockout(t *testing.T) {
	statement := func(effect, principal, action, condition string) string {
		if condition != "" {
			condition = `,"Condition":` + condition
		}
		return `{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"` + action + `","Resource":"*"` + condition + `}`
	}
	policy := func(statements ...string) string {
		return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	}
	me, root, everybody := `{"AWS":"arn:aws:iam::`+here+`:user/admin"}`, `{"AWS":"arn:aws:iam::`+here+`:root"}`, `"*"`
	for name, test := range map[string]struct {
		policy string
		safe   bool
	}{
		"author":                 {policy(statement("Allow", me, "kms:PutKeyPolicy", "")), true},
		"account":                {policy(statement("Allow", root, "kms:*", "")), true},
		"everybody":              {policy(statement("Allow", everybody, "kms:Put*", "")), true},
		"other action":           {policy(statement("Allow", me, "kms:GetKeyPolicy", "")), false},
		"other account":          {policy(statement("Allow", `{"AWS":"arn:aws:iam::`+there+`:root"}`, "kms:*", "")), false},
		"other user":             {policy(statement("Allow", `{"AWS":"arn:aws:iam::`+here+`:user/bob"}`, "kms:*", "")), false},
		"denied":                 {policy(statement("Allow", root, "kms:*", ""), statement("Deny", me, "kms:PutKeyPolicy", "")), false},
		"condition met":          {policy(statement("Allow", everybody, "kms:*", `{"StringEquals":{"kms:CallerAccount":"`+here+`"}}`)), true},
		"condition not met":      {policy(statement("Allow", everybody, "kms:*", `{"StringEquals":{"kms:CallerAccount":"`+there+`"}}`)), false},
		"condition on the key":   {policy(statement("Allow", root, "kms:*", `{"StringEquals":{"kms:KeyUsage":"ENCRYPT_DECRYPT"}}`)), true},
		"condition on its tags":  {policy(statement("Allow", root, "kms:*", `{"StringEquals":{"aws:ResourceTag/k":"v"}}`)), true},
		"condition on a context": {policy(statement("Allow", root, "kms:*", `{"StringEquals":{"kms:EncryptionContext:a":"b"}}`)), false},
	} {
		for _, bypass := range []*bool{nil, ptr(false), ptr(true)} {
			want := "ok"
			if !test.safe && (bypass == nil || !*bypass) {
				want = "MalformedPolicyDocumentException: The new key policy will not allow you to update the key policy in the future."
			}
			w := newWorld(t, memoryConfig)
			k := w.key(func(in *kmsapi.CreateKeyRequest) { in.Tags = tagsOf("k", "v") })
			if got := text(w.putPolicy(w.admin(), k.Ref.ID, test.policy, bypass)); got != want {
				t.Errorf("%s: %s\nwant %s", name, got, want)
			}
			if changed := w.fresh(k).Policy.Text == test.policy; changed != (want == "ok") {
				t.Errorf("%s: policy is now %s", name, w.fresh(k).Policy.Text)
			}
			in := &kmsapi.CreateKeyRequest{Policy: &test.policy, BypassPolicyLockoutSafetyCheck: bypass, Tags: tagsOf("k", "v")}
			if got := text(second(invoke(w.admin(), w.NeedsCreateKey, w.CreateKey, in))); got != want {
				t.Errorf("CreateKey, %s: %s\nwant %s", name, got, want)
			}
		}
	}
}

// TestBypassIsNoPermission: the flag skips a check; it allows nothing.
func TestBypassIsNoPermission(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.key()
	if got := code(w.putPolicy(w.call(here, "nobody", home), k.Ref.ID, openPolicy, ptr(true))); got != "AccessDeniedException" {
		t.Error(got)
	}
	if got := code(w.putPolicy(w.admin(), k.Ref.ID, "{", ptr(true))); got != "MalformedPolicyDocumentException" {
		t.Error(got)
	}
}

func TestPolicySizeAndName(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.key()
	longest := openPolicy + strings.Repeat(" ", maxPolicy-len(openPolicy))
	if err := w.putPolicy(w.admin(), k.Ref.ID, longest, nil); err != nil {
		t.Error(err)
	}
	if got := code(w.putPolicy(w.admin(), k.Ref.ID, longest+" ", nil)); got != "LimitExceededException" {
		t.Error(got)
	}
	get := func(name *string) (*kmsapi.GetKeyPolicyResponse, error) {
		return invoke(w.admin(), w.NeedsGetKeyPolicy, w.GetKeyPolicy, &kmsapi.GetKeyPolicyRequest{KeyId: &k.Ref.ID, PolicyName: name})
	}
	for _, name := range []*string{nil, ptr("default")} {
		if out, err := get(name); err != nil || *out.Policy != longest || *out.PolicyName != "default" {
			t.Errorf("%v, %v", out, err)
		}
	}
	if _, err := get(ptr("other")); text(err) != "NotFoundException: No such policy exists" {
		t.Error(err)
	}
	in := &kmsapi.PutKeyPolicyRequest{KeyId: &k.Ref.ID, Policy: ptr(openPolicy), PolicyName: ptr("other")}
	if got := text(second(invoke(w.admin(), w.NeedsPutKeyPolicy, silent(w.PutKeyPolicy), in))); got != "NotFoundException: No such policy exists" {
		t.Error(got)
	}
}
