package kms

import (
	"context"
	"strconv"
	"strings"
	"time"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

// NeedsCreateAlias: kms:CreateAlias on the alias and on its target.
func (s *Service) NeedsCreateAlias(c *access.Call, in *kmsapi.CreateAliasRequest) ([]access.Need, error) {
	if err := checkAliasName(*in.AliasName); err != nil {
		return nil, err
	}
	target, err := findKey(c, *in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	needs := needOwn(c, "kms:CreateAlias", target, &facts{})
	return append(needs, needAlias(c, "kms:CreateAlias", *in.AliasName)), nil
}

// CreateAlias gives a key a name that is unique in its account and region.
func (s *Service) CreateAlias(ctx context.Context, g *access.Grant, in *kmsapi.CreateAliasRequest) error {
	ref, now := g.Key().Ref, s.now().UnixMilli()
	err := s.propose(ctx, state.CreateAlias{Account: ref.Account, Region: ref.Region, Name: *in.AliasName,
		Target: ref.ID, Time: now})
	switch r := refusal(err); {
	case r == nil:
	case r.Code == state.CodeAlreadyExists:
		err = kmsapi.AlreadyExistsException("An alias with the name " + aliasARN(ref.Account, ref.Region, *in.AliasName) + " already exists")
	case r.Code == state.CodeLimitExceeded:
		err = tooManyAliases()
	}
	return err
}

// NeedsUpdateAlias: kms:UpdateAlias on the alias, on the key it names now and on the new one.
func (s *Service) NeedsUpdateAlias(c *access.Call, in *kmsapi.UpdateAliasRequest) ([]access.Need, error) {
	if err := checkAliasName(*in.AliasName); err != nil {
		return nil, err
	}
	now, err := findAlias(c, c.Principal.Account, c.Region, *in.AliasName)
	if err != nil {
		return nil, err
	}
	target, err := findKey(c, *in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	needs := needOwn(c, "kms:UpdateAlias", now, &facts{})
	needs = append(needs, needOwn(c, "kms:UpdateAlias", target, &facts{})...)
	return append(needs, needAlias(c, "kms:UpdateAlias", *in.AliasName)), nil
}

// UpdateAlias moves an alias to another key of the same spec and usage.
func (s *Service) UpdateAlias(ctx context.Context, g *access.Grant, in *kmsapi.UpdateAliasRequest) error {
	target := g.SecondKey().Ref
	err := s.propose(ctx, state.UpdateAlias{Account: target.Account, Region: target.Region, Name: *in.AliasName,
		Target: target.ID, Time: s.now().UnixMilli(), Expect: g.Key().Ref.ID})
	switch r := refusal(err); {
	case r == nil:
	case r.Code == state.CodeConflict:
		err = access.Invalid("Alias " + aliasARN(target.Account, target.Region, *in.AliasName) + " cannot be moved to a key of another type or usage.")
	case r.Code == state.CodeLimitExceeded:
		err = tooManyAliases()
	}
	return err
}

// NeedsDeleteAlias: kms:DeleteAlias on the alias and on its key.
func (s *Service) NeedsDeleteAlias(c *access.Call, in *kmsapi.DeleteAliasRequest) ([]access.Need, error) {
	if err := checkAliasName(*in.AliasName); err != nil {
		return nil, err
	}
	n, err := findAlias(c, c.Principal.Account, c.Region, *in.AliasName)
	if err != nil {
		return nil, err
	}
	return append(needOwn(c, "kms:DeleteAlias", n, &facts{}), needAlias(c, "kms:DeleteAlias", *in.AliasName)), nil
}

// DeleteAlias takes a name from a key. The key is not changed.
func (s *Service) DeleteAlias(ctx context.Context, g *access.Grant, in *kmsapi.DeleteAliasRequest) error {
	ref := g.Key().Ref
	return s.propose(ctx, state.DeleteAlias{Account: ref.Account, Region: ref.Region, Name: *in.AliasName, Expect: ref.ID})
}

// NeedsListAliases: kms:ListAliases, on no resource.
func (s *Service) NeedsListAliases(c *access.Call, _ *kmsapi.ListAliasesRequest) ([]access.Need, error) {
	return needAccount(c, "kms:ListAliases", &facts{}), nil
}

// ListAliases pages through the aliases of the caller's account in the request's region, or of one of its keys.
func (s *Service) ListAliases(_ context.Context, g *access.Grant, in *kmsapi.ListAliasesRequest) (*kmsapi.ListAliasesResponse, error) {
	c := g.Call()
	after, err := readMarker("aliases", in.Marker)
	if err != nil {
		return nil, err
	}
	aliases := c.View.Aliases(c.Principal.Account, c.Region, after)
	if in.KeyId != nil {
		n, err := findKey(c, *in.KeyId)
		if err != nil {
			return nil, err
		}
		if n.owner != c.Principal.Account {
			return nil, notFound(n.arn)
		}
		aliases = c.View.AliasesOf(n.key.Ref, after)
	}
	list, next := page(aliases, in.Limit, 50, func(a *state.Alias) string { return a.Name }, showAlias)
	return &kmsapi.ListAliasesResponse{Aliases: list, NextMarker: writeMarker("aliases", next), Truncated: ptr(next != "")}, nil
}

func showAlias(a *state.Alias) kmsapi.AliasListEntry {
	return kmsapi.AliasListEntry{AliasName: &a.Name, AliasArn: ptr(aliasARN(a.Account, a.Region, a.Name)), TargetKeyId: &a.Target,
		CreationDate: ptr(time.UnixMilli(a.Created)), LastUpdatedDate: ptr(time.UnixMilli(a.Updated))}
}

// aliasPrefix begins the name of every alias.
const aliasPrefix = "alias/"

// tooManyAliases is AWS's answer to one more alias than state.MaxAliasesPerKey.
func tooManyAliases() error {
	quota := strconv.Itoa(state.MaxAliasesPerKey)
	return kmsapi.LimitExceededException("Aliases per key quota for this account in this region is " + quota + ", current usage is " + quota + ".")
}

// checkAliasName holds AWS's rules beyond the pattern of the model.
func checkAliasName(name string) error {
	switch {
	case strings.HasPrefix(name, "alias/aws/"):
		return access.NotAuthorized()
	case !strings.HasPrefix(name, aliasPrefix):
		return access.Invalid("Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html")
	case name == aliasPrefix:
		return kmsapi.InvalidAliasNameException("Alias must not be empty after the prefix \"alias/\".")
	}
	return nil
}
