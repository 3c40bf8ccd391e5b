package state

import "iter"

// View is the state after one log entry. It never changes, and any number of goroutines may read it. What its
// methods return is shared and must not be modified. Keeping a View keeps in memory only what has changed since.
type View struct {
	t tables
}

// Index is that of the last entry applied, 0 at the very beginning.
func (v *View) Index() uint64 { return v.t.index }

// Cluster gives the cluster's record, nil before Bootstrap.
func (v *View) Cluster() *Cluster { return v.t.cluster }

// Account gives an account by id, or nil.
func (v *View) Account(id string) *Account { return v.t.accounts.get(id) }

// User gives a user, or nil.
func (v *View) User(account, name string) *User { return v.t.users.get(userKey{account, name}) }

// AccessKey gives an access key by id, or nil.
func (v *View) AccessKey(id string) *AccessKey { return v.t.accessKeys.get(id) }

// Key gives a key in whatever state, or nil.
func (v *View) Key(ref KeyRef) *Key { return v.t.findKey(ref) }

// Alias gives an alias by its name with "alias/", or nil.
func (v *View) Alias(account, region, name string) *Alias {
	return v.t.aliases.get(account, region, name)
}

// Accounts gives the accounts in order of id, beginning behind the id after.
func (v *View) Accounts(after string) iter.Seq[*Account] {
	return func(yield func(*Account) bool) {
		for id, a := range v.t.accounts.from(after) {
			if id != after && !yield(a) {
				return
			}
		}
	}
}

// Users gives an account's users in order of name, beginning behind the name after.
func (v *View) Users(account, after string) iter.Seq[*User] {
	return func(yield func(*User) bool) {
		for at, u := range v.t.users.from(userKey{account, after}) {
			if at.account != account {
				return
			}
			if at.name != after && !yield(u) {
				return
			}
		}
	}
}

// AccessKeysOf gives a user's access keys in order of id.
func (v *View) AccessKeysOf(account, user string) iter.Seq[*AccessKey] {
	return func(yield func(*AccessKey) bool) {
		for at, a := range v.t.credentials.from(credentialKey{account, user, ""}) {
			if at.account != account || at.user != user || !yield(a) {
				return
			}
		}
	}
}

// Keys gives the keys of an account and region in order of id, beginning behind the id after.
func (v *View) Keys(account, region, after string) iter.Seq[*Key] {
	return func(yield func(*Key) bool) {
		for id, k := range v.t.keys.from(account, region, after) {
			if id != after && !yield(k) {
				return
			}
		}
	}
}

// Aliases gives the aliases of an account and region in order of name, beginning behind the name after.
func (v *View) Aliases(account, region, after string) iter.Seq[*Alias] {
	return func(yield func(*Alias) bool) {
		for name, a := range v.t.aliases.from(account, region, after) {
			if name != after && !yield(a) {
				return
			}
		}
	}
}

// AliasesOf gives the aliases of a key in order of name, beginning behind the name after.
func (v *View) AliasesOf(ref KeyRef, after string) iter.Seq[*Alias] {
	return func(yield func(*Alias) bool) {
		for at, a := range v.t.targets.from(targetKey{ref, after}) {
			if at.target != ref {
				return
			}
			if at.name != after && !yield(a) {
				return
			}
		}
	}
}

// Due gives the keys whose deletion was due by now (Unix ms), in the order in which they became due.
func (v *View) Due(now int64) iter.Seq[*Key] {
	return func(yield func(*Key) bool) {
		for at, k := range v.t.due.all() {
			if at.due > now || !yield(k) {
				return
			}
		}
	}
}

// Counts says how many records there are.
type Counts struct {
	Accounts, Users, AccessKeys, Keys, PendingDeletion, Aliases, Documents int
}

// Counts takes the same time however many there are.
func (v *View) Counts() Counts {
	return Counts{
		Accounts:        v.t.accounts.len(),
		Users:           v.t.users.len(),
		AccessKeys:      v.t.accessKeys.len(),
		Keys:            v.t.keys.len(),
		PendingDeletion: v.t.due.len(),
		Aliases:         v.t.aliases.len(),
		Documents:       v.t.documents.len(),
	}
}
