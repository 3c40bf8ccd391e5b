package state

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// model is the state as plainly as it can be said: maps, searched from end to end.
type model struct {
	accounts map[string]Account
	users    map[string]User // by account and name
	access   map[string]AccessKey
	keys     map[KeyRef]Key
	aliases  map[KeyRef]Alias // by account, region and name
	regions  []string
}

func newModel(c Cluster) *model {
	return &model{
		accounts: map[string]Account{}, users: map[string]User{}, access: map[string]AccessKey{},
		keys: map[KeyRef]Key{}, aliases: map[KeyRef]Alias{}, regions: c.Regions,
	}
}

func (m *model) apply(c Command) RefusalCode {
	switch c := c.(type) {
	case PutAccount:
		if old, ok := m.accounts[c.Account.ID]; ok && old.Created != c.Account.Created {
			return CodeConflict
		}
		m.accounts[c.Account.ID] = c.Account
	case PutUser:
		return m.putUser(c.User)
	case PutAccessKey:
		return m.putAccessKey(c.AccessKey)
	case CreateKey:
		return m.createKey(c.Key)
	case CreateAlias:
		return m.createAlias(c)
	case UpdateAlias:
		return m.updateAlias(c)
	case DeleteAlias:
		at := KeyRef{c.Account, c.Region, c.Name}
		if _, ok := m.aliases[at]; !ok {
			return CodeNotFound
		}
		delete(m.aliases, at)
	default:
		return m.applyToKey(c)
	}
	return 0
}

func (m *model) putUser(u User) RefusalCode {
	if _, ok := m.accounts[u.Account]; !ok {
		return CodeNotFound
	}
	at := u.Account + "/" + u.Name
	if old, ok := m.users[at]; ok && (old.ID != u.ID || old.Created != u.Created) {
		return CodeConflict
	}
	m.users[at] = u
	return 0
}

func (m *model) putAccessKey(a AccessKey) RefusalCode {
	if _, ok := m.users[a.Account+"/"+a.User]; !ok {
		return CodeNotFound
	}
	if old, ok := m.access[a.ID]; ok && (old.User != a.User || old.Account != a.Account || old.Created != a.Created) {
		return CodeConflict
	}
	m.access[a.ID] = a
	return 0
}

func (m *model) createKey(k Key) RefusalCode {
	if _, ok := m.accounts[k.Ref.Account]; !ok || !slices.Contains(m.regions, k.Ref.Region) {
		return CodeNotFound
	}
	if _, ok := m.keys[k.Ref]; ok {
		return CodeAlreadyExists
	}
	m.keys[k.Ref] = k
	return 0
}

func (m *model) createAlias(c CreateAlias) RefusalCode {
	target, ok := m.keys[KeyRef{c.Account, c.Region, c.Target}]
	if !ok {
		return CodeNotFound
	}
	if target.State == PendingDeletion {
		return CodePendingDeletion
	}
	at := KeyRef{c.Account, c.Region, c.Name}
	if _, ok := m.aliases[at]; ok {
		return CodeAlreadyExists
	}
	m.aliases[at] = Alias{c.Account, c.Region, c.Name, c.Target, c.Time, c.Time}
	return 0
}

func (m *model) updateAlias(c UpdateAlias) RefusalCode {
	at := KeyRef{c.Account, c.Region, c.Name}
	a, ok := m.aliases[at]
	if !ok {
		return CodeNotFound
	}
	target, ok := m.keys[KeyRef{c.Account, c.Region, c.Target}]
	if !ok {
		return CodeNotFound
	}
	if target.State == PendingDeletion {
		return CodePendingDeletion
	}
	if source := m.keys[KeyRef{c.Account, c.Region, a.Target}]; source.Usage != target.Usage {
		return CodeConflict // in this test keys of one usage are of one type
	}
	a.Target, a.Updated = c.Target, c.Time
	m.aliases[at] = a
	return 0
}

// applyToKey is for commands on one key, by the key's state.
func (m *model) applyToKey(c Command) RefusalCode {
	r := refOf(c)
	k, ok := m.keys[r]
	if !ok {
		return CodeNotFound
	}
	pending := k.State == PendingDeletion
	switch c.(type) {
	case PutKeyPolicy:
	case CancelDeletion, DeleteKey:
		if !pending {
			return CodeNotPendingDeletion
		}
	default:
		if pending {
			return CodePendingDeletion
		}
	}
	switch c := c.(type) {
	case SetKeyEnabled:
		k.State = map[bool]KeyState{true: Enabled, false: Disabled}[c.Enabled]
	case ScheduleDeletion:
		k.State, k.DeletionDue, k.PendingWindow = PendingDeletion, c.Due, c.Days
	case CancelDeletion:
		k.State, k.DeletionDue, k.PendingWindow = Disabled, 0, 0
	case DeleteKey:
		if c.Time < k.DeletionDue {
			return CodeNotDue
		}
		delete(m.keys, r)
		maps.DeleteFunc(m.aliases, func(_ KeyRef, a Alias) bool { return a.TargetRef() == r })
		return 0
	case SetDescription:
		k.Description = c.Description
	case PutKeyPolicy:
		k.Policy = NewDocument(c.Policy)
	case TagKey:
		return m.retag(k, func(tags map[string]string) {
			for _, t := range c.Tags {
				tags[t.Key] = t.Value
			}
		})
	case UntagKey:
		return m.retag(k, func(tags map[string]string) {
			for _, key := range c.Keys {
				delete(tags, key)
			}
		})
	}
	m.keys[r] = k
	return 0
}

func (m *model) retag(k Key, change func(map[string]string)) RefusalCode {
	tags := map[string]string{}
	for _, t := range k.Tags {
		tags[t.Key] = t.Value
	}
	change(tags)
	if len(tags) > MaxTags {
		return CodeLimitExceeded
	}
	k.Tags = nil
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		k.Tags = append(k.Tags, Tag{key, tags[key]})
	}
	m.keys[k.Ref] = k
	return 0
}

func refOf(c Command) KeyRef {
	switch c := c.(type) {
	case SetKeyEnabled:
		return c.Ref
	case ScheduleDeletion:
		return c.Ref
	case CancelDeletion:
		return c.Ref
	case DeleteKey:
		return c.Ref
	case SetDescription:
		return c.Ref
	case PutKeyPolicy:
		return c.Ref
	case TagKey:
		return c.Ref
	case UntagKey:
		return c.Ref
	}
	panic(fmt.Sprintf("%T names no key", c))
}

// contents is what a view with the model's records must say.
func (m *model) contents(index uint64, cluster *Cluster) viewContents {
	c := viewContents{Index: index, Cluster: cluster, Documents: map[string]int{}}
	for _, id := range slices.Sorted(maps.Keys(m.accounts)) {
		a := m.accounts[id]
		c.Accounts = append(c.Accounts, &a)
	}
	for _, at := range slices.Sorted(maps.Keys(m.users)) {
		u := m.users[at]
		c.Users = append(c.Users, &u)
		for _, p := range u.Policies {
			c.Documents[p.Document.Text]++
		}
		for _, id := range slices.Sorted(maps.Keys(m.access)) {
			if a := m.access[id]; a.Account == u.Account && a.User == u.Name {
				c.AccessKeys = append(c.AccessKeys, &a)
			}
		}
	}
	for _, a := range c.Accounts {
		for _, region := range cluster.Regions {
			m.regional(&c, a.ID, region)
		}
	}
	slices.SortStableFunc(c.Due, func(a, b *Key) int { return int(a.DeletionDue - b.DeletionDue) })
	c.Counts = Counts{
		Accounts: len(m.accounts), Users: len(m.users), AccessKeys: len(m.access), Keys: len(m.keys),
		PendingDeletion: len(c.Due), Aliases: len(m.aliases), Documents: len(c.Documents),
	}
	return c
}

// regional adds the keys and aliases of an account and region.
func (m *model) regional(c *viewContents, account, region string) {
	for _, at := range slices.SortedFunc(maps.Keys(m.keys), compareRefs) {
		if at.Account != account || at.Region != region {
			continue
		}
		k := m.keys[at]
		c.Keys = append(c.Keys, &k)
		c.Documents[k.Policy.Text]++
		if k.State == PendingDeletion {
			c.Due = append(c.Due, &k)
		}
		for _, name := range slices.SortedFunc(maps.Keys(m.aliases), compareRefs) {
			if a := m.aliases[name]; a.TargetRef() == at {
				c.Targets = append(c.Targets, &a)
			}
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(m.aliases), compareRefs) {
		if a := m.aliases[name]; a.Account == account && a.Region == region {
			c.Aliases = append(c.Aliases, &a)
		}
	}
}

// randomCommand draws from so few names that commands meet.
func randomCommand(r *rand.Rand) Command {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	accounts := func() string {
		return pick(account, account, account, account, account, "444455556666", "000000000000")
	}
	regions := func() string { return pick(region, region, region, region, region, "us-east-1", "mars-1") }
	id := func() string { return pick("a", "b", "c", "d", "e", "f", "s") }
	key := func() KeyRef { return KeyRef{accounts(), regions(), id()} }
	alias := func() string { return "alias/" + pick("one", "two", "three", "four") }
	text := func() string { return fmt.Sprintf(`{"Id":"%d"}`, r.IntN(4)) }
	at := func() int64 { return now + r.Int64N(40) }
	switch r.IntN(22) {
	case 0:
		return PutAccount{Account{pick(account, "444455556666"), pick("x", "y"), now + r.Int64N(2)}}
	case 1:
		u := testUser(pick("admin", "bob"))
		u.Account, u.ID = accounts(), pick("AIDA1", "AIDA1", "AIDA2")
		for i := range r.IntN(3) {
			u.Policies = append(u.Policies, InlinePolicy{fmt.Sprint(i), NewDocument(text())})
		}
		return PutUser{u}
	case 2:
		a := testAccessKey(pick("AKIA1", "AKIA2", "AKIA3"), pick("admin", "bob", "nobody"))
		a.Account, a.Active = accounts(), r.IntN(2) == 0
		return PutAccessKey{a}
	case 3, 4, 5, 6:
		k := testKey(key())
		if k.Ref.ID == "s" {
			k.Spec, k.Usage = "RSA_2048", "SIGN_VERIFY"
		}
		k.Policy = NewDocument(text())
		k.Versions[0].Token = []byte{1}
		return CreateKey{k}
	case 7, 8:
		return SetKeyEnabled{key(), r.IntN(2) == 0, at()}
	case 9:
		due := at()
		return ScheduleDeletion{key(), 7, due, now}
	case 10:
		return CancelDeletion{key(), at()}
	case 11, 12:
		return DeleteKey{key(), at()}
	case 13:
		return SetDescription{key(), pick("", "x")}
	case 14:
		return PutKeyPolicy{key(), text()}
	case 15:
		tags := []Tag{{pick("c", "d"), pick("", "1")}, {pick("a", "b"), "2"}}
		if r.IntN(3) == 0 {
			letter := pick("p", "q", "r")
			for i := range 25 {
				tags = append(tags, Tag{fmt.Sprintf("%s%d", letter, i), ""})
			}
		}
		return TagKey{key(), tags}
	case 16:
		return UntagKey{key(), []string{pick("a", "b"), pick("c", "p1", "q3")}}
	case 17, 18, 19:
		return CreateAlias{accounts(), regions(), alias(), id(), at()}
	case 20:
		return UpdateAlias{accounts(), regions(), alias(), id(), at(), ""}
	default:
		return DeleteAlias{accounts(), regions(), alias(), ""}
	}
}

// TestModel applies random commands to the store and to the model. Both must refuse the same ones for the same
// reasons and say the same afterwards; a snapshot taken anywhere must restore to the same; views taken on the way
// must stay as they were.
func TestModel(t *testing.T) {
	outcomes := map[RefusalCode]int{}
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			cluster := testCluster()
			m := newModel(cluster)
			l := &log{t: t, store: New()}
			l.must(Bootstrap{cluster})
			type kept struct {
				view *View
				want viewContents
			}
			var views []kept
			for range 1500 {
				c := randomCommand(r)
				got, want := code(t, l.apply(c)), m.apply(c)
				if got != want {
					t.Fatalf("entry %d, %+v: %v, want %v", l.index, c, got, want)
				}
				outcomes[got]++
				if r.IntN(50) == 0 {
					v, want := l.store.View(), m.contents(l.index, &cluster)
					if diff := cmp.Diff(want, contents(v), ignoreMemo); diff != "" {
						t.Fatalf("entry %d (-want +got):\n%s", l.index, diff)
					}
					views = append(views, kept{v, want})
					l = l.restored()
				}
			}
			for _, k := range views {
				if diff := cmp.Diff(k.want, contents(k.view), ignoreMemo); diff != "" {
					t.Fatalf("view %d has changed (-want +got):\n%s", k.view.Index(), diff)
				}
			}
		})
	}
	if len(outcomes) < 8 || outcomes[0] < 3000 {
		t.Errorf("commands do not meet: %v", outcomes)
	}
}

// restored gives a new store with this one's state by way of a snapshot, which must be that of the new one too.
func (l *log) restored() *log {
	l.t.Helper()
	data := l.snapshot()
	again := &log{t: l.t, store: New(), index: l.index}
	if err := again.store.Restore(bytes.NewReader(data)); err != nil {
		l.t.Fatal(err)
	}
	if !bytes.Equal(data, again.snapshot()) {
		l.t.Fatalf("entry %d: restored state has another snapshot", l.index)
	}
	return again
}

// TestSameLogSameBytes applies one log entry by entry, in batches, and by way of a snapshot in the middle.
func TestSameLogSameBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	data := [][]byte{}
	for _, c := range []Command{Bootstrap{testCluster()}, PutAccount{Account{account, "", now}}} {
		data = append(data, mustEncode(t, c))
	}
	for range 500 {
		data = append(data, mustEncode(t, randomCommand(r)))
	}
	single, batched, resumed := New(), New(), &log{t: t, store: New()}
	var batch []Entry
	for i, d := range data {
		e := Entry{uint64(i+1) * 3, d} // logs have other entries in between
		single.Apply(e.Index, e.Data)
		if batch = append(batch, e); r.IntN(10) == 0 || i == len(data)-1 {
			batched.ApplyBatch(batch)
			batch = nil
		}
		resumed.store.Apply(e.Index, e.Data)
		if i == len(data)/2 {
			resumed = resumed.restored()
		}
	}
	want := snapshot(t, single.View())
	if !bytes.Equal(want, snapshot(t, batched.View())) {
		t.Error("batches give another state")
	}
	if !bytes.Equal(want, resumed.snapshot()) {
		t.Error("a restored node arrives at another state")
	}
	a, err := single.View().Hash()
	b, err2 := batched.View().Hash()
	if err != nil || err2 != nil || a != b {
		t.Errorf("hashes %x, %x; %v, %v", a, b, err, err2)
	}
}

func mustEncode(t testing.TB, c Command) []byte {
	t.Helper()
	data, err := Encode(c)
	if err != nil {
		t.Fatalf("%T: %v", c, err)
	}
	return data
}
