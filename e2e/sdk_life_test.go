package e2e

import (
	"bytes"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestSDKKeyLife walks one key through all that can happen to it, with aws-sdk-go-v2.
func TestSDKKeyLife(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.kms(), t.Context()

	created := must(c.CreateKey(ctx, &kms.CreateKeyInput{Description: aws.String("first"), Tags: []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("blue")}}}))(t).KeyMetadata
	id, arn := *created.KeyId, "arn:aws:kms:us-east-1:"+account+":key/"+*created.KeyId
	if *created.Arn != arn || *created.AWSAccountId != account || created.KeyState != types.KeyStateEnabled || !created.Enabled ||
		created.KeySpec != types.KeySpecSymmetricDefault || created.KeyUsage != types.KeyUsageTypeEncryptDecrypt || *created.MultiRegion ||
		created.Origin != types.OriginTypeAwsKms || created.KeyManager != types.KeyManagerTypeCustomer || *created.Description != "first" {
		t.Errorf("CreateKey = %+v", created)
	}
	if age := time.Since(*created.CreationDate); age < -time.Minute || age > time.Minute {
		t.Errorf("CreationDate is %v ago", age)
	}
	state := func(want types.KeyState) *types.KeyMetadata {
		t.Helper()
		m := must(c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id}))(t).KeyMetadata
		if m.KeyState != want || m.Enabled != (want == types.KeyStateEnabled) {
			t.Errorf("KeyState = %s, Enabled = %v, want %s", m.KeyState, m.Enabled, want)
		}
		return m
	}
	state(types.KeyStateEnabled)
	blob := encrypt(t, c, id, "before")

	must(c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &id}))(t)
	state(types.KeyStateDisabled)
	_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
	raises[*types.DisabledException](arn+" is disabled.")(t, err)
	must(c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &arn}))(t)
	state(types.KeyStateEnabled)
	decrypts(t, c, blob, "before")

	must(c.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: &id, Description: aws.String("second")}))(t)
	if m := state(types.KeyStateEnabled); *m.Description != "second" {
		t.Errorf("Description = %q", *m.Description)
	}

	scheduled := must(c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: aws.Int32(7)}))(t)
	if left := time.Until(*scheduled.DeletionDate); *scheduled.KeyId != arn || scheduled.KeyState != types.KeyStatePendingDeletion ||
		*scheduled.PendingWindowInDays != 7 || left < 167*time.Hour || left > 169*time.Hour {
		t.Errorf("ScheduleKeyDeletion = %+v", scheduled)
	}
	if m := state(types.KeyStatePendingDeletion); !m.DeletionDate.Equal(*scheduled.DeletionDate) {
		t.Errorf("DeletionDate = %v, was %v", m.DeletionDate, scheduled.DeletionDate)
	}
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
	raises[*types.KMSInvalidStateException](arn+" is pending deletion.")(t, err)
	cancelled := must(c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &id}))(t)
	if *cancelled.KeyId != arn {
		t.Errorf("CancelKeyDeletion = %s", *cancelled.KeyId)
	}
	if m := state(types.KeyStateDisabled); m.DeletionDate != nil {
		t.Errorf("DeletionDate = %v after the deletion was cancelled", m.DeletionDate)
	}
	must(c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &id}))(t)
	decrypts(t, c, blob, "before")
}

// TestSDKDataKeys: a data key's plaintext is what its ciphertext opens to.
func TestSDKDataKeys(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.kms(), t.Context()
	key := newKey(t, c)
	encryptionContext := map[string]string{"app": "orders", "ünï": "cødé"}

	for _, in := range []kms.GenerateDataKeyInput{
		{KeySpec: types.DataKeySpecAes256}, {KeySpec: types.DataKeySpecAes128}, {NumberOfBytes: aws.Int32(1)}, {NumberOfBytes: aws.Int32(1024)},
	} {
		in.KeyId, in.EncryptionContext = key.KeyId, encryptionContext
		want := map[types.DataKeySpec]int{types.DataKeySpecAes256: 32, types.DataKeySpecAes128: 16}[in.KeySpec]
		if in.NumberOfBytes != nil {
			want = int(*in.NumberOfBytes)
		}
		out := must(c.GenerateDataKey(ctx, &in))(t)
		if len(out.Plaintext) != want || *out.KeyId != *key.Arn || *out.KeyMaterialId != *key.CurrentKeyMaterialId {
			t.Errorf("GenerateDataKey = %d bytes under %s, want %d under %s", len(out.Plaintext), *out.KeyId, want, *key.Arn)
		}
		back := must(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: encryptionContext}))(t)
		if !bytes.Equal(back.Plaintext, out.Plaintext) {
			t.Error("the data key's ciphertext opens to something else")
		}
		_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob})
		raises[*types.InvalidCiphertextException]("")(t, err)
	}
	without := must(c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: key.KeyId, NumberOfBytes: aws.Int32(24)}))(t)
	if back := must(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: without.CiphertextBlob}))(t); len(back.Plaintext) != 24 {
		t.Errorf("GenerateDataKeyWithoutPlaintext: %d bytes, want 24", len(back.Plaintext))
	}
	one := must(c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1024)}))(t).Plaintext
	two := must(c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1024)}))(t).Plaintext
	if len(one) != 1024 || len(two) != 1024 || bytes.Equal(one, two) {
		t.Error("GenerateRandom did not give 1,024 new bytes each time")
	}
}

// TestSDKReEncrypt moves a ciphertext under another key and context.
func TestSDKReEncrypt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.kms(), t.Context()
	from, to := newKey(t, c), newKey(t, c)
	old, next := map[string]string{"v": "1"}, map[string]string{"v": "2"}
	sealed := must(c.Encrypt(ctx, &kms.EncryptInput{KeyId: from.KeyId, Plaintext: []byte("moving"), EncryptionContext: old}))(t)
	moved := must(c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: old,
		DestinationKeyId: to.Arn, DestinationEncryptionContext: next}))(t)
	if *moved.SourceKeyId != *from.Arn || *moved.KeyId != *to.Arn {
		t.Errorf("ReEncrypt from %s to %s", *moved.SourceKeyId, *moved.KeyId)
	}
	back := must(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: moved.CiphertextBlob, EncryptionContext: next, KeyId: to.KeyId}))(t)
	if string(back.Plaintext) != "moving" || *back.KeyId != *to.Arn {
		t.Errorf("Decrypt = %q under %s", back.Plaintext, *back.KeyId)
	}
	_, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: next, DestinationKeyId: to.Arn})
	raises[*types.InvalidCiphertextException]("")(t, err)
	_, err = c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: old, SourceKeyId: to.KeyId, DestinationKeyId: to.Arn})
	raises[*types.IncorrectKeyException]("The key ID in the request does not identify a CMK that can perform this operation.")(t, err)
}

// TestSDKPolicy reads and replaces a key policy, which is in force for the next call.
func TestSDKPolicy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.kms(), t.Context()
	key := newKey(t, c)
	names := must(c.ListKeyPolicies(ctx, &kms.ListKeyPoliciesInput{KeyId: key.KeyId}))(t)
	if len(names.PolicyNames) != 1 || names.PolicyNames[0] != "default" || names.Truncated {
		t.Errorf("ListKeyPolicies = %v, truncated %v", names.PolicyNames, names.Truncated)
	}
	usual := must(c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: key.KeyId}))(t)
	if *usual.PolicyName != "default" {
		t.Errorf("PolicyName = %s", *usual.PolicyName)
	}
	allow := `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}`
	strict := `{"Version":"2012-10-17","Statement":[` + allow + `,{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}]}`
	must(c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &strict}))(t)
	if now := must(c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: key.Arn, PolicyName: aws.String("default")}))(t); *now.Policy != strict {
		t.Errorf("Policy = %s", *now.Policy)
	}
	_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	fails("AccessDeniedException", "User: arn:aws:iam::"+account+":user/admin is not authorized to perform: kms:Encrypt on resource: "+*key.Arn+
		" with an explicit deny in a resource-based policy")(t, err)
	must(c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: usual.Policy}))(t)
	encrypt(t, c, *key.KeyId, "x")

	lockout := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"kms:*","Resource":"*"}]}`
	_, err = c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &lockout})
	raises[*types.MalformedPolicyDocumentException]("The new key policy will not allow you to update the key policy in the future.")(t, err)
	must(c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &lockout, BypassPolicyLockoutSafetyCheck: true}))(t)
	_, err = c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: key.KeyId})
	fails("AccessDeniedException", "User: arn:aws:iam::"+account+":user/admin is not authorized to perform: kms:GetKeyPolicy on resource: "+*key.Arn+
		" because no resource-based policy allows the kms:GetKeyPolicy action")(t, err)
}

// TestSDKCallerIdentity: STS answers in XML, from the same endpoint.
func TestSDKCallerIdentity(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	who := must(s.sts().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))(t)
	if *who.Account != account || *who.Arn != "arn:aws:iam::"+account+":user/admin" || len(*who.UserId) != 21 || (*who.UserId)[:4] != "AIDA" {
		t.Errorf("GetCallerIdentity = %s, %s, %s", *who.Account, *who.Arn, *who.UserId)
	}
}
