package kms

import (
	"context"
	"slices"
	"strings"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

// NeedsTagResource: kms:TagResource on the key.
func (s *Service) NeedsTagResource(c *access.Call, in *kmsapi.TagResourceRequest) ([]access.Need, error) {
	return needsOwnKey(c, "kms:TagResource", in.KeyId, &facts{tags: in.Tags, tagKeys: tagKeys(in.Tags)})
}

// TagResource adds tags to a key or replaces the values of those it has.
func (s *Service) TagResource(ctx context.Context, g *access.Grant, in *kmsapi.TagResourceRequest) error {
	key := g.Key()
	tags, err := newTags(key.Tags, in.Tags)
	if err != nil || len(tags) == 0 {
		return err
	}
	err = s.propose(ctx, state.TagKey{Ref: key.Ref, Tags: tags})
	if r := refusal(err); r != nil && r.Code == state.CodeLimitExceeded {
		err = tooManyTags()
	}
	return err
}

func tooManyTags() error { return kmsapi.TagException("Too many tags") }

// newTags checks the tags of a request against AWS's rules and sorts them.
func newTags(have []state.Tag, in []kmsapi.Tag) ([]state.Tag, error) {
	tags := make([]state.Tag, 0, len(in))
	count := len(have)
	for _, t := range in {
		if strings.HasPrefix(strings.ToLower(*t.TagKey), "aws:") {
			return nil, kmsapi.TagException("Tags beginning with aws: are reserved")
		}
		if slices.ContainsFunc(tags, func(o state.Tag) bool { return o.Key == *t.TagKey }) {
			return nil, kmsapi.TagException("Duplicate tag keys")
		}
		if !slices.ContainsFunc(have, func(o state.Tag) bool { return o.Key == *t.TagKey }) {
			count++
		}
		tags = append(tags, state.Tag{Key: *t.TagKey, Value: *t.TagValue})
	}
	if count > state.MaxTags {
		return nil, tooManyTags()
	}
	slices.SortFunc(tags, func(a, b state.Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags, nil
}

// maxUntagged bounds the names in one UntagResource; the model does not, and a key has no more than state.MaxTags.
const maxUntagged = 1000

// NeedsUntagResource: kms:UntagResource on the key.
func (s *Service) NeedsUntagResource(c *access.Call, in *kmsapi.UntagResourceRequest) ([]access.Need, error) {
	return needsOwnKey(c, "kms:UntagResource", in.KeyId, &facts{tagKeys: in.TagKeys})
}

// UntagResource removes tags from a key; those that it does not have are ignored.
func (s *Service) UntagResource(ctx context.Context, g *access.Grant, in *kmsapi.UntagResourceRequest) error {
	if len(in.TagKeys) > maxUntagged {
		return tooManyTags()
	}
	for _, k := range in.TagKeys {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return kmsapi.TagException("Tags beginning with aws: are reserved")
		}
	}
	if len(in.TagKeys) == 0 {
		return nil
	}
	return s.propose(ctx, state.UntagKey{Ref: g.Key().Ref, Keys: in.TagKeys})
}

// NeedsListResourceTags: kms:ListResourceTags on the key.
func (s *Service) NeedsListResourceTags(c *access.Call, in *kmsapi.ListResourceTagsRequest) ([]access.Need, error) {
	return needsOwnKey(c, "kms:ListResourceTags", in.KeyId, &facts{})
}

// ListResourceTags pages through the tags of a key, in order of their keys.
func (s *Service) ListResourceTags(_ context.Context, g *access.Grant, in *kmsapi.ListResourceTagsRequest) (*kmsapi.ListResourceTagsResponse, error) {
	after, err := readMarker("tags", in.Marker)
	if err != nil {
		return nil, err
	}
	tags := g.Key().Tags
	rest := func(yield func(state.Tag) bool) {
		for _, t := range tags {
			if t.Key > after && !yield(t) {
				return
			}
		}
	}
	list, next := page(rest, in.Limit, 50, func(t state.Tag) string { return t.Key }, func(t state.Tag) kmsapi.Tag {
		return kmsapi.Tag{TagKey: &t.Key, TagValue: &t.Value}
	})
	return &kmsapi.ListResourceTagsResponse{Tags: list, NextMarker: writeMarker("tags", next), Truncated: ptr(next != "")}, nil
}

func tagKeys(tags []kmsapi.Tag) []string {
	keys := make([]string, 0, len(tags))
	for _, t := range tags {
		if t.TagKey != nil {
			keys = append(keys, *t.TagKey)
		}
	}
	return keys
}
