package state

import "slices"

// writer is what a command is applied to. Its lookups refuse; its changes cannot fail.
type writer struct {
	*tables
	pool interner
}

// namespace checks that there may be keys in an account and region.
func (w *writer) namespace(account, region string) *Refusal {
	if w.accounts.get(account) == nil {
		return &Refusal{Code: CodeNotFound, Ref: KeyRef{Account: account, Region: region}, Name: account, Detail: "no such account"}
	}
	if !slices.Contains(w.cluster.Regions, region) {
		return &Refusal{Code: CodeNotFound, Ref: KeyRef{Account: account, Region: region}, Name: region, Detail: "region is not served"}
	}
	return nil
}

func (w *writer) key(ref KeyRef) (*Key, *Refusal) {
	k := w.findKey(ref)
	if k == nil {
		return nil, &Refusal{Code: CodeNotFound, Ref: ref}
	}
	return k, nil
}

// liveKey gives a key that is not pending deletion.
func (w *writer) liveKey(ref KeyRef) (*Key, *Refusal) {
	k, r := w.key(ref)
	if r == nil && k.State == PendingDeletion {
		return nil, &Refusal{Code: CodePendingDeletion, Ref: ref}
	}
	return k, r
}

// pendingKey gives a key that is pending deletion.
func (w *writer) pendingKey(ref KeyRef) (*Key, *Refusal) {
	k, r := w.key(ref)
	if r == nil && k.State != PendingDeletion {
		return nil, &Refusal{Code: CodeNotPendingDeletion, Ref: ref}
	}
	return k, r
}

func (w *writer) alias(account, region, name string) (*Alias, *Refusal) {
	a := w.aliases.get(account, region, name)
	if a == nil {
		return nil, &Refusal{Code: CodeNotFound, Ref: KeyRef{Account: account, Region: region}, Name: name}
	}
	return a, nil
}

// changeKey puts an altered copy in a key's place; views keep the record they have. The change must replace slices,
// never write into them, and leave the policy alone.
func (w *writer) changeKey(k *Key, change func(k *Key)) {
	altered := *k
	change(&altered)
	w.putKey(&altered)
}
