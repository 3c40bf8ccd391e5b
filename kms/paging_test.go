package kms

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

// lister reads one page of a list: the names on it and the marker of the next.
type lister struct {
	name string
	most int32 // entries of the longest page
	page func(c *access.Call, limit *int32, marker *string) (names []string, next *string, truncated bool, err error)
}

func (w *world) listers(k *state.Key) []lister {
	return []lister{
		{"ListKeys", 1000, func(c *access.Call, limit *int32, marker *string) (names []string, next *string, truncated bool, err error) {
			out, err := invoke(c, w.NeedsListKeys, w.ListKeys, &kmsapi.ListKeysRequest{Limit: limit, Marker: marker})
			if err != nil {
				return nil, nil, false, err
			}
			for _, e := range out.Keys {
				names = append(names, *e.KeyId)
			}
			return names, out.NextMarker, *out.Truncated, nil
		}},
		{"ListAliases", 100, w.listAliases(nil)},
		{"ListAliases of a key", 100, w.listAliases(&k.Ref.ID)},
		{"ListResourceTags", 50, func(c *access.Call, limit *int32, marker *string) (names []string, next *string, truncated bool, err error) {
			in := &kmsapi.ListResourceTagsRequest{KeyId: &k.Ref.ID, Limit: limit, Marker: marker}
			out, err := invoke(c, w.NeedsListResourceTags, w.ListResourceTags, in)
			if err != nil {
				return nil, nil, false, err
			}
			for _, t := range out.Tags {
				if *t.TagValue != "v"+*t.TagKey {
					w.Errorf("tag %s has value %s", *t.TagKey, *t.TagValue)
				}
				names = append(names, *t.TagKey)
			}
			return names, out.NextMarker, *out.Truncated, nil
		}},
		{"ListKeyPolicies", 1000, func(c *access.Call, limit *int32, marker *string) (names []string, next *string, truncated bool, err error) {
			in := &kmsapi.ListKeyPoliciesRequest{KeyId: &k.Ref.ID, Limit: limit, Marker: marker}
			out, err := invoke(c, w.NeedsListKeyPolicies, w.ListKeyPolicies, in)
			if err != nil {
				return nil, nil, false, err
			}
			return out.PolicyNames, out.NextMarker, *out.Truncated, nil
		}},
	}
}

func (w *world) listAliases(id *string) func(c *access.Call, limit *int32, marker *string) (names []string, next *string, truncated bool, err error) {
	return func(c *access.Call, limit *int32, marker *string) (names []string, next *string, truncated bool, err error) {
		out, err := invoke(c, w.NeedsListAliases, w.ListAliases, &kmsapi.ListAliasesRequest{KeyId: id, Limit: limit, Marker: marker})
		if err != nil {
			return nil, nil, false, err
		}
		for _, a := range out.Aliases {
			names = append(names, *a.AliasName)
		}
		return names, out.NextMarker, *out.Truncated, nil
	}
}

// fill makes things of every kind that is listed, more than a usual page of each, and some that must not be listed.
func (w *world) fill() (k *state.Key) {
	w.Helper()
	k = w.key()
	var tags []state.Tag
	for i := range 50 {
		w.alias(fmt.Sprintf("alias/k%02d", i), k)
		name := fmt.Sprintf("t%02d", i)
		tags = append(tags, state.Tag{Key: name, Value: "v" + name})
	}
	w.must(state.TagKey{Ref: k.Ref, Tags: tags})
	other := k
	for i := range 120 {
		if i%40 == 0 {
			other = w.key()
		}
		w.alias(fmt.Sprintf("alias/o%03d", i), other)
		w.key()
	}
	w.alias("alias/k00", w.keyBy(w.call(here, "admin", away)))
	w.alias("alias/k00", w.keyBy(w.call(there, "admin", home)))
	return k
}

// walk reads a whole list.
func walk(t *testing.T, l lister, c *access.Call, limit *int32) []string {
	t.Helper()
	var all []string
	var marker *string
	for range 10_000 {
		names, next, truncated, err := l.page(c, limit, marker)
		if err != nil {
			t.Fatal(err)
		}
		if truncated != (next != nil) || truncated && len(names) == 0 || limit != nil && len(names) > int(*limit) {
			t.Fatalf("%s: %d names, truncated %v, marker %v", l.name, len(names), truncated, next)
		}
		all = append(all, names...)
		if marker = next; marker == nil {
			return all
		}
	}
	t.Fatal("the list does not end")
	return nil
}

// TestPages: the pages of any size make the whole list, in order, without doubles.
func TestPages(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.fill()
	want := map[string]int{"ListKeys": 124, "ListAliases": 170, "ListAliases of a key": 50, "ListResourceTags": 50, "ListKeyPolicies": 1}
	for _, l := range w.listers(k) {
		whole := walk(t, l, w.admin(), nil)
		if len(whole) != want[l.name] || !slices.IsSorted(whole) || len(slices.Compact(slices.Clone(whole))) != len(whole) {
			t.Errorf("%s: %d names: %v", l.name, len(whole), whole)
		}
		for _, limit := range []int32{1, 2, 3, 49, 50, 51, 100, 123, 124, 125, 169, 170, 171, 1000} {
			if limit > l.most {
				continue
			}
			if got := walk(t, l, w.admin(), &limit); !slices.Equal(got, whole) {
				t.Errorf("%s by %d: %d names", l.name, limit, len(got))
			}
		}
	}
}

// TestUsualPages: the sizes that AWS documents for a call without Limit.
func TestUsualPages(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.fill()
	want := map[string]int{"ListKeys": 100, "ListAliases": 50, "ListAliases of a key": 50, "ListResourceTags": 50, "ListKeyPolicies": 1}
	for _, l := range w.listers(k) {
		names, _, _, err := l.page(w.admin(), nil, nil)
		if err != nil || len(names) != want[l.name] {
			t.Errorf("%s: %d names, %v", l.name, len(names), err)
		}
	}
}

// TestPagesWhileThingsChange: what is there throughout is listed exactly once, whatever is made and deleted meanwhile.
func TestPagesWhileThingsChange(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.fill()
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 20 {
		lasting := map[string]bool{}
		for _, n := range walk(t, w.listers(k)[1], w.admin(), nil) {
			lasting[n] = true
		}
		seen := map[string]int{}
		var marker *string
		for {
			names, next, _, err := w.listers(k)[1].page(w.admin(), ptr(int32(1+random.IntN(20))), marker)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range names {
				seen[n]++
			}
			if marker = next; marker == nil {
				break
			}
			gone := names[len(names)-1] // even the name that the marker is made of
			w.must(state.DeleteAlias{Account: here, Region: home, Name: gone})
			delete(lasting, gone)
			w.alias(fmt.Sprintf("alias/n%d-%d", round, len(seen)), w.key())
		}
		for name, times := range seen {
			if times != 1 {
				t.Fatalf("%s came %d times", name, times)
			}
		}
		for name := range lasting {
			if seen[name] == 0 {
				t.Fatalf("%s was left out", name)
			}
		}
	}
}

// TestMarkers: markers that no list of this kind has given are refused.
func TestMarkers(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.fill()
	given := map[string]string{}
	for _, l := range w.listers(k) {
		_, next, _, err := l.page(w.admin(), ptr(int32(1)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if next != nil {
			given[l.name] = *next
		}
	}
	bad := []string{"", "x", "====", "a2V5cw", (*writeMarker("keys", "\x00"))[:5], " " + given["ListKeys"], given["ListKeys"] + "=", given["ListKeys"] + "\n"}
	for _, l := range w.listers(k) {
		markers := slices.Clone(bad)
		for other, m := range given {
			if other[:8] != l.name[:8] {
				markers = append(markers, m)
			}
		}
		for _, m := range markers {
			if _, _, _, err := l.page(w.admin(), nil, &m); text(err) != "InvalidMarkerException: Invalid marker: "+m {
				t.Errorf("%s with %q: %v", l.name, m, err)
			}
		}
		behind := *writeMarker(map[string]string{"ListKeys": "keys", "ListResourceTags": "tags", "ListKeyPolicies": "policies"}[l.name]+
			map[bool]string{true: "aliases"}[l.name[:8] == "ListAlia"], "\xff")
		if names, next, truncated, err := l.page(w.admin(), nil, &behind); err != nil || len(names) != 0 || next != nil || truncated {
			t.Errorf("%s behind the end: %v, %v, %v, %v", l.name, names, next, truncated, err)
		}
	}
}
