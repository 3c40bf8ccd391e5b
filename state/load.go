package state

import (
	"errors"
)

var (
	errOrder   = errors.New("record is out of order")
	errMissing = errors.New("record refers to what is not there")
)

func (d *decoder) loadCluster(payload []byte) error {
	if d.t.cluster != nil {
		return errOrder
	}
	c := &Cluster{}
	if err := unmarshal(payload, c); err != nil {
		return err
	}
	d.t.cluster = c
	return refused(c.check())
}

func (d *decoder) loadDocument(payload []byte) error {
	var r documentRecord
	if err := unmarshal(payload, &r); err != nil {
		return err
	}
	if r.Text <= d.document {
		return errOrder
	}
	d.document = r.Text
	d.documents = append(d.documents, shared{document: NewDocument(r.Text)})
	return refused(checkPolicy(r.Text))
}

// use gives the document at a place and counts a use of it.
func (d *decoder) use(place uint32) (*Document, error) {
	if uint64(place) >= uint64(len(d.documents)) {
		return nil, errMissing
	}
	d.documents[place].uses++
	return d.documents[place].document, nil
}

func (d *decoder) loadAccount(payload []byte) error {
	a := &Account{}
	if err := unmarshal(payload, a); err != nil {
		return err
	}
	if a.ID <= d.account {
		return errOrder
	}
	d.account = a.ID
	d.t.accounts.load(a.ID, a)
	return refused(a.check())
}

func (d *decoder) loadUser(payload []byte) error {
	var r userRecord
	if err := unmarshal(payload, &r); err != nil {
		return err
	}
	u := r.User
	if len(r.Documents) != len(u.Policies) || d.t.accounts.get(u.Account) == nil {
		return errMissing
	}
	for i, place := range r.Documents {
		if u.Policies[i].Document != nil {
			return errors.New("policy is in the record")
		}
		var err error
		if u.Policies[i].Document, err = d.use(place); err != nil {
			return err
		}
	}
	at := userKey{u.Account, u.Name}
	if compareUsers(at, d.user) <= 0 {
		return errOrder
	}
	d.user = at
	d.pool.user(&u)
	d.t.users.load(at, &u)
	return refused(u.check())
}

func (d *decoder) loadAccessKey(payload []byte) error {
	a := &AccessKey{}
	if err := unmarshal(payload, a); err != nil {
		return err
	}
	if d.t.users.get(userKey{a.Account, a.User}) == nil {
		return errMissing
	}
	if a.ID <= d.accessKey {
		return errOrder
	}
	d.accessKey = a.ID
	d.pool.accessKey(a)
	d.t.putAccessKey(a)
	return refused(a.check())
}

func (d *decoder) loadKey(payload []byte) error {
	var r keyRecord
	if err := unmarshal(payload, &r); err != nil {
		return err
	}
	k := r.Key
	if k.Policy != nil {
		return errors.New("policy is in the record")
	}
	var err error
	if k.Policy, err = d.use(r.Policy); err != nil {
		return err
	}
	w := writer{&d.t, d.pool}
	if r := first(k.check(), w.namespace(k.Ref.Account, k.Ref.Region)); r != nil {
		return r
	}
	if compareRefs(k.Ref, d.key) <= 0 {
		return errOrder
	}
	d.key = k.Ref
	d.pool.key(&k)
	d.t.loadKey(&k)
	return nil
}

func (d *decoder) loadAlias(payload []byte) error {
	a := &Alias{}
	if err := unmarshal(payload, a); err != nil {
		return err
	}
	if r := a.check(); r != nil {
		return r
	}
	target := d.t.findKey(a.TargetRef())
	if target == nil {
		return errMissing
	}
	at := KeyRef{a.Account, a.Region, a.Name}
	if compareRefs(at, d.alias) <= 0 {
		return errOrder
	}
	d.alias = at
	d.pool.alias(a)
	a.Target = target.Ref.ID
	d.t.putAlias(a)
	return nil
}

// refused turns no refusal into no error.
func refused(r *Refusal) error {
	if r == nil {
		return nil
	}
	return r
}
