package kms

import (
	"context"
	"io"
	"time"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/authz"
	"ostiary.dev/hsm"
	"ostiary.dev/state"
	"ostiary.dev/uuid"
)

// NeedsCreateKey: kms:CreateKey, and kms:TagResource where tags are given. No key policy exists yet, so the
// caller's own account decides.
func (s *Service) NeedsCreateKey(c *access.Call, in *kmsapi.CreateKeyRequest) ([]access.Need, error) {
	k, err := wanted(in)
	if err != nil {
		return nil, err
	}
	f := &facts{make: &k, tags: in.Tags, tagKeys: tagKeys(in.Tags), bypass: in.BypassPolicyLockoutSafetyCheck}
	needs := needAccount(c, "kms:CreateKey", f)
	if len(in.Tags) > 0 {
		needs = append(needs, needNewKey(c, "kms:TagResource", &facts{make: &k, tags: in.Tags, tagKeys: tagKeys(in.Tags)}))
	}
	return needs, nil
}

// wanted reads the parameters that say what kind of key to make, and refuses the kinds that cannot be made yet.
func wanted(in *kmsapi.CreateKeyRequest) (newKey, error) {
	if in.KeySpec != "" && in.CustomerMasterKeySpec != "" && string(in.KeySpec) != string(in.CustomerMasterKeySpec) {
		return newKey{}, access.Invalid("You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	}
	k := newKey{spec: string(in.KeySpec), usage: string(in.KeyUsage), origin: string(in.Origin), multiRegion: in.MultiRegion != nil && *in.MultiRegion}
	if k.spec == "" {
		k.spec = string(in.CustomerMasterKeySpec)
	}
	k.spec = algorithmOr(k.spec)
	if k.origin == "" {
		k.origin = "AWS_KMS"
	}
	if k.usage == "" && k.spec == symmetricDefault {
		k.usage = encryptDecrypt
	}
	switch {
	case k.spec == symmetricDefault && k.usage != encryptDecrypt:
		return newKey{}, access.Invalid("The operation failed because the KeyUsage value of the KMS key is " + k.usage +
			" which is not valid for KeySpec SYMMETRIC_DEFAULT.")
	case k.spec != symmetricDefault:
		return newKey{}, kmsapi.UnsupportedOperationException("KeySpec " + k.spec + " is not supported.")
	case k.origin != "AWS_KMS", in.CustomKeyStoreId != nil, in.XksKeyId != nil:
		return newKey{}, kmsapi.UnsupportedOperationException("Key material of Origin " + k.origin + " is not supported.")
	case k.multiRegion:
		return newKey{}, kmsapi.UnsupportedOperationException("Multi-Region keys are not supported.")
	}
	return k, nil
}

// CreateKey makes a key with material that the device has generated, wrapped, opened again and tested.
func (s *Service) CreateKey(ctx context.Context, g *access.Grant, in *kmsapi.CreateKeyRequest) (*kmsapi.CreateKeyResponse, error) {
	c := g.Call()
	k, err := wanted(in)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	id, err := s.newKeyID()
	if err != nil {
		return nil, err
	}
	key := state.Key{Ref: state.KeyRef{Account: c.Principal.Account, Region: c.Region, ID: id}, Created: s.now().UnixMilli(),
		State: state.Enabled, Spec: k.spec, Usage: k.usage, Origin: k.origin, Tags: tags}
	if in.Description != nil {
		key.Description = *in.Description
	}
	policy := authz.DefaultKeyPolicy(key.Ref.Account)
	if in.Policy != nil {
		policy = *in.Policy
		if err := checkPolicy(c, &key, policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
	}
	key.Policy = state.NewDocument(policy)
	if err := s.generate(ctx, &key); err != nil {
		return nil, err
	}
	if err := s.propose(ctx, state.CreateKey{Key: key}); err != nil {
		return nil, err
	}
	g.Record(keyARN(key.Ref))
	return &kmsapi.CreateKeyResponse{KeyMetadata: metadata(&key)}, nil
}

// generate gives a key its first version.
func (s *Service) generate(ctx context.Context, key *state.Key) error {
	token, err := s.device.Generate(ctx, hsm.KeyRequest{KeyID: key.Ref.ID, Spec: hsm.Spec(key.Spec), Purpose: hsm.PurposeKMS})
	if err != nil {
		return err
	}
	t, err := hsm.ParseToken(token)
	if err != nil {
		return err
	}
	key.Versions = []state.Version{{MaterialID: t.MaterialID, Token: token, Created: key.Created}}
	return nil
}

// newKeyID is a random UUID.
func (s *Service) newKeyID() (string, error) {
	var random [16]byte
	if _, err := io.ReadFull(s.rand, random[:]); err != nil {
		return "", err
	}
	return uuid.V4(random).String(), nil
}

// metadata describes a key as DescribeKey and CreateKey do.
func metadata(k *state.Key) *kmsapi.KeyMetadata {
	m := &kmsapi.KeyMetadata{
		AWSAccountId:          &k.Ref.Account,
		KeyId:                 &k.Ref.ID,
		Arn:                   ptr(keyARN(k.Ref)),
		CreationDate:          ptr(time.UnixMilli(k.Created)),
		Enabled:               ptr(k.State == state.Enabled),
		Description:           &k.Description,
		KeyUsage:              kmsapi.KeyUsageType(k.Usage),
		KeyState:              kmsapi.KeyState(k.State.String()),
		Origin:                kmsapi.OriginType(k.Origin),
		KeyManager:            "CUSTOMER",
		CustomerMasterKeySpec: kmsapi.CustomerMasterKeySpec(k.Spec),
		KeySpec:               kmsapi.KeySpec(k.Spec),
		EncryptionAlgorithms:  []kmsapi.EncryptionAlgorithmSpec{symmetricDefault},
		MultiRegion:           &k.MultiRegion,
	}
	if v := k.Current(); v != nil {
		m.CurrentKeyMaterialId = materialID(v)
	}
	if k.State == state.PendingDeletion {
		m.DeletionDate = ptr(time.UnixMilli(k.DeletionDue))
	}
	return m
}

// NeedsDescribeKey: kms:DescribeKey on the key.
func (s *Service) NeedsDescribeKey(c *access.Call, in *kmsapi.DescribeKeyRequest) ([]access.Need, error) {
	if err := noGrantTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	n, err := findKeyOrAlias(c, *in.KeyId)
	if err != nil {
		return nil, err
	}
	return need(c, "kms:DescribeKey", n, &facts{}), nil
}

// DescribeKey tells everything of a key but its policy, aliases and tags.
func (s *Service) DescribeKey(_ context.Context, g *access.Grant, _ *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	return &kmsapi.DescribeKeyResponse{KeyMetadata: metadata(g.Key())}, nil
}

// NeedsListKeys: kms:ListKeys, on no resource.
func (s *Service) NeedsListKeys(c *access.Call, _ *kmsapi.ListKeysRequest) ([]access.Need, error) {
	return needAccount(c, "kms:ListKeys", &facts{}), nil
}

// ListKeys pages through the keys of the caller's account in the request's region, in order of key id.
func (s *Service) ListKeys(_ context.Context, g *access.Grant, in *kmsapi.ListKeysRequest) (*kmsapi.ListKeysResponse, error) {
	c := g.Call()
	after, err := readMarker("keys", in.Marker)
	if err != nil {
		return nil, err
	}
	keys := c.View.Keys(c.Principal.Account, c.Region, after)
	list, next := page(keys, in.Limit, 100, func(k *state.Key) string { return k.Ref.ID }, func(k *state.Key) kmsapi.KeyListEntry {
		return kmsapi.KeyListEntry{KeyId: &k.Ref.ID, KeyArn: ptr(keyARN(k.Ref))}
	})
	return &kmsapi.ListKeysResponse{Keys: list, NextMarker: writeMarker("keys", next), Truncated: ptr(next != "")}, nil
}

// NeedsEnableKey: kms:EnableKey on the key.
func (s *Service) NeedsEnableKey(c *access.Call, in *kmsapi.EnableKeyRequest) ([]access.Need, error) {
	return needsOwnKey(c, "kms:EnableKey", in.KeyId, &facts{})
}

// EnableKey makes a disabled key usable again.
func (s *Service) EnableKey(ctx context.Context, g *access.Grant, _ *kmsapi.EnableKeyRequest) error {
	return s.propose(ctx, state.SetKeyEnabled{Ref: g.Key().Ref, Enabled: true, Time: s.now().UnixMilli()})
}

// NeedsDisableKey: kms:DisableKey on the key.
func (s *Service) NeedsDisableKey(c *access.Call, in *kmsapi.DisableKeyRequest) ([]access.Need, error) {
	return needsOwnKey(c, "kms:DisableKey", in.KeyId, &facts{})
}

// DisableKey makes a key unusable for cryptographic operations.
func (s *Service) DisableKey(ctx context.Context, g *access.Grant, _ *kmsapi.DisableKeyRequest) error {
	return s.propose(ctx, state.SetKeyEnabled{Ref: g.Key().Ref, Enabled: false, Time: s.now().UnixMilli()})
}

// NeedsUpdateKeyDescription: kms:UpdateKeyDescription on the key.
func (s *Service) NeedsUpdateKeyDescription(c *access.Call, in *kmsapi.UpdateKeyDescriptionRequest) ([]access.Need, error) {
	return needsOwnKey(c, "kms:UpdateKeyDescription", in.KeyId, &facts{})
}

// UpdateKeyDescription replaces a key's description.
func (s *Service) UpdateKeyDescription(ctx context.Context, g *access.Grant, in *kmsapi.UpdateKeyDescriptionRequest) error {
	return s.propose(ctx, state.SetDescription{Ref: g.Key().Ref, Description: *in.Description})
}

// needsOwnKey is the rule of most operations that manage a key: one action on it, within its account.
func needsOwnKey(c *access.Call, action string, keyID *string, f *facts) ([]access.Need, error) {
	n, err := findKey(c, *keyID)
	if err != nil {
		return nil, err
	}
	return needOwn(c, action, n, f), nil
}
