package state

// interner shares the strings that many records repeat (accounts, regions, specs). It is bounded: when full it
// begins anew, which costs memory and nothing else.
type interner map[string]string

const maxInterned = 1 << 16 // strings

func newInterner() interner { return interner{} }

func (p interner) share(s *string) {
	if known, ok := p[*s]; ok {
		*s = known
		return
	}
	if len(p) >= maxInterned {
		clear(p)
	}
	p[*s] = *s
}

func (p interner) key(k *Key) {
	p.share(&k.Ref.Account)
	p.share(&k.Ref.Region)
	p.share(&k.Spec)
	p.share(&k.Usage)
	p.share(&k.Origin)
}

func (p interner) alias(a *Alias) {
	p.share(&a.Account)
	p.share(&a.Region)
}

func (p interner) user(u *User) {
	p.share(&u.Account)
	p.share(&u.Path)
}

func (p interner) accessKey(a *AccessKey) {
	p.share(&a.Account)
	p.share(&a.User)
}
