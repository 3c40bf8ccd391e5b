package kms

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/authz"
	"ostiary.dev/state"
)

// conditionTest is one condition key: a condition that the call of the test meets, and one that it does not.
type conditionTest struct {
	key      string // as AWS spells it
	yes, no  string // conditions
	run      func(w *world, c *access.Call, k *state.Key) error
	noPolicy bool // the key exists in identity policies alone, of calls that are about no key
}

func describe(w *world, c *access.Call, k *state.Key) error {
	return second(invoke(c, w.NeedsDescribeKey, w.DescribeKey, &kmsapi.DescribeKeyRequest{KeyId: &k.Ref.ID}))
}

func encryptAs(id string, context map[string]string) func(*world, *access.Call, *state.Key) error {
	return func(w *world, c *access.Call, k *state.Key) error {
		in := &kmsapi.EncryptRequest{KeyId: ptr(strings.ReplaceAll(id, "KEY", k.Ref.ID)), Plaintext: []byte("x"), EncryptionContext: context}
		return second(invoke(c, w.NeedsEncrypt, w.Encrypt, in))
	}
}

func create(in *kmsapi.CreateKeyRequest) func(*world, *access.Call, *state.Key) error {
	return func(w *world, c *access.Call, _ *state.Key) error {
		return second(invoke(c, w.NeedsCreateKey, w.CreateKey, in))
	}
}

func tagAs(tags ...string) func(*world, *access.Call, *state.Key) error {
	return func(w *world, c *access.Call, k *state.Key) error {
		return second(invoke(c, w.NeedsTagResource, silent(w.TagResource), &kmsapi.TagResourceRequest{KeyId: &k.Ref.ID, Tags: tagsOf(tags...)}))
	}
}

func moveTo(id string) func(*world, *access.Call, *state.Key) error {
	return func(w *world, c *access.Call, k *state.Key) error {
		w.must(state.PutKeyPolicy{Ref: k.Ref, Policy: openPolicy}) // c has a view of the time before
		blob := w.encrypt(w.admin(), k.Ref.ID, "x", nil)
		in := &kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: ptr(strings.ReplaceAll(id, "KEY", k.Ref.ID))}
		return second(invoke(c, w.NeedsReEncrypt, w.ReEncrypt, in))
	}
}

func schedule(days *int32) func(*world, *access.Call, *state.Key) error {
	return func(w *world, c *access.Call, k *state.Key) error {
		in := &kmsapi.ScheduleKeyDeletionRequest{KeyId: &k.Ref.ID, PendingWindowInDays: days}
		return second(invoke(c, w.NeedsScheduleKeyDeletion, w.ScheduleKeyDeletion, in))
	}
}

func put(bypass *bool) func(*world, *access.Call, *state.Key) error {
	return func(w *world, c *access.Call, k *state.Key) error {
		in := &kmsapi.PutKeyPolicyRequest{KeyId: &k.Ref.ID, Policy: ptr(openPolicy), BypassPolicyLockoutSafetyCheck: bypass}
		return second(invoke(c, w.NeedsPutKeyPolicy, silent(w.PutKeyPolicy), in))
	}
}

// conditionTests has every condition key that is answered with a value.
func conditionTests() []conditionTest {
	is := func(key, value string) string { return `{"StringEquals":{"` + key + `":"` + value + `"}}` }
	equal := func(key, yes, no string, run func(*world, *access.Call, *state.Key) error) conditionTest {
		return conditionTest{key: key, yes: is(key, yes), no: is(key, no), run: run}
	}
	boolean := func(key, yes, no string, run func(*world, *access.Call, *state.Key) error) conditionTest {
		return conditionTest{key: key, yes: `{"Bool":{"` + key + `":"` + yes + `"}}`, no: `{"Bool":{"` + key + `":"` + no + `"}}`, run: run}
	}
	number := func(key, operator, yes, no string, run func(*world, *access.Call, *state.Key) error) conditionTest {
		return conditionTest{key: key, yes: `{"` + operator + `":{"` + key + `":"` + yes + `"}}`, no: `{"` + operator + `":{"` + key + `":"` + no + `"}}`, run: run}
	}
	only := func(key, yes, no string, run func(*world, *access.Call, *state.Key) error) conditionTest {
		return conditionTest{key: key, yes: `{"ForAllValues:StringEquals":{"` + key + `":[` + yes + `]},"Null":{"` + key + `":"false"}}`,
			no: `{"ForAllValues:StringEquals":{"` + key + `":[` + no + `]}}`, run: run}
	}
	return slices.Concat([]conditionTest{
		number("aws:SourceIp", "IpAddress", "192.0.2.0/24", "198.51.100.0/24", describe),
		boolean("aws:SecureTransport", "true", "false", describe),
		number("aws:CurrentTime", "DateLessThan", "2026-03-01T12:00:01Z", "2026-03-01T12:00:00Z", describe),
		number("aws:EpochTime", "NumericLessThanEquals", "1772366400", "1772366399", describe),
		number("aws:UserAgent", "StringLike", "aws-cli/*", "Boto3/*", describe),
		equal("aws:Referer", "https://example.org/", "https://example.com/", describe),
		equal("aws:RequestedRegion", home, away, describe),
		boolean("aws:ViaAWSService", "false", "true", describe),
		equal("aws:PrincipalAccount", here, there, describe),
		number("aws:PrincipalArn", "ArnLike", "arn:aws:iam::*:user/alice", "arn:aws:iam::*:user/bob", describe),
		boolean("aws:PrincipalIsAWSService", "false", "true", describe),
		equal("aws:PrincipalType", "User", "AssumedRole", describe),
		equal("aws:ResourceAccount", here, there, describe),
		equal("aws:userid", "AIDAalice", "AIDAbob", describe),
		equal("aws:username", "alice", "bob", describe),

		equal("aws:ResourceTag/Dept", "hr", "it", describe),
		equal("aws:resourcetag/DEPT", "hr", "HR", describe),
		equal("aws:ResourceTag/empty", "", "x", describe),
		equal("aws:RequestTag/Dept", "hr", "it", tagAs("Dept", "hr")),
		equal("aws:RequestTag/empty", "", "x", tagAs("empty", "")),
		only("aws:TagKeys", `"a","b"`, `"a"`, tagAs("a", "1", "b", "2")),

		equal("kms:CallerAccount", here, there, describe),
		equal("kms:KeySpec", "SYMMETRIC_DEFAULT", "RSA_2048", describe),
		equal("kms:CustomerMasterKeySpec", "SYMMETRIC_DEFAULT", "RSA_2048", describe),
		equal("kms:KeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY", describe),
		equal("kms:CustomerMasterKeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY", describe),
		equal("kms:KeyOrigin", "AWS_KMS", "EXTERNAL", describe),
		boolean("kms:MultiRegion", "false", "true", describe),
		{key: "kms:ResourceAliases", run: describe, yes: `{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/one"}}`,
			no: `{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/other"}}`},
		equal("kms:RequestAlias", "alias/two", "alias/one", encryptAs("alias/two", nil)),
		equal("kms:RequestAlias", "alias/two", "alias/one", encryptAs(aliasARN(here, home, "alias/two"), nil)),
		equal("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", encryptAs("KEY", nil)),
		equal("kms:EncryptionContext:App", "a", "b", encryptAs("KEY", map[string]string{"App": "a"})),
		equal("kms:EncryptionContext:APP", "a", "A", encryptAs("KEY", map[string]string{"app": "a"})),
		equal("kms:EncryptionContext:empty", "", "x", encryptAs("KEY", map[string]string{"empty": ""})),
		only("kms:EncryptionContextKeys", `"App","more"`, `"app","more"`, encryptAs("KEY", map[string]string{"App": "a", "more": ""})),
		boolean("kms:ReEncryptOnSameKey", "true", "false", moveTo("KEY")),
		boolean("kms:ReEncryptOnSameKey", "true", "false", moveTo("alias/one")),
		number("kms:ScheduleKeyDeletionPendingWindowInDays", "NumericGreaterThanEquals", "8", "9", schedule(ptr(int32(8)))),
		number("kms:ScheduleKeyDeletionPendingWindowInDays", "NumericGreaterThanEquals", "30", "31", schedule(nil)),
		boolean("kms:BypassPolicyLockoutSafetyCheck", "true", "false", put(ptr(true))),
		boolean("kms:BypassPolicyLockoutSafetyCheck", "false", "true", put(ptr(false))),
	}, creation(equal, boolean))
}

// creation are the keys of a key that is to be made, which identity policies decide about.
func creation(equal, boolean func(key, yes, no string, run func(*world, *access.Call, *state.Key) error) conditionTest) []conditionTest {
	tests := []conditionTest{
		equal("kms:KeySpec", "SYMMETRIC_DEFAULT", "RSA_2048", create(&kmsapi.CreateKeyRequest{})),
		equal("kms:CustomerMasterKeySpec", "SYMMETRIC_DEFAULT", "RSA_2048", create(&kmsapi.CreateKeyRequest{KeySpec: "SYMMETRIC_DEFAULT"})),
		equal("kms:KeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY", create(&kmsapi.CreateKeyRequest{})),
		equal("kms:KeyOrigin", "AWS_KMS", "EXTERNAL", create(&kmsapi.CreateKeyRequest{})),
		boolean("kms:MultiRegion", "false", "true", create(&kmsapi.CreateKeyRequest{})),
		equal("kms:CallerAccount", here, there, create(&kmsapi.CreateKeyRequest{})),
		equal("aws:RequestTag/Dept", "hr", "it", create(&kmsapi.CreateKeyRequest{Tags: tagsOf("Dept", "hr")})),
		boolean("kms:BypassPolicyLockoutSafetyCheck", "true", "false",
			create(&kmsapi.CreateKeyRequest{Policy: ptr(openPolicy), BypassPolicyLockoutSafetyCheck: ptr(true)})),
	}
	for i := range tests {
		tests[i].noPolicy = true
	}
	return tests
}

func conditionally(condition string, forKey bool) string {
	principal := ""
	if forKey {
		principal = `"Principal":{"AWS":"arn:aws:iam::` + here + `:user/alice"},`
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + principal + `"Action":"kms:*","Resource":"*","Condition":` + condition + `}]}`
}

// conditionWorld has a key with tags and aliases, and alice, who is allowed nothing by policies of her own.
func conditionWorld(t *testing.T) (*world, *state.Key, *access.Call) {
	w := newWorld(t, memoryConfig)
	k := w.key(func(in *kmsapi.CreateKeyRequest) { in.Tags = tagsOf("Dept", "hr", "empty", "") })
	w.alias("alias/one", k)
	w.alias("alias/two", k)
	w.user(here, "alice")
	c := w.call(here, "alice", home)
	c.SourceIP, c.UserAgent, c.Referer = netip.MustParseAddr("192.0.2.7"), "aws-cli/2.9", "https://example.org/"
	return w, k, c
}

func TestConditionKeys(t *testing.T) {
	for _, test := range conditionTests() {
		for condition, want := range map[string]string{test.yes: "ok", test.no: "AccessDeniedException"} {
			w, k, c := conditionWorld(t)
			if test.noPolicy {
				w.user(here, "alice", conditionally(condition, false))
			} else {
				w.must(state.PutKeyPolicy{Ref: k.Ref, Policy: conditionally(condition, true)})
			}
			c.View = w.store.View()
			if got := code(test.run(w, c, k)); got != want {
				t.Errorf("%s: %s, want %s", condition, got, want)
			}
		}
	}
}

// absentKeys are those of AWS's lists ("Condition keys for AWS Key Management Service", "AWS global condition context keys") that
// no call made here has: calls come from users with long-term credentials and without tags, of accounts outside organizations,
// over the Internet as AWS sees it, and by nobody's mediation; and the operations that the rest is about are not built.
var absentKeys = []string{
	"aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent", "aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp", "kms:ViaService",
	"kms:DataKeyPairSpec", "kms:ExpirationModel", "kms:GrantConstraintType", "kms:GrantIsForAWSResource", "kms:GrantOperations",
	"kms:GranteePrincipal", "kms:KeyAgreementAlgorithm", "kms:MacAlgorithm", "kms:MessageType", "kms:PrimaryRegion",
	"kms:RecipientAttestation:ImageSha384", "kms:RecipientAttestation:PCR0", "kms:ReplicaRegion", "kms:RetiringPrincipal",
	"kms:RotationPeriodInDays", "kms:SigningAlgorithm", "kms:ValidTo", "kms:WrappingAlgorithm", "kms:WrappingKeySpec",
	"aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:Ec2InstanceSourceVpc", "aws:FederatedProvider", "aws:PrincipalOrgID",
	"aws:PrincipalOrgPaths", "aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:PrincipalTag/Dept", "aws:ResourceOrgID",
	"aws:ResourceOrgPaths", "aws:SourceAccount", "aws:SourceArn", "aws:SourceIdentity", "aws:SourceOrgID", "aws:TokenIssueTime", "aws:VpceAccount",
}

func TestAbsentConditionKeys(t *testing.T) {
	for _, name := range absentKeys {
		w, k, c := conditionWorld(t)
		w.must(state.PutKeyPolicy{Ref: k.Ref, Policy: conditionally(`{"Null":{"`+name+`":"true"}}`, true)})
		c.View = w.store.View()
		if err := describe(w, c, k); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// otherKeys are nobody's, or another service's.
var otherKeys = []string{"kms:Unknown", "kms:EncryptionContext", "aws:Unknown", "aws:PrincipalTag", "s3:prefix", "unknown:key"}

// TestKnownConditionKeys holds the list of keys that a key policy may test to those that are answered.
func TestKnownConditionKeys(t *testing.T) {
	known := slices.Clone(absentKeys)
	for _, test := range conditionTests() {
		known = append(known, test.key)
	}
	w, k, c := conditionWorld(t)
	check := func(name string) error {
		policy := strings.Replace(openPolicy, `"Resource":"*"}`, `"Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*",`+
			`"Condition":{"StringEquals":{"`+name+`":"x"}}}`, 1)
		return checkPolicy(w.admin(), k, policy, nil)
	}
	for _, name := range known {
		for _, spelled := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if err := check(spelled); err != nil {
				t.Errorf("%s: %v", spelled, err)
			}
		}
	}
	// What is absent or refused as unknown is not answered either, by this service or for it.
	all := &facts{call: c, key: k, alias: "alias/a", context: map[string]string{"a": "b"}, algorithm: symmetricDefault,
		tags: tagsOf("a", "b"), tagKeys: []string{"a"}, window: ptr(int32(7)), bypass: ptr(true), sameKey: ptr(true)}
	for _, name := range absentKeys {
		if v, ok := all.Lookup(strings.ToLower(name)); ok {
			t.Errorf("%s is answered with %v", name, v)
		}
	}
	for _, name := range otherKeys {
		want := "MalformedPolicyDocumentException: Condition key " + name + " is not supported."
		if err := check(name); text(err) != want {
			t.Errorf("%s: %s", name, text(err))
		}
		if v, ok := all.Lookup(strings.ToLower(name)); ok {
			t.Errorf("%s is answered with %v", name, v)
		}
	}
}

// TestTagsInTwoCases: KMS tells tags apart by case, conditions do not. A tag that meets a condition must not carry in
// another that does not.
func TestTagsInTwoCases(t *testing.T) {
	condition := `{"StringEquals":{"aws:RequestTag/Dept":"hr"}}`
	for _, tags := range [][]string{{"Dept", "hr", "dept", "it"}, {"dept", "it", "Dept", "hr"}} {
		w, k, c := conditionWorld(t)
		w.must(state.PutKeyPolicy{Ref: k.Ref, Policy: conditionally(condition, true)})
		c.View = w.store.View()
		if got := code(tagAs(tags...)(w, c, k)); got != "AccessDeniedException" {
			t.Errorf("%v: %s", tags, got)
		}
		w.must(state.TagKey{Ref: k.Ref, Tags: []state.Tag{{Key: "DEPT", Value: "it"}}})
		w.must(state.PutKeyPolicy{Ref: k.Ref, Policy: conditionally(`{"StringEquals":{"aws:ResourceTag/Dept":"hr"}}`, true)})
		c.View = w.store.View()
		if got := code(describe(w, c, k)); got != "AccessDeniedException" {
			t.Errorf("a key with tags of both values: %s", got)
		}
	}
	context := map[string]string{"dept": "hr", "DEPT": "it"}
	w, k, c := conditionWorld(t)
	w.must(state.PutKeyPolicy{Ref: k.Ref, Policy: conditionally(`{"StringEquals":{"kms:EncryptionContext:Dept":"hr"}}`, true)})
	c.View = w.store.View()
	if got := code(encryptAs("KEY", context)(w, c, k)); got != "AccessDeniedException" {
		t.Errorf("an encryption context of both values: %s", got)
	}
}

// TestTagOnCreateIsDenied: a denial of TagResource on keys holds for keys that are made with tags.
func TestTagOnCreateIsDenied(t *testing.T) {
	w := newWorld(t, memoryConfig)
	for policy, want := range map[string]string{
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}]}`: "AccessDeniedException",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"},
			{"Effect":"Allow","Action":"kms:TagResource","Resource":"arn:aws:kms:*:` + here + `:key/*"}]}`: "ok",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"},
			{"Effect":"Deny","Action":"kms:TagResource","Resource":"arn:aws:kms:*:` + here + `:key/*"}]}`: "AccessDeniedException",
	} {
		w.user(here, "alice", policy)
		c := w.call(here, "alice", home)
		if got := code(create(&kmsapi.CreateKeyRequest{Tags: tagsOf("a", "b")})(w, c, nil)); got != want {
			t.Errorf("%s: %s, want %s", policy, got, want)
		}
		if got := code(create(&kmsapi.CreateKeyRequest{})(w, c, nil)); got != "ok" {
			t.Errorf("%s, without tags: %s", policy, got)
		}
	}
}

var _ authz.ContextKeys = (*facts)(nil)
