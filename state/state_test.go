package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
	policy  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}`
	now     = int64(1_700_000_000_000)
)

// ignoreMemo compares documents by their texts.
var ignoreMemo = cmpopts.IgnoreUnexported(Document{})

func testCluster() Cluster {
	return Cluster{
		ID:            "c-1",
		Regions:       []string{region, "us-east-1"},
		Created:       now,
		HostRoot:      []byte("host root"),
		SealingKey:    []byte("sealing key"),
		CA:            []byte("ca"),
		CACertificate: []byte("certificate"),
		DomainKey:     1,
	}
}

func ref(id string) KeyRef { return KeyRef{account, region, id} }

// testKey gives an enabled symmetric key with one version and a token of 250 bytes.
func testKey(r KeyRef) Key {
	id := sha256.Sum256([]byte(r.String()))
	return Key{
		Ref: r, Created: now, State: Enabled,
		Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS",
		Policy:   NewDocument(policy),
		Versions: []Version{{MaterialID: id, Token: bytes.Repeat(id[:1], 250), Created: now}},
	}
}

func testUser(name string, policies ...string) User {
	u := User{Account: account, Name: name, Path: "/", ID: "AIDA" + name, Created: now}
	for i, text := range policies {
		u.Policies = append(u.Policies, InlinePolicy{fmt.Sprintf("p%d", i), NewDocument(text)})
	}
	return u
}

func testAccessKey(id, user string) AccessKey {
	return AccessKey{ID: id, Account: account, User: user, Sealed: []byte("sealed"), Active: true, Created: now}
}

// log is a store with the index of its last entry.
type log struct {
	t     testing.TB
	store *Store
	index uint64
}

// newLog gives a cluster with an account.
func newLog(t testing.TB) *log {
	l := &log{t: t, store: New()}
	l.must(Bootstrap{testCluster()}, PutAccount{Account{account, "test", now}})
	return l
}

func (l *log) apply(c Command) error {
	l.t.Helper()
	data, err := encode(c)
	if err != nil {
		l.t.Fatal(err)
	}
	l.index++
	r := l.store.Apply(l.index, data)
	if r.Index != l.index {
		l.t.Fatalf("result has index %d, want %d", r.Index, l.index)
	}
	return r.Err
}

func (l *log) must(cs ...Command) {
	l.t.Helper()
	for _, c := range cs {
		if err := l.apply(c); err != nil {
			l.t.Fatalf("%T: %v", c, err)
		}
	}
}

func (l *log) snapshot() []byte {
	l.t.Helper()
	return snapshot(l.t, l.store.View())
}

func snapshot(t testing.TB, v *View) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := v.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo = %d, %v with %d bytes", n, err, b.Len())
	}
	return b.Bytes()
}

// code gives the code of a refusal, 0 for no error.
func code(t testing.TB, err error) RefusalCode {
	t.Helper()
	if err == nil {
		return 0
	}
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("error is no refusal: %v", err)
	}
	return r.Code
}

func TestEmptyView(t *testing.T) {
	v := New().View()
	if v.Index() != 0 || v.Cluster() != nil || v.Key(ref("k")) != nil || v.Counts() != (Counts{}) {
		t.Errorf("a new store is not empty: %+v", v.Counts())
	}
}

func TestSnapshotRoundTrip(t *testing.T) {
	l := filledLog(t)
	data := l.snapshot()
	restored := New()
	if err := restored.Restore(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if got := snapshot(t, restored.View()); !bytes.Equal(got, data) {
		t.Error("the snapshot of a restored state differs")
	}
	diffViews(t, l.store.View(), restored.View())
}

// filledLog gives a cluster with some of everything.
func filledLog(t testing.TB) *log {
	l := newLog(t)
	l.must(
		PutUser{testUser("admin", `{"a":1}`, `{"b":2}`)},
		PutUser{testUser("bob", `{"a":1}`)},
		PutAccessKey{testAccessKey("AKIA2", "admin")},
		PutAccessKey{testAccessKey("AKIA1", "admin")},
		CreateKey{testKey(ref("a"))},
		CreateKey{testKey(ref("b"))},
		CreateKey{testKey(KeyRef{account, "us-east-1", "a"})},
		PutKeyPolicy{ref("b"), `{"b":2}`},
		TagKey{ref("a"), []Tag{{"z", ""}, {"a", "1"}}},
		CreateAlias{account, region, "alias/one", "a", now},
		CreateAlias{account, region, "alias/two", "b", now},
		ScheduleDeletion{ref("b"), 7, now + 7*86_400_000, now},
		SetKeyEnabled{ref("a"), false, now},
	)
	return l
}

// diffViews compares all that two views say.
func diffViews(t testing.TB, want, got *View) {
	t.Helper()
	if diff := cmp.Diff(contents(want), contents(got), ignoreMemo); diff != "" {
		t.Errorf("views differ (-want +got):\n%s", diff)
	}
}

type viewContents struct {
	Index      uint64
	Cluster    *Cluster
	Counts     Counts
	Accounts   []*Account
	Users      []*User
	AccessKeys []*AccessKey
	Keys       []*Key
	Aliases    []*Alias
	Targets    []*Alias
	Due        []*Key
	Documents  map[string]int
}

// contents reads a view by its own methods, but for the documents' counts.
func contents(v *View) viewContents {
	c := viewContents{
		Index: v.Index(), Cluster: v.Cluster(), Counts: v.Counts(),
		Accounts: slices.Collect(v.Accounts("")), Due: slices.Collect(v.Due(1 << 62)),
		Documents: map[string]int{},
	}
	for _, a := range c.Accounts {
		for u := range v.Users(a.ID, "") {
			c.Users = append(c.Users, u)
			c.AccessKeys = slices.AppendSeq(c.AccessKeys, v.AccessKeysOf(a.ID, u.Name))
		}
		for _, r := range v.Cluster().Regions {
			c.Aliases = slices.AppendSeq(c.Aliases, v.Aliases(a.ID, r, ""))
			for k := range v.Keys(a.ID, r, "") {
				c.Keys = append(c.Keys, k)
				c.Targets = slices.AppendSeq(c.Targets, v.AliasesOf(k.Ref, ""))
			}
		}
	}
	for text, s := range v.t.documents.all() {
		c.Documents[text] = s.uses
	}
	return c
}
