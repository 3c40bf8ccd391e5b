package kms

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

// operation is an operation on one key, as the tables of these tests run it.
type operation struct {
	name    string
	aliases bool // takes alias names
	own     bool // is not open to other accounts
	dryRun  func(c *access.Call, id string) error
	run     func(c *access.Call, id string) error
}

// onKey are all operations that name a key by KeyId. blob is a ciphertext under the key for those that take one.
func (w *world) onKey(blob []byte) []operation {
	yes := ptr(true)
	encrypt := func(dry *bool) func(*access.Call, string) error {
		return func(c *access.Call, id string) error {
			return second(invoke(c, w.NeedsEncrypt, w.Encrypt, &kmsapi.EncryptRequest{KeyId: &id, Plaintext: []byte("x"), DryRun: dry}))
		}
	}
	decrypt := func(dry *bool) func(*access.Call, string) error {
		return func(c *access.Call, id string) error {
			return second(invoke(c, w.NeedsDecrypt, w.Decrypt, &kmsapi.DecryptRequest{KeyId: &id, CiphertextBlob: blob, DryRun: dry}))
		}
	}
	from := func(dry *bool) func(*access.Call, string) error {
		return func(c *access.Call, id string) error {
			in := &kmsapi.ReEncryptRequest{SourceKeyId: &id, CiphertextBlob: blob, DestinationKeyId: &id, DryRun: dry}
			return second(invoke(c, w.NeedsReEncrypt, w.ReEncrypt, in))
		}
	}
	dataKey := func(dry *bool) func(*access.Call, string) error {
		return func(c *access.Call, id string) error {
			in := &kmsapi.GenerateDataKeyRequest{KeyId: &id, KeySpec: "AES_256", DryRun: dry}
			return second(invoke(c, w.NeedsGenerateDataKey, w.GenerateDataKey, in))
		}
	}
	dataKeyOnly := func(dry *bool) func(*access.Call, string) error {
		return func(c *access.Call, id string) error {
			in := &kmsapi.GenerateDataKeyWithoutPlaintextRequest{KeyId: &id, KeySpec: "AES_256", DryRun: dry}
			return second(invoke(c, w.NeedsGenerateDataKeyWithoutPlaintext, w.GenerateDataKeyWithoutPlaintext, in))
		}
	}
	return append(w.management(), []operation{
		{name: "Encrypt", aliases: true, run: encrypt(nil), dryRun: encrypt(yes)},
		{name: "Decrypt", aliases: true, run: decrypt(nil), dryRun: decrypt(yes)},
		{name: "ReEncrypt", aliases: true, run: from(nil), dryRun: from(yes)},
		{name: "GenerateDataKey", aliases: true, run: dataKey(nil), dryRun: dataKey(yes)},
		{name: "GenerateDataKeyWithoutPlaintext", aliases: true, run: dataKeyOnly(nil), dryRun: dataKeyOnly(yes)},
	}...)
}

// management are the operations on one key that touch no key material.
func (w *world) management() []operation {
	tags := []kmsapi.Tag{{TagKey: ptr("k"), TagValue: ptr("v")}}
	return []operation{
		{name: "DescribeKey", aliases: true, run: func(c *access.Call, id string) error {
			return second(invoke(c, w.NeedsDescribeKey, w.DescribeKey, &kmsapi.DescribeKeyRequest{KeyId: &id}))
		}},
		{name: "EnableKey", own: true, run: func(c *access.Call, id string) error {
			return second(invoke(c, w.NeedsEnableKey, silent(w.EnableKey), &kmsapi.EnableKeyRequest{KeyId: &id}))
		}},
		{name: "DisableKey", own: true, run: func(c *access.Call, id string) error {
			return second(invoke(c, w.NeedsDisableKey, silent(w.DisableKey), &kmsapi.DisableKeyRequest{KeyId: &id}))
		}},
		{name: "ScheduleKeyDeletion", own: true, run: func(c *access.Call, id string) error {
			in := &kmsapi.ScheduleKeyDeletionRequest{KeyId: &id, PendingWindowInDays: ptr(int32(7))}
			return second(invoke(c, w.NeedsScheduleKeyDeletion, w.ScheduleKeyDeletion, in))
		}},
		{name: "CancelKeyDeletion", own: true, run: func(c *access.Call, id string) error {
			return second(invoke(c, w.NeedsCancelKeyDeletion, w.CancelKeyDeletion, &kmsapi.CancelKeyDeletionRequest{KeyId: &id}))
		}},
		{name: "UpdateKeyDescription", own: true, run: func(c *access.Call, id string) error {
			in := &kmsapi.UpdateKeyDescriptionRequest{KeyId: &id, Description: ptr("d")}
			return second(invoke(c, w.NeedsUpdateKeyDescription, silent(w.UpdateKeyDescription), in))
		}},
		{name: "GetKeyPolicy", own: true, run: func(c *access.Call, id string) error {
			return second(invoke(c, w.NeedsGetKeyPolicy, w.GetKeyPolicy, &kmsapi.GetKeyPolicyRequest{KeyId: &id}))
		}},
		{name: "PutKeyPolicy", own: true, run: func(c *access.Call, id string) error {
			in := &kmsapi.PutKeyPolicyRequest{KeyId: &id, Policy: ptr(openPolicy)}
			return second(invoke(c, w.NeedsPutKeyPolicy, silent(w.PutKeyPolicy), in))
		}},
		{name: "ListKeyPolicies", own: true, run: func(c *access.Call, id string) error {
			return second(invoke(c, w.NeedsListKeyPolicies, w.ListKeyPolicies, &kmsapi.ListKeyPoliciesRequest{KeyId: &id}))
		}},
		{name: "TagResource", own: true, run: func(c *access.Call, id string) error {
			return second(invoke(c, w.NeedsTagResource, silent(w.TagResource), &kmsapi.TagResourceRequest{KeyId: &id, Tags: tags}))
		}},
		{name: "UntagResource", own: true, run: func(c *access.Call, id string) error {
			in := &kmsapi.UntagResourceRequest{KeyId: &id, TagKeys: []string{"k"}}
			return second(invoke(c, w.NeedsUntagResource, silent(w.UntagResource), in))
		}},
		{name: "ListResourceTags", own: true, run: func(c *access.Call, id string) error {
			return second(invoke(c, w.NeedsListResourceTags, w.ListResourceTags, &kmsapi.ListResourceTagsRequest{KeyId: &id}))
		}},
		{name: "CreateAlias", own: true, run: func(c *access.Call, id string) error {
			in := &kmsapi.CreateAliasRequest{TargetKeyId: &id, AliasName: ptr("alias/made")}
			return second(invoke(c, w.NeedsCreateAlias, silent(w.CreateAlias), in))
		}},
		{name: "UpdateAlias", own: true, run: func(c *access.Call, id string) error {
			in := &kmsapi.UpdateAliasRequest{TargetKeyId: &id, AliasName: ptr("alias/other")}
			return second(invoke(c, w.NeedsUpdateAlias, silent(w.UpdateAlias), in))
		}},
		{name: "ListAliases", own: true, run: func(c *access.Call, id string) error {
			return second(invoke(c, w.NeedsListAliases, w.ListAliases, &kmsapi.ListAliasesRequest{KeyId: &id}))
		}},
	}
}

// openPolicy lets everybody do everything, and so passes the lock-out check.
const openPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}]}`

func second[T any](_ T, err error) error { return err }

// TestOperationsAreAll holds the tables of these tests to the operations that are built.
func TestOperationsAreAll(t *testing.T) {
	w := newWorld(t, memoryConfig)
	others := []string{"CreateKey", "ListKeys", "GenerateRandom", "DeleteAlias"} // name no key, or only by an alias
	var built, tested []string
	for m := range reflect.TypeOf(w.Service).Methods() {
		if name, ok := strings.CutPrefix(m.Name, "Needs"); ok {
			built = append(built, name)
		}
	}
	for _, op := range w.onKey(nil) {
		tested = append(tested, op.name)
	}
	tested = append(tested, others...)
	slices.Sort(tested)
	if !slices.Equal(built, tested) {
		t.Errorf("built:  %v\ntested: %v", built, tested)
	}
}

// inState makes a key in a state, with a ciphertext under it, and an alias of another key that an operation may move.
func (w *world) inState(s state.KeyState) (*state.Key, []byte) {
	w.Helper()
	k, other := w.key(), w.key()
	blob := w.encrypt(w.admin(), k.Ref.ID, "x", nil)
	w.alias("alias/other", other)
	switch s {
	case state.Disabled:
		w.must(state.SetKeyEnabled{Ref: k.Ref, Time: 1})
	case state.PendingDeletion:
		w.must(state.ScheduleDeletion{Ref: k.Ref, Days: 7, Time: 1, Due: w.clock.UnixMilli() + 1})
	}
	return k, blob
}
