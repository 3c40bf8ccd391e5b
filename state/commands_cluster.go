package state

import "slices"

// Bootstrap begins the cluster. It is refused the second time.
type Bootstrap struct {
	Cluster Cluster `cbor:"1,keyasint"`
}

func (c Bootstrap) check() *Refusal { return c.Cluster.check() }

func (c Bootstrap) apply(w *writer) *Refusal {
	if w.cluster != nil {
		return &Refusal{Code: CodeAlreadyBootstrapped, Name: w.cluster.ID}
	}
	w.cluster = &c.Cluster
	return nil
}

// AddRegion has the cluster serve one more region. Adding one that it serves changes nothing.
type AddRegion struct {
	Region string `cbor:"1,keyasint"`
}

func (c AddRegion) check() *Refusal { return checkName("region", c.Region) }

func (c AddRegion) apply(w *writer) *Refusal {
	if slices.Contains(w.cluster.Regions, c.Region) {
		return nil
	}
	if len(w.cluster.Regions) == maxRegions {
		return &Refusal{Code: CodeLimitExceeded, Name: c.Region, Detail: "too many regions"}
	}
	altered := *w.cluster
	altered.Regions = append(slices.Clone(altered.Regions), c.Region)
	w.cluster = &altered
	return nil
}

// PutAccount makes an account or renames it. The creation time of an account cannot change.
type PutAccount struct {
	Account Account `cbor:"1,keyasint"`
}

func (c PutAccount) check() *Refusal { return c.Account.check() }

func (c PutAccount) apply(w *writer) *Refusal {
	if old := w.accounts.get(c.Account.ID); old != nil && old.Created != c.Account.Created {
		return &Refusal{Code: CodeConflict, Name: old.ID, Detail: "another account has this id"}
	}
	w.accounts.set(c.Account.ID, &c.Account)
	return nil
}

// PutUser makes a user or changes its path and policies. Its unique id and creation time cannot change.
type PutUser struct {
	User User `cbor:"1,keyasint"`
}

func (c PutUser) check() *Refusal { return c.User.check() }

func (c PutUser) apply(w *writer) *Refusal {
	u := c.User
	if w.accounts.get(u.Account) == nil {
		return &Refusal{Code: CodeNotFound, Ref: KeyRef{Account: u.Account}, Name: u.Account, Detail: "no such account"}
	}
	if old := w.users.get(userKey{u.Account, u.Name}); old != nil && (old.ID != u.ID || old.Created != u.Created) {
		return &Refusal{Code: CodeConflict, Ref: KeyRef{Account: u.Account}, Name: u.Name, Detail: "another user has this name"}
	}
	w.pool.user(&u)
	w.putUser(&u)
	return nil
}

// PutAccessKey makes an access key, or changes whether it is active and how its secret is sealed. Its user and
// creation time cannot change.
type PutAccessKey struct {
	AccessKey AccessKey `cbor:"1,keyasint"`
}

func (c PutAccessKey) check() *Refusal { return c.AccessKey.check() }

func (c PutAccessKey) apply(w *writer) *Refusal {
	a := c.AccessKey
	if w.users.get(userKey{a.Account, a.User}) == nil {
		return &Refusal{Code: CodeNotFound, Ref: KeyRef{Account: a.Account}, Name: a.User, Detail: "no such user"}
	}
	if old := w.accessKeys.get(a.ID); old != nil && (old.Account != a.Account || old.User != a.User || old.Created != a.Created) {
		return &Refusal{Code: CodeConflict, Ref: KeyRef{Account: a.Account}, Name: a.ID, Detail: "another access key has this id"}
	}
	w.pool.accessKey(&a)
	w.putAccessKey(&a)
	return nil
}
