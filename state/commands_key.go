package state

import (
	"slices"
	"strings"
)

// CreateKey adds a key, which must be enabled and have at least one version, in an account there is and a region
// that is served.
type CreateKey struct {
	Key Key `cbor:"1,keyasint"`
}

func (c CreateKey) check() *Refusal {
	if r := c.Key.check(); r != nil {
		return r
	}
	if c.Key.State != Enabled {
		return invalid("a new key is %v", c.Key.State)
	}
	return nil
}

func (c CreateKey) apply(w *writer) *Refusal {
	k := c.Key
	if r := w.namespace(k.Ref.Account, k.Ref.Region); r != nil {
		return r
	}
	if w.findKey(k.Ref) != nil {
		return &Refusal{Code: CodeAlreadyExists, Ref: k.Ref}
	}
	w.pool.key(&k)
	k.Policy = w.acquire(k.Policy.Text)
	w.putKey(&k)
	return nil
}

// SetKeyEnabled enables or disables a key that is not pending deletion. A key that is so already stays so.
type SetKeyEnabled struct {
	Ref     KeyRef `cbor:"1,keyasint"`
	Enabled bool   `cbor:"2,keyasint"`
	Time    int64  `cbor:"3,keyasint"` // Unix ms, when it was asked for
}

func (c SetKeyEnabled) check() *Refusal { return first(checkRef(c.Ref), checkTime("time", c.Time)) }

func (c SetKeyEnabled) apply(w *writer) *Refusal {
	k, r := w.liveKey(c.Ref)
	if r != nil {
		return r
	}
	w.changeKey(k, func(k *Key) {
		k.State = Disabled
		if c.Enabled {
			k.State = Enabled
		}
	})
	return nil
}

// ScheduleDeletion makes a key pending deletion.
type ScheduleDeletion struct {
	Ref  KeyRef `cbor:"1,keyasint"`
	Days int32  `cbor:"2,keyasint"` // the waiting period, 1 to 365 (AWS allows 7 to 30)
	Due  int64  `cbor:"3,keyasint"` // Unix ms, not before Time
	Time int64  `cbor:"4,keyasint"` // Unix ms, when it was asked for
}

func (c ScheduleDeletion) check() *Refusal {
	if c.Due < c.Time {
		return invalid("deletion is due before it is asked for")
	}
	return first(checkRef(c.Ref), checkWindow(c.Days), checkTime("time", c.Time))
}

func (c ScheduleDeletion) apply(w *writer) *Refusal {
	k, r := w.liveKey(c.Ref)
	if r != nil {
		return r
	}
	w.changeKey(k, func(k *Key) {
		k.State, k.DeletionDue, k.PendingWindow = PendingDeletion, c.Due, c.Days
	})
	return nil
}

// CancelDeletion makes a key that is pending deletion a disabled one.
type CancelDeletion struct {
	Ref  KeyRef `cbor:"1,keyasint"`
	Time int64  `cbor:"2,keyasint"` // Unix ms, when it was asked for
}

func (c CancelDeletion) check() *Refusal { return first(checkRef(c.Ref), checkTime("time", c.Time)) }

func (c CancelDeletion) apply(w *writer) *Refusal {
	k, r := w.pendingKey(c.Ref)
	if r != nil {
		return r
	}
	w.changeKey(k, func(k *Key) {
		k.State, k.DeletionDue, k.PendingWindow = Disabled, 0, 0
	})
	return nil
}

// DeleteKey removes a key that is pending deletion and due, with its aliases and every version. Nothing remains.
type DeleteKey struct {
	Ref  KeyRef `cbor:"1,keyasint"`
	Time int64  `cbor:"2,keyasint"` // Unix ms, the time by which the deletion must have been due
}

func (c DeleteKey) check() *Refusal { return first(checkRef(c.Ref), checkTime("time", c.Time)) }

func (c DeleteKey) apply(w *writer) *Refusal {
	k, r := w.pendingKey(c.Ref)
	if r != nil {
		return r
	}
	if c.Time < k.DeletionDue {
		return &Refusal{Code: CodeNotDue, Ref: c.Ref}
	}
	w.dropKey(k)
	return nil
}

// SetDescription replaces the description of a key that is not pending deletion.
type SetDescription struct {
	Ref         KeyRef `cbor:"1,keyasint"`
	Description string `cbor:"2,keyasint"`
}

func (c SetDescription) check() *Refusal {
	return first(checkRef(c.Ref), checkText("description", c.Description, 0, maxDescription))
}

func (c SetDescription) apply(w *writer) *Refusal {
	k, r := w.liveKey(c.Ref)
	if r != nil {
		return r
	}
	w.changeKey(k, func(k *Key) { k.Description = c.Description })
	return nil
}

// PutKeyPolicy replaces the policy of a key in any state.
type PutKeyPolicy struct {
	Ref    KeyRef `cbor:"1,keyasint"`
	Policy string `cbor:"2,keyasint"`
}

func (c PutKeyPolicy) check() *Refusal { return first(checkRef(c.Ref), checkPolicy(c.Policy)) }

func (c PutKeyPolicy) apply(w *writer) *Refusal {
	k, r := w.key(c.Ref)
	if r != nil {
		return r
	}
	policy := w.acquire(c.Policy)
	w.release(k.Policy)
	w.changeKey(k, func(k *Key) { k.Policy = policy })
	return nil
}

// TagKey adds tags to a key that is not pending deletion, or gives tags that it has new values. It is refused when
// the key would have more than MaxTags.
type TagKey struct {
	Ref  KeyRef `cbor:"1,keyasint"`
	Tags []Tag  `cbor:"2,keyasint"` // in any order, each key once
}

func (c TagKey) check() *Refusal {
	if len(c.Tags) == 0 {
		return invalid("no tags")
	}
	return first(checkRef(c.Ref), checkTags(sortedTags(c.Tags)))
}

func (c TagKey) apply(w *writer) *Refusal {
	k, r := w.liveKey(c.Ref)
	if r != nil {
		return r
	}
	tags := mergeTags(k.Tags, sortedTags(c.Tags))
	if len(tags) > MaxTags {
		return &Refusal{Code: CodeLimitExceeded, Ref: c.Ref, Detail: "too many tags"}
	}
	w.changeKey(k, func(k *Key) { k.Tags = tags })
	return nil
}

// UntagKey removes tags from a key that is not pending deletion. Tags that it does not have are no error.
type UntagKey struct {
	Ref  KeyRef   `cbor:"1,keyasint"`
	Keys []string `cbor:"2,keyasint"`
}

func (c UntagKey) check() *Refusal {
	if len(c.Keys) == 0 || len(c.Keys) > maxUntagged {
		return invalid("%d tag keys, not 1 to %d", len(c.Keys), maxUntagged)
	}
	for _, key := range c.Keys {
		if r := checkText("tag key", key, 1, 128); r != nil {
			return r
		}
	}
	return checkRef(c.Ref)
}

func (c UntagKey) apply(w *writer) *Refusal {
	k, r := w.liveKey(c.Ref)
	if r != nil {
		return r
	}
	var tags []Tag
	for _, t := range k.Tags {
		if !slices.Contains(c.Keys, t.Key) {
			tags = append(tags, t)
		}
	}
	w.changeKey(k, func(k *Key) { k.Tags = tags })
	return nil
}

func compareTags(a, b Tag) int { return strings.Compare(a.Key, b.Key) }

func sortedTags(tags []Tag) []Tag {
	sorted := slices.Clone(tags)
	slices.SortFunc(sorted, compareTags)
	return sorted
}

// mergeTags gives old with the tags of added in place or in addition. Both are sorted.
func mergeTags(old, added []Tag) []Tag {
	merged := slices.Clone(old)
	for _, t := range added {
		i, found := slices.BinarySearchFunc(merged, t, compareTags)
		if found {
			merged[i] = t
		} else {
			merged = slices.Insert(merged, i, t)
		}
	}
	return slices.Clip(merged)
}
