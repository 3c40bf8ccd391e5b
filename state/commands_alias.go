package state

import "strings"

// CreateAlias gives a key that is not pending deletion another name. A key has at most MaxAliasesPerKey.
type CreateAlias struct {
	Account string `cbor:"1,keyasint"`
	Region  string `cbor:"2,keyasint"`
	Name    string `cbor:"3,keyasint"` // with "alias/"
	Target  string `cbor:"4,keyasint"` // key id
	Time    int64  `cbor:"5,keyasint"` // Unix ms
}

func (c CreateAlias) record() *Alias {
	return &Alias{Account: c.Account, Region: c.Region, Name: c.Name, Target: c.Target, Created: c.Time, Updated: c.Time}
}

func (c CreateAlias) check() *Refusal { return c.record().check() }

func (c CreateAlias) apply(w *writer) *Refusal {
	a := c.record()
	target, r := w.liveKey(a.TargetRef())
	if r != nil {
		return r
	}
	if w.aliases.get(a.Account, a.Region, a.Name) != nil {
		return &Refusal{Code: CodeAlreadyExists, Ref: KeyRef{Account: a.Account, Region: a.Region}, Name: a.Name}
	}
	if r := w.roomForAlias(target.Ref); r != nil {
		return r
	}
	w.pool.alias(a)
	a.Target = target.Ref.ID
	w.putAlias(a)
	return nil
}

// UpdateAlias lets an alias name another key of the same type (symmetric, asymmetric or HMAC) and usage, which must
// not be pending deletion. The key that it names now may be.
type UpdateAlias struct {
	Account string `cbor:"1,keyasint"`
	Region  string `cbor:"2,keyasint"`
	Name    string `cbor:"3,keyasint"` // with "alias/"
	Target  string `cbor:"4,keyasint"` // key id
	Time    int64  `cbor:"5,keyasint"` // Unix ms
	// Expect is the key id that the alias must name now, the one that the change was decided on; "" for any.
	Expect string `cbor:"6,keyasint,omitempty"`
}

func (c UpdateAlias) check() *Refusal {
	return first(
		checkRef(KeyRef{c.Account, c.Region, c.Target}),
		checkAliasName(c.Name),
		checkTime("time", c.Time),
		checkExpected(c.Account, c.Region, c.Expect),
	)
}

func (c UpdateAlias) apply(w *writer) *Refusal {
	old, r := w.expectedAlias(c.Account, c.Region, c.Name, c.Expect)
	if r != nil {
		return r
	}
	target, r := w.liveKey(KeyRef{c.Account, c.Region, c.Target})
	if r != nil {
		return r
	}
	source, r := w.key(old.TargetRef())
	if r != nil {
		return r
	}
	if keyType(source.Spec) != keyType(target.Spec) || source.Usage != target.Usage {
		return &Refusal{Code: CodeConflict, Ref: target.Ref, Name: c.Name, Detail: "keys differ in type or usage"}
	}
	if target != source {
		if r := w.roomForAlias(target.Ref); r != nil {
			return r
		}
	}
	altered := *old
	altered.Target, altered.Updated = target.Ref.ID, c.Time
	w.putAlias(&altered)
	return nil
}

// DeleteAlias removes an alias, whatever the state of its key.
type DeleteAlias struct {
	Account string `cbor:"1,keyasint"`
	Region  string `cbor:"2,keyasint"`
	Name    string `cbor:"3,keyasint"` // with "alias/"
	// Expect is the key id that the alias must name now, the one that the change was decided on; "" for any.
	Expect string `cbor:"4,keyasint,omitempty"`
}

func (c DeleteAlias) check() *Refusal {
	return first(checkAccount(c.Account), checkName("region", c.Region), checkAliasName(c.Name), checkExpected(c.Account, c.Region, c.Expect))
}

func (c DeleteAlias) apply(w *writer) *Refusal {
	a, r := w.expectedAlias(c.Account, c.Region, c.Name, c.Expect)
	if r != nil {
		return r
	}
	w.dropAlias(a)
	return nil
}

func checkExpected(account, region, id string) *Refusal {
	if id == "" {
		return nil
	}
	return checkRef(KeyRef{account, region, id})
}

// expectedAlias gives an alias that still names the key that it should.
func (w *writer) expectedAlias(account, region, name, expect string) (*Alias, *Refusal) {
	a, r := w.alias(account, region, name)
	if r == nil && expect != "" && a.Target != expect {
		return nil, &Refusal{Code: CodeMoved, Ref: KeyRef{Account: account, Region: region}, Name: name, Detail: "the alias names another key by now"}
	}
	return a, r
}

func (w *writer) roomForAlias(ref KeyRef) *Refusal {
	n := 0
	for at := range w.targets.from(targetKey{target: ref}) {
		if at.target != ref {
			break
		}
		n++
	}
	if n >= MaxAliasesPerKey {
		return &Refusal{Code: CodeLimitExceeded, Ref: ref, Detail: "too many aliases"}
	}
	return nil
}

// keyType sorts key specs as UpdateAlias does.
func keyType(spec string) string {
	switch {
	case spec == "SYMMETRIC_DEFAULT":
		return "symmetric"
	case strings.HasPrefix(spec, "HMAC_"):
		return "hmac"
	}
	return "asymmetric"
}
