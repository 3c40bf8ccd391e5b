package kms

import (
	"strings"
	"testing"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

// TestStrangersLearnNothing: to a principal of another account, a key, alias or ciphertext that it may not use is the
// same as one that is not there, byte for byte, for every operation, whatever the state of the key and whatever the
// principal's own policies say and make conditions of.
func TestStrangersLearnNothing(t *testing.T) {
	const statement = `{"Version":"2012-10-17","Statement":[{"Effect":"%E","Action":"kms:*","Resource":"%R"%C},{"Effect":"Allow","Action":"kms:*","Resource":"%A"}]}`
	policy := func(effect, resource, condition, also string) string {
		if condition != "" {
			condition = `,"Condition":` + condition
		}
		return strings.NewReplacer("%E", effect, "%R", resource, "%C", condition, "%A", also).Replace(statement)
	}
	const none = "arn:aws:kms:*:*:key/none"
	policies := map[string][]string{
		"everything":     {policy("Allow", "*", "", none)},
		"nothing":        {},
		"keys only":      {policy("Allow", "arn:aws:kms:*:*:key/*", "", none)},
		"aliases only":   {policy("Allow", "arn:aws:kms:*:*:alias/*", "", none)},
		"if tagged":      {policy("Allow", "*", `{"StringEquals":{"aws:ResourceTag/dept":"hr"}}`, none)},
		"unless tagged":  {policy("Deny", "*", `{"StringEquals":{"aws:ResourceTag/dept":"hr"}}`, "*")},
		"if symmetric":   {policy("Allow", "*", `{"StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT"}}`, none)},
		"unless aliased": {policy("Deny", "*", `{"Null":{"kms:ResourceAliases":"false"}}`, "*")},
		"same key only":  {policy("Allow", "*", `{"Bool":{"kms:ReEncryptOnSameKey":"true"}}`, none)},
	}
	const id, key = "alias/there", "arn:aws:kms:" + home + ":" + there + ":key/"
	for name, own := range policies {
		for _, s := range []state.KeyState{state.Enabled, state.Disabled, state.PendingDeletion} {
			w := newWorld(t, memoryConfig)
			w.user(here, "stranger", own...)
			owner := w.call(there, "admin", home)
			k := w.keyBy(owner, func(in *kmsapi.CreateKeyRequest) { in.Tags = []kmsapi.Tag{{TagKey: ptr("dept"), TagValue: ptr("hr")}} })
			blob := w.encrypt(w.call(there, "admin", home), k.Ref.ID, "secret", nil)
			w.alias(id, k)
			w.alias("alias/other", w.key())
			w.setState(k, s)
			missing := append([]byte(nil), blob...)
			missing[12] ^= 1 // of the key id
			c := w.call(here, "stranger", home)
			for _, op := range w.onKey(blob) {
				there := text(op.run(c, keyARN(k.Ref)))
				absent := text(op.run(c, key+flipped(k.Ref.ID)))
				if strings.ReplaceAll(absent, flipped(k.Ref.ID), k.Ref.ID) != there {
					t.Errorf("%s, %s, %s: there: %s\nabsent: %s", name, s, op.name, there, absent)
				}
				if !op.aliases {
					continue
				}
				there, absent = text(op.run(c, aliasARN(k.Ref.Account, home, id))), text(op.run(c, aliasARN(k.Ref.Account, home, id+"-")))
				if strings.ReplaceAll(absent, id+"-", id) != there {
					t.Errorf("%s, %s, %s by alias: there: %s\nabsent: %s", name, s, op.name, there, absent)
				}
				if strings.Contains(there, k.Ref.ID) {
					t.Errorf("%s, %s, %s by alias tells the key: %s", name, s, op.name, there)
				}
			}
			for _, op := range w.byCiphertext() {
				there, absent := text(op.run(c, string(blob))), text(op.run(c, string(missing)))
				if there != absent {
					t.Errorf("%s, %s, %s by ciphertext: there: %s\nabsent: %s", name, s, op.name, there, absent)
				}
			}
		}
	}
}

// flipped gives another key id of the same form.
func flipped(id string) string {
	if id[0] == '0' {
		return "1" + id[1:]
	}
	return "0" + id[1:]
}

func (w *world) setState(k *state.Key, s state.KeyState) {
	w.Helper()
	switch s {
	case state.Disabled:
		w.must(state.SetKeyEnabled{Ref: k.Ref, Time: 1})
	case state.PendingDeletion:
		w.must(state.ScheduleDeletion{Ref: k.Ref, Days: 7, Time: 1, Due: w.clock.UnixMilli() + 1})
	}
}

// byCiphertext are the operations that find their key in a ciphertext, with whatever else could tell keys apart.
func (w *world) byCiphertext() []operation {
	decrypt := func(edit func(*kmsapi.DecryptRequest)) func(*access.Call, string) error {
		return func(c *access.Call, blob string) error {
			in := &kmsapi.DecryptRequest{CiphertextBlob: []byte(blob)}
			edit(in)
			return second(invoke(c, w.NeedsDecrypt, w.Decrypt, in))
		}
	}
	move := func(to string, edit func(*kmsapi.ReEncryptRequest)) func(*access.Call, string) error {
		return func(c *access.Call, blob string) error {
			in := &kmsapi.ReEncryptRequest{CiphertextBlob: []byte(blob), DestinationKeyId: &to}
			edit(in)
			return second(invoke(c, w.NeedsReEncrypt, w.ReEncrypt, in))
		}
	}
	return []operation{
		{name: "Decrypt", run: decrypt(func(*kmsapi.DecryptRequest) {})},
		{name: "Decrypt with DryRun", run: decrypt(func(in *kmsapi.DecryptRequest) { in.DryRun = ptr(true) })},
		{name: "Decrypt with a grant token", run: decrypt(func(in *kmsapi.DecryptRequest) { in.GrantTokens = []string{"t"} })},
		{name: "Decrypt with an algorithm", run: decrypt(func(in *kmsapi.DecryptRequest) { in.EncryptionAlgorithm = "RSAES_OAEP_SHA_1" })},
		{name: "Decrypt with a recipient", run: decrypt(func(in *kmsapi.DecryptRequest) { in.Recipient = &kmsapi.RecipientInfo{} })},
		{name: "ReEncrypt", run: move("alias/other", func(*kmsapi.ReEncryptRequest) {})},
		{name: "ReEncrypt to nothing", run: move("alias/none", func(*kmsapi.ReEncryptRequest) {})},
		{name: "ReEncrypt to a bad ARN", run: move("arn:", func(*kmsapi.ReEncryptRequest) {})},
		{name: "ReEncrypt with a grant token", run: move("alias/other", func(in *kmsapi.ReEncryptRequest) { in.GrantTokens = []string{"t"} })},
	}
}

// TestOtherAccountLetIn: a key policy that names another account, together with that account's own policies, lets its
// principals use a key, but never manage it, even where the policy says so.
func TestOtherAccountLetIn(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k, _ := w.inState(state.Enabled)
	w.must(state.PutKeyPolicy{Ref: k.Ref, Policy: `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + here + `:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + there + `:root"},"Action":"kms:*","Resource":"*"}]}`})
	blob := w.encrypt(w.call(there, "admin", home), keyARN(k.Ref), "x", nil)
	w.alias("alias/shared", k)
	for _, op := range w.onKey(blob) {
		want := "ok"
		switch {
		case op.name == "ListAliases":
			want = "NotFoundException"
		case op.own:
			want = "AccessDeniedException"
		}
		if got := code(op.run(w.call(there, "admin", home), keyARN(k.Ref))); got != want && !(op.name == "UpdateAlias" && got == "NotFoundException") {
			t.Errorf("%s by the other account: %s, want %s", op.name, got, want)
		}
		if op.aliases {
			if got := code(op.run(w.call(there, "admin", home), aliasARN(here, home, "alias/shared"))); got != "ok" {
				t.Errorf("%s by alias: %s", op.name, got)
			}
		}
		if got := code(op.run(w.call(there, "nobody", home), keyARN(k.Ref))); got != "AccessDeniedException" && got != "NotFoundException" {
			t.Errorf("%s without a policy of its own: %s", op.name, got)
		}
	}
	if k := w.fresh(k); k.State != state.Enabled || len(k.Tags) != 0 || k.Description != "" {
		t.Errorf("the key was changed: %+v", k)
	}
}

// TestForeignKeyIDGiven: the header of a ciphertext cannot lend the permission of one key to another.
func TestForeignKeyIDGiven(t *testing.T) {
	w := newWorld(t, memoryConfig)
	mine, theirs := w.key(), w.keyBy(w.call(there, "admin", home))
	secret := w.encrypt(w.call(there, "admin", home), theirs.Ref.ID, "secret", nil)
	out, err := invoke(w.admin(), w.NeedsDecrypt, w.Decrypt, &kmsapi.DecryptRequest{CiphertextBlob: secret, KeyId: &mine.Ref.ID})
	if out != nil || code(err) != "IncorrectKeyException" {
		t.Errorf("%v, %v", out, err)
	}
	moved, err := invoke(w.admin(), w.NeedsReEncrypt, w.ReEncrypt,
		&kmsapi.ReEncryptRequest{CiphertextBlob: secret, SourceKeyId: &mine.Ref.ID, DestinationKeyId: &mine.Ref.ID})
	if moved != nil || code(err) != "IncorrectKeyException" {
		t.Errorf("%v, %v", moved, err)
	}
	// The account's bytes in the header alone make the key of the caller's own account.
	forged := append([]byte(nil), secret...)
	copy(forged[6:12], w.encrypt(w.admin(), mine.Ref.ID, "x", nil)[6:12])
	if _, err := w.decrypt(w.admin(), forged, nil); text(err) != "AccessDeniedException: "+unknownCiphertextKey {
		t.Error(err)
	}
}

// TestAliasMovesBetweenDecisionAndUse: the call uses the key that it was allowed to use.
func TestAliasMovesBetweenDecisionAndUse(t *testing.T) {
	w := newWorld(t, memoryConfig)
	allowed, secret := w.key(), w.key()
	w.alias("alias/a", allowed)
	in := &kmsapi.EncryptRequest{KeyId: ptr("alias/a"), Plaintext: []byte("x")}
	needs, err := w.NeedsEncrypt(w.admin(), in)
	if err != nil {
		t.Fatal(err)
	}
	w.must(state.UpdateAlias{Account: here, Region: home, Name: "alias/a", Target: secret.Ref.ID, Time: 2})
	g, err := access.Decide(w.admin(), needs)
	if err != nil {
		t.Fatal(err)
	}
	w.must(state.UpdateAlias{Account: here, Region: home, Name: "alias/a", Target: secret.Ref.ID, Time: 3})
	out, err := w.Encrypt(t.Context(), g, in)
	if err != nil || *out.KeyId != keyARN(allowed.Ref) {
		t.Errorf("%v, %v", out, err)
	}
	if h, _, ok := parseHeader(out.CiphertextBlob); !ok || h.id != allowed.Ref.ID {
		t.Errorf("sealed under %v", h)
	}
}
