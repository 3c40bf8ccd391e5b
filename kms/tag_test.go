package kms

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

func tagsOf(pairs ...string) []kmsapi.Tag {
	var tags []kmsapi.Tag
	for i := 0; i < len(pairs); i += 2 {
		tags = append(tags, kmsapi.Tag{TagKey: &pairs[i], TagValue: &pairs[i+1]})
	}
	return tags
}

func manyTags(prefix string, n int) []kmsapi.Tag {
	var pairs []string
	for i := range n {
		pairs = append(pairs, fmt.Sprint(prefix, i), "v")
	}
	return tagsOf(pairs...)
}

func (w *world) tag(k *state.Key, tags []kmsapi.Tag) error {
	return second(invoke(w.admin(), w.NeedsTagResource, silent(w.TagResource), &kmsapi.TagResourceRequest{KeyId: &k.Ref.ID, Tags: tags}))
}

func TestTags(t *testing.T) {
	for name, test := range map[string]struct {
		have, add []kmsapi.Tag
		want      string
		then      []state.Tag // nil: as before
	}{
		"first":              {nil, tagsOf("b", "1", "a", "2"), "ok", []state.Tag{{Key: "a", Value: "2"}, {Key: "b", Value: "1"}}},
		"another value":      {tagsOf("a", "1"), tagsOf("a", "2"), "ok", []state.Tag{{Key: "a", Value: "2"}}},
		"empty value":        {nil, tagsOf("a", ""), "ok", []state.Tag{{Key: "a", Value: ""}}},
		"other case":         {tagsOf("a", "1"), tagsOf("A", "2"), "ok", []state.Tag{{Key: "A", Value: "2"}, {Key: "a", Value: "1"}}},
		"none":               {tagsOf("a", "1"), nil, "ok", nil},
		"twice":              {nil, tagsOf("a", "1", "a", "1"), "TagException: Duplicate tag keys", nil},
		"reserved":           {nil, tagsOf("a", "1", "aws:x", "1"), "TagException: Tags beginning with aws: are reserved", nil},
		"reserved, any case": {nil, tagsOf("AwS:x", "1"), "TagException: Tags beginning with aws: are reserved", nil},
		"51 at once":         {nil, manyTags("t", 51), "TagException: Too many tags", nil},
		"51 together":        {manyTags("t", 50), tagsOf("a", "1"), "TagException: Too many tags", nil},
		"50, one replaced":   {manyTags("t", 50), tagsOf("t7", "v"), "ok", nil},
	} {
		w := newWorld(t, memoryConfig)
		k := w.key(func(in *kmsapi.CreateKeyRequest) { in.Tags = test.have })
		before := w.fresh(k).Tags
		if got := text(w.tag(k, test.add)); got != test.want {
			t.Errorf("%s: %s\nwant %s", name, got, test.want)
		}
		if test.then == nil {
			test.then = before
		}
		if diff := cmp.Diff(test.then, w.fresh(k).Tags); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if test.have == nil && test.want != "ok" {
			_, err := invoke(w.admin(), w.NeedsCreateKey, w.CreateKey, &kmsapi.CreateKeyRequest{Tags: test.add})
			if text(err) != test.want {
				t.Errorf("CreateKey with %s: %s", name, text(err))
			}
		}
	}
}

// TestTagsOvertaken: two calls that both had room, but not together.
func TestTagsOvertaken(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.key(func(in *kmsapi.CreateKeyRequest) { in.Tags = manyTags("t", 49) })
	w.before = func(state.Command) error {
		w.before = nil
		w.must(state.TagKey{Ref: k.Ref, Tags: []state.Tag{{Key: "first"}}})
		return nil
	}
	if got := text(w.tag(k, tagsOf("second", "v"))); got != "TagException: Too many tags" {
		t.Error(got)
	}
}

func TestUntag(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.key(func(in *kmsapi.CreateKeyRequest) { in.Tags = tagsOf("a", "1", "b", "2") })
	untag := func(keys ...string) error {
		in := &kmsapi.UntagResourceRequest{KeyId: &k.Ref.ID, TagKeys: keys}
		return second(invoke(w.admin(), w.NeedsUntagResource, silent(w.UntagResource), in))
	}
	if got := text(untag("b", "aws:x")); got != "TagException: Tags beginning with aws: are reserved" {
		t.Error(got)
	}
	for _, keys := range [][]string{{"A", "none"}, {}} {
		if err := untag(keys...); err != nil {
			t.Errorf("%v: %v", keys, err)
		}
	}
	if got := text(untag(make([]string, 1001)...)); got != "TagException: Too many tags" {
		t.Error(got)
	}
	if err := untag("a", "a"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]state.Tag{{Key: "b", Value: "2"}}, w.fresh(k).Tags); diff != "" {
		t.Error(diff)
	}
}
