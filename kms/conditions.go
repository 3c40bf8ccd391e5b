package kms

import (
	"slices"
	"strconv"
	"strings"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

// facts are the condition keys of one need that this service knows: those of the key, and those of the request
// (AWS service authorization reference, "Condition keys for AWS Key Management Service"). They are looked up only
// when a policy asks.
type facts struct {
	call      *access.Call
	key       *state.Key
	alias     string            // the alias that the request named the key by
	context   map[string]string // encryption context
	algorithm string            // of encryption operations
	tags      []kmsapi.Tag      // in the request
	tagKeys   []string          // named by the request, with or without values
	window    *int32            // ScheduleKeyDeletion, days
	bypass    *bool             // BypassPolicyLockoutSafetyCheck
	sameKey   *bool             // ReEncrypt
	make      *newKey           // CreateKey
}

// newKey is what CreateKey is asked to make.
type newKey struct {
	spec, usage, origin string
	multiRegion         bool
}

// ofRequestAlone is what the caller knows without the key: the part of the facts that a stranger's denial may depend on.
func (f *facts) ofRequestAlone() *facts {
	known := *f
	known.key, known.sameKey = nil, nil
	return &known
}

// Lookup gives the values of a condition key, named in lower case.
func (f *facts) Lookup(name string) ([]string, bool) {
	if rest, ok := strings.CutPrefix(name, "kms:encryptioncontext:"); ok {
		return f.contextValue(rest)
	}
	if rest, ok := strings.CutPrefix(name, "aws:requesttag/"); ok {
		return tagValue(f.tags, rest)
	}
	if rest, ok := strings.CutPrefix(name, "aws:resourcetag/"); ok && f.key != nil {
		return keyTagValue(f.key.Tags, rest)
	}
	if v, ok := f.ofRequest(name); ok {
		return v, true
	}
	return f.ofKey(name)
}

// ofRequest answers the keys that say what was asked.
func (f *facts) ofRequest(name string) ([]string, bool) {
	switch name {
	case "kms:calleraccount":
		return one(f.call.Principal.Account)
	case "kms:encryptionalgorithm":
		return one(f.algorithm)
	case "kms:encryptioncontextkeys":
		return many(sortedKeys(f.context))
	case "kms:requestalias":
		return one(f.alias)
	case "aws:tagkeys":
		return many(f.tagKeys)
	case "kms:schedulekeydeletionpendingwindowindays":
		if f.window != nil {
			return one(strconv.Itoa(int(*f.window)))
		}
	case "kms:bypasspolicylockoutsafetycheck":
		return boolean(f.bypass)
	case "kms:reencryptonsamekey":
		return boolean(f.sameKey)
	}
	return nil, false
}

// ofKey answers the keys that say what the KMS key is, or is to be.
func (f *facts) ofKey(name string) ([]string, bool) {
	k := f.make
	if f.key != nil {
		k = &newKey{spec: f.key.Spec, usage: f.key.Usage, origin: f.key.Origin, multiRegion: f.key.MultiRegion}
	}
	if k == nil {
		return nil, false
	}
	switch name {
	case "kms:keyspec", "kms:customermasterkeyspec":
		return one(k.spec)
	case "kms:keyusage", "kms:customermasterkeyusage":
		return one(k.usage)
	case "kms:keyorigin":
		return one(k.origin)
	case "kms:multiregion":
		return one(strconv.FormatBool(k.multiRegion))
	case "kms:resourcealiases":
		return f.aliases()
	}
	return nil, false
}

func (f *facts) aliases() ([]string, bool) {
	if f.key == nil {
		return nil, false
	}
	var names []string
	for a := range f.call.View.AliasesOf(f.key.Ref, "") {
		names = append(names, a.Name)
	}
	return many(names)
}

// The names below are matched without regard to case, as AWS matches the names of condition keys. Encryption contexts
// and the tags of KMS keys do tell cases apart, so there may be several matches; then all of them are values, and a
// policy cannot be satisfied by one while the other is what counts.

func (f *facts) contextValue(name string) ([]string, bool) {
	var values []string
	for k, v := range f.context {
		if strings.EqualFold(k, name) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return many(values)
}

func tagValue(tags []kmsapi.Tag, name string) ([]string, bool) {
	var values []string
	for _, t := range tags {
		if t.TagKey != nil && t.TagValue != nil && strings.EqualFold(*t.TagKey, name) {
			values = append(values, *t.TagValue)
		}
	}
	return many(values)
}

func keyTagValue(tags []state.Tag, name string) ([]string, bool) {
	var values []string
	for _, t := range tags {
		if strings.EqualFold(t.Key, name) {
			values = append(values, t.Value)
		}
	}
	return many(values)
}

func one(v string) ([]string, bool) {
	if v == "" {
		return nil, false
	}
	return []string{v}, true
}

func many(v []string) ([]string, bool) { return v, len(v) > 0 }

func boolean(v *bool) ([]string, bool) {
	if v == nil {
		return nil, false
	}
	return []string{strconv.FormatBool(*v)}, true
}

func sortedKeys(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
