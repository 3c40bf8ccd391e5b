package kms

import (
	"context"
	"errors"
	"iter"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

const (
	// defaultPolicy is the only name that a key policy can have.
	defaultPolicy = "default"
	// maxPolicy is the size of a key policy in bytes (AWS KMS, "Resource quotas").
	maxPolicy = 32 << 10
)

// NeedsGetKeyPolicy: kms:GetKeyPolicy on the key.
func (s *Service) NeedsGetKeyPolicy(c *access.Call, in *kmsapi.GetKeyPolicyRequest) ([]access.Need, error) {
	return needsOwnKey(c, "kms:GetKeyPolicy", in.KeyId, &facts{})
}

// GetKeyPolicy returns a key policy as it was put.
func (s *Service) GetKeyPolicy(_ context.Context, g *access.Grant, in *kmsapi.GetKeyPolicyRequest) (*kmsapi.GetKeyPolicyResponse, error) {
	if err := policyName(in.PolicyName); err != nil {
		return nil, err
	}
	return &kmsapi.GetKeyPolicyResponse{Policy: &g.Key().Policy.Text, PolicyName: ptr(defaultPolicy)}, nil
}

// NeedsPutKeyPolicy: kms:PutKeyPolicy on the key.
func (s *Service) NeedsPutKeyPolicy(c *access.Call, in *kmsapi.PutKeyPolicyRequest) ([]access.Need, error) {
	return needsOwnKey(c, "kms:PutKeyPolicy", in.KeyId, &facts{bypass: in.BypassPolicyLockoutSafetyCheck})
}

// PutKeyPolicy replaces a key policy, unless that would lock the caller out.
func (s *Service) PutKeyPolicy(ctx context.Context, g *access.Grant, in *kmsapi.PutKeyPolicyRequest) error {
	if err := policyName(in.PolicyName); err != nil {
		return err
	}
	key := g.Key()
	if err := checkPolicy(g.Call(), key, *in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
		return err
	}
	return s.propose(ctx, state.PutKeyPolicy{Ref: key.Ref, Policy: *in.Policy})
}

// checkPolicy parses a new key policy and makes AWS's lock-out safety check.
func checkPolicy(c *access.Call, key *state.Key, text string, bypass *bool) error {
	if len(text) > maxPolicy {
		return kmsapi.LimitExceededException("The key policy is larger than 32768 bytes.")
	}
	err := access.CheckKeyPolicy(c, keyARN(key.Ref), &facts{call: c, key: key}, text, bypass != nil && *bypass)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, access.ErrLockout):
		return kmsapi.MalformedPolicyDocumentException("The new key policy will not allow you to update the key policy in the future.")
	}
	return kmsapi.MalformedPolicyDocumentException(err.Error())
}

// NeedsListKeyPolicies: kms:ListKeyPolicies on the key.
func (s *Service) NeedsListKeyPolicies(c *access.Call, in *kmsapi.ListKeyPoliciesRequest) ([]access.Need, error) {
	return needsOwnKey(c, "kms:ListKeyPolicies", in.KeyId, &facts{})
}

// ListKeyPolicies lists the names of a key's policies: always the one.
func (s *Service) ListKeyPolicies(_ context.Context, _ *access.Grant, in *kmsapi.ListKeyPoliciesRequest) (*kmsapi.ListKeyPoliciesResponse, error) {
	after, err := readMarker("policies", in.Marker)
	if err != nil {
		return nil, err
	}
	var names iter.Seq[string] = func(yield func(string) bool) {
		if defaultPolicy > after {
			yield(defaultPolicy)
		}
	}
	same := func(n string) string { return n }
	list, next := page(names, in.Limit, 100, same, same)
	return &kmsapi.ListKeyPoliciesResponse{PolicyNames: list, NextMarker: writeMarker("policies", next), Truncated: ptr(next != "")}, nil
}

func policyName(name *string) error {
	if name != nil && *name != defaultPolicy {
		return kmsapi.NotFoundException("No such policy exists")
	}
	return nil
}
