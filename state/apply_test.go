package state

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const due = now + 7*86_400_000

// world is what the tables below start from: keys "on", "off" and "doomed", one of each state and an alias on each,
// a signing key, an HMAC key, and a user with an access key.
func world(t testing.TB) *log {
	sign, hmac := testKey(ref("sign")), testKey(ref("hmac"))
	sign.Spec, sign.Usage = "ECC_NIST_P256", "SIGN_VERIFY"
	hmac.Spec, hmac.Usage = "HMAC_256", "GENERATE_VERIFY_MAC"
	l := newLog(t)
	l.must(
		PutUser{testUser("admin", policy)},
		PutAccessKey{testAccessKey("AKIA1", "admin")},
		CreateKey{testKey(ref("on"))},
		CreateKey{testKey(ref("off"))},
		CreateKey{testKey(ref("doomed"))},
		CreateKey{sign}, CreateKey{hmac},
		CreateAlias{account, region, "alias/on", "on", now},
		CreateAlias{account, region, "alias/off", "off", now},
		CreateAlias{account, region, "alias/doomed", "doomed", now},
		SetKeyEnabled{ref("off"), false, now},
		ScheduleDeletion{ref("doomed"), 7, due, now},
	)
	return l
}

// TestRefusals has the answer of AWS's key-state table (KMS developer guide, "Key states of AWS KMS keys") for each
// command on each state, and every other refusal.
func TestRefusals(t *testing.T) {
	const later = now + 1
	with := func(k Key, change func(*Key)) Key { change(&k); return k }
	fifty := make([]Tag, MaxTags)
	for i := range fifty {
		fifty[i] = Tag{fmt.Sprintf("k%02d", i), "v"}
	}
	tests := []struct {
		name string
		c    Command
		want RefusalCode
	}{
		{"bootstrap again", Bootstrap{testCluster()}, CodeAlreadyBootstrapped},

		{"account renamed", PutAccount{Account{account, "other", now}}, 0},
		{"account made again", PutAccount{Account{account, "test", later}}, CodeConflict},
		{"account without digits", PutAccount{Account{"11112222333x", "", now}}, CodeInvalid},
		{"user of no account", PutUser{User{Account: "000000000000", Name: "u", Path: "/", ID: "AIDA", Created: now}}, CodeNotFound},
		{"user changed", PutUser{testUser("admin")}, 0},
		{"user made again", PutUser{withUser(testUser("admin"), func(u *User) { u.ID = "AIDAother" })}, CodeConflict},
		{"user at another time", PutUser{withUser(testUser("admin"), func(u *User) { u.Created = later })}, CodeConflict},
		{"user with a bad path", PutUser{withUser(testUser("bob"), func(u *User) { u.Path = "/x" })}, CodeInvalid},
		{"policies out of order", PutUser{withUser(testUser("bob", policy, policy), func(u *User) { slices.Reverse(u.Policies) })}, CodeInvalid},
		{"access key of no user", PutAccessKey{testAccessKey("AKIA2", "nobody")}, CodeNotFound},
		{"access key again", PutAccessKey{testAccessKey("AKIA1", "admin")}, 0},
		{"access key at another time", PutAccessKey{AccessKey{"AKIA1", account, "admin", []byte("s"), true, later}}, CodeConflict},
		{"access key without secret", PutAccessKey{AccessKey{"AKIA2", account, "admin", nil, true, now}}, CodeInvalid},

		{"create", CreateKey{testKey(ref("new"))}, 0},
		{"create again", CreateKey{testKey(ref("on"))}, CodeAlreadyExists},
		{"create in no account", CreateKey{testKey(KeyRef{"000000000000", region, "new"})}, CodeNotFound},
		{"create in no region", CreateKey{testKey(KeyRef{account, "mars-1", "new"})}, CodeNotFound},
		{"create disabled", CreateKey{with(testKey(ref("new")), func(k *Key) { k.State = Disabled })}, CodeInvalid},
		{"create in unknown state", CreateKey{with(testKey(ref("new")), func(k *Key) { k.State = 9 })}, CodeInvalid},
		{"create due", CreateKey{with(testKey(ref("new")), func(k *Key) { k.DeletionDue = due })}, CodeInvalid},
		{"create without version", CreateKey{with(testKey(ref("new")), func(k *Key) { k.Versions = nil })}, CodeInvalid},
		{"create without policy", CreateKey{with(testKey(ref("new")), func(k *Key) { k.Policy = nil })}, CodeInvalid},
		{"create with a huge token", CreateKey{with(testKey(ref("new")), func(k *Key) { k.Versions[0].Token = make([]byte, maxToken+1) })}, CodeInvalid},
		{"create with one material twice", CreateKey{with(testKey(ref("new")), func(k *Key) { k.Versions = append(k.Versions, k.Versions[0]) })}, CodeInvalid},
		{"create with too many tags", CreateKey{with(testKey(ref("new")), func(k *Key) { k.Tags = append([]Tag{{"a", ""}}, fifty...) })}, CodeLimitExceeded},
		{"create with unsorted tags", CreateKey{with(testKey(ref("new")), func(k *Key) { k.Tags = []Tag{{"b", ""}, {"a", ""}} })}, CodeInvalid},

		{"enable enabled", SetKeyEnabled{ref("on"), true, later}, 0},
		{"enable disabled", SetKeyEnabled{ref("off"), true, later}, 0},
		{"enable pending", SetKeyEnabled{ref("doomed"), true, later}, CodePendingDeletion},
		{"enable nothing", SetKeyEnabled{ref("none"), true, later}, CodeNotFound},
		{"disable enabled", SetKeyEnabled{ref("on"), false, later}, 0},
		{"disable disabled", SetKeyEnabled{ref("off"), false, later}, 0},
		{"disable pending", SetKeyEnabled{ref("doomed"), false, later}, CodePendingDeletion},

		{"schedule enabled", ScheduleDeletion{ref("on"), 7, due, later}, 0},
		{"schedule disabled", ScheduleDeletion{ref("off"), 30, due, later}, 0},
		{"schedule pending", ScheduleDeletion{ref("doomed"), 7, due, later}, CodePendingDeletion},
		{"schedule nothing", ScheduleDeletion{ref("none"), 7, due, later}, CodeNotFound},
		{"schedule in the past", ScheduleDeletion{ref("on"), 7, now, later}, CodeInvalid},
		{"schedule at once", ScheduleDeletion{ref("on"), 0, due, later}, CodeInvalid},

		{"cancel enabled", CancelDeletion{ref("on"), later}, CodeNotPendingDeletion},
		{"cancel disabled", CancelDeletion{ref("off"), later}, CodeNotPendingDeletion},
		{"cancel pending", CancelDeletion{ref("doomed"), later}, 0},
		{"cancel nothing", CancelDeletion{ref("none"), later}, CodeNotFound},

		{"delete enabled", DeleteKey{ref("on"), due}, CodeNotPendingDeletion},
		{"delete disabled", DeleteKey{ref("off"), due}, CodeNotPendingDeletion},
		{"delete early", DeleteKey{ref("doomed"), due - 1}, CodeNotDue},
		{"delete due", DeleteKey{ref("doomed"), due}, 0},
		{"delete nothing", DeleteKey{ref("none"), due}, CodeNotFound},

		{"describe enabled", SetDescription{ref("on"), "x"}, 0},
		{"describe disabled", SetDescription{ref("off"), "x"}, 0},
		{"describe pending", SetDescription{ref("doomed"), "x"}, CodePendingDeletion},
		{"describe nothing", SetDescription{ref("none"), "x"}, CodeNotFound},
		{"describe at length", SetDescription{ref("on"), strings.Repeat("ä", maxDescription)}, 0},
		{"describe at more length", SetDescription{ref("on"), strings.Repeat("ä", maxDescription+1)}, CodeInvalid},

		{"policy of enabled", PutKeyPolicy{ref("on"), "{}"}, 0},
		{"policy of disabled", PutKeyPolicy{ref("off"), "{}"}, 0},
		{"policy of pending", PutKeyPolicy{ref("doomed"), "{}"}, 0},
		{"policy of nothing", PutKeyPolicy{ref("none"), "{}"}, CodeNotFound},
		{"policy that is empty", PutKeyPolicy{ref("on"), ""}, CodeInvalid},

		{"tag enabled", TagKey{ref("on"), []Tag{{"b", ""}, {"a", ""}}}, 0},
		{"tag disabled", TagKey{ref("off"), []Tag{{"a", ""}}}, 0},
		{"tag pending", TagKey{ref("doomed"), []Tag{{"a", ""}}}, CodePendingDeletion},
		{"tag nothing", TagKey{ref("none"), []Tag{{"a", ""}}}, CodeNotFound},
		{"tag with fifty", TagKey{ref("on"), fifty}, 0},
		{"tag with more", TagKey{ref("on"), append([]Tag{{"a", ""}}, fifty...)}, CodeLimitExceeded},
		{"tag with none", TagKey{ref("on"), nil}, CodeInvalid},
		{"tag with one key twice", TagKey{ref("on"), []Tag{{"a", "1"}, {"a", "2"}}}, CodeInvalid},
		{"tag with an empty key", TagKey{ref("on"), []Tag{{"", "1"}}}, CodeInvalid},

		{"untag enabled", UntagKey{ref("on"), []string{"a"}}, 0},
		{"untag pending", UntagKey{ref("doomed"), []string{"a"}}, CodePendingDeletion},
		{"untag nothing", UntagKey{ref("none"), []string{"a"}}, CodeNotFound},
		{"untag with none", UntagKey{ref("on"), nil}, CodeInvalid},

		{"alias to enabled", CreateAlias{account, region, "alias/new", "on", later}, 0},
		{"alias to disabled", CreateAlias{account, region, "alias/new", "off", later}, 0},
		{"alias to pending", CreateAlias{account, region, "alias/new", "doomed", later}, CodePendingDeletion},
		{"alias to nothing", CreateAlias{account, region, "alias/new", "none", later}, CodeNotFound},
		{"alias to another region's key", CreateAlias{account, "us-east-1", "alias/new", "on", later}, CodeNotFound},
		{"alias again", CreateAlias{account, region, "alias/on", "off", later}, CodeAlreadyExists},
		{"alias without prefix", CreateAlias{account, region, "on", "on", later}, CodeInvalid},
		{"alias without name", CreateAlias{account, region, "alias/", "on", later}, CodeInvalid},

		{"move to enabled", UpdateAlias{account, region, "alias/off", "on", later, ""}, 0},
		{"move to disabled", UpdateAlias{account, region, "alias/on", "off", later, ""}, 0},
		{"move to itself", UpdateAlias{account, region, "alias/on", "on", later, ""}, 0},
		{"move from pending", UpdateAlias{account, region, "alias/doomed", "on", later, ""}, 0},
		{"move to pending", UpdateAlias{account, region, "alias/on", "doomed", later, ""}, CodePendingDeletion},
		{"move to nothing", UpdateAlias{account, region, "alias/on", "none", later, ""}, CodeNotFound},
		{"move to another type", UpdateAlias{account, region, "alias/on", "sign", later, ""}, CodeConflict},
		{"move to another kind of symmetry", UpdateAlias{account, region, "alias/on", "hmac", later, ""}, CodeConflict},
		{"move as expected", UpdateAlias{account, region, "alias/off", "on", later, "off"}, 0},
		{"move what moved", UpdateAlias{account, region, "alias/off", "on", later, "on"}, CodeMoved},
		{"drop as expected", DeleteAlias{account, region, "alias/off", "off"}, 0},
		{"drop what moved", DeleteAlias{account, region, "alias/off", "on"}, CodeMoved},
		{"move no alias", UpdateAlias{account, region, "alias/none", "on", later, ""}, CodeNotFound},

		{"drop alias", DeleteAlias{account, region, "alias/on", ""}, 0},
		{"drop alias of disabled", DeleteAlias{account, region, "alias/off", ""}, 0},
		{"drop alias of pending", DeleteAlias{account, region, "alias/doomed", ""}, 0},
		{"drop no alias", DeleteAlias{account, region, "alias/none", ""}, CodeNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := world(t)
			before := l.store.View()
			got := code(t, l.apply(test.c))
			if got != test.want {
				t.Fatalf("%T: %v, want %v", test.c, got, test.want)
			}
			after := l.store.View()
			if after.Index() != l.index {
				t.Errorf("index is %d, want %d", after.Index(), l.index)
			}
			want := contents(before)
			want.Index = l.index
			changed := !cmp.Equal(want, contents(after), ignoreMemo)
			if got != 0 && changed {
				t.Error("a refused command changed the state")
			}
			_, err := Encode(test.c)
			if bad := got == CodeInvalid; bad != (code(t, err) == CodeInvalid) {
				t.Errorf("Encode = %v", err)
			}
		})
	}
}

// withUser alters a user.
func withUser(u User, change func(*User)) User { change(&u); return u }

func TestNotBootstrapped(t *testing.T) {
	l := &log{t: t, store: New()}
	if got := code(t, l.apply(PutAccount{Account{account, "", now}})); got != CodeNotBootstrapped {
		t.Errorf("got %v", got)
	}
}

func TestKeyLife(t *testing.T) {
	l := newLog(t)
	steps := []struct {
		c    Command
		want func(k *Key)
	}{
		{CreateKey{testKey(ref("k"))}, func(*Key) {}},
		{SetDescription{ref("k"), "mine"}, func(k *Key) { k.Description = "mine" }},
		{TagKey{ref("k"), []Tag{{"b", "2"}, {"a", "1"}}}, func(k *Key) { k.Tags = []Tag{{"a", "1"}, {"b", "2"}} }},
		{TagKey{ref("k"), []Tag{{"c", "3"}, {"a", "0"}}}, func(k *Key) { k.Tags = []Tag{{"a", "0"}, {"b", "2"}, {"c", "3"}} }},
		{UntagKey{ref("k"), []string{"b", "x"}}, func(k *Key) { k.Tags = []Tag{{"a", "0"}, {"c", "3"}} }},
		{UntagKey{ref("k"), []string{"a", "c"}}, func(k *Key) { k.Tags = nil }},
		{SetKeyEnabled{ref("k"), false, now}, func(k *Key) { k.State = Disabled }},
		{SetKeyEnabled{ref("k"), true, now}, func(k *Key) { k.State = Enabled }},
		{PutKeyPolicy{ref("k"), "{}"}, func(k *Key) { k.Policy = NewDocument("{}") }},
		{ScheduleDeletion{ref("k"), 7, due, now}, func(k *Key) { k.State, k.DeletionDue, k.PendingWindow = PendingDeletion, due, 7 }},
		{CancelDeletion{ref("k"), now}, func(k *Key) { k.State, k.DeletionDue, k.PendingWindow = Disabled, 0, 0 }},
	}
	want := testKey(ref("k"))
	for _, step := range steps {
		old := l.store.View()
		was := contents(old)
		l.must(step.c)
		step.want(&want)
		if diff := cmp.Diff(&want, l.store.View().Key(ref("k")), ignoreMemo); diff != "" {
			t.Fatalf("after %T (-want +got):\n%s", step.c, diff)
		}
		if diff := cmp.Diff(was, contents(old), ignoreMemo); diff != "" {
			t.Fatalf("%T altered an earlier view:\n%s", step.c, diff)
		}
	}
}

func TestDeleteKeyLeavesNothing(t *testing.T) {
	l := world(t)
	token := l.store.View().Key(ref("doomed")).Versions[0].Token
	if !bytes.Contains(l.snapshot(), token) {
		t.Fatal("the token is not in the snapshot to begin with")
	}
	l.must(DeleteKey{ref("doomed"), due})
	v := l.store.View()
	if v.Key(ref("doomed")) != nil || v.Alias(account, region, "alias/doomed") != nil {
		t.Error("key or alias is still there")
	}
	if n := len(slices.Collect(v.AliasesOf(ref("doomed"), ""))); n != 0 {
		t.Errorf("key still has %d aliases", n)
	}
	if n := len(slices.Collect(v.Due(due))); n != 0 {
		t.Errorf("%d keys are still due", n)
	}
	if data := l.snapshot(); bytes.Contains(data, token) || bytes.Contains(data, []byte("doomed")) {
		t.Error("the snapshot still has the key")
	}
}

func TestAliasLimit(t *testing.T) {
	l := world(t)
	for i := range MaxAliasesPerKey - 1 {
		l.must(CreateAlias{account, region, fmt.Sprintf("alias/x%d", i), "on", now})
	}
	if got := code(t, l.apply(CreateAlias{account, region, "alias/more", "on", now})); got != CodeLimitExceeded {
		t.Errorf("CreateAlias: %v", got)
	}
	if got := code(t, l.apply(UpdateAlias{account, region, "alias/off", "on", now, ""})); got != CodeLimitExceeded {
		t.Errorf("UpdateAlias: %v", got)
	}
	l.must(UpdateAlias{account, region, "alias/on", "on", now + 1, ""})
}

func TestTagLimitCountsWhatIsThere(t *testing.T) {
	l := world(t)
	for i := range MaxTags {
		l.must(TagKey{ref("on"), []Tag{{fmt.Sprint(i), ""}}})
	}
	l.must(TagKey{ref("on"), []Tag{{"0", "again"}}})
	if got := code(t, l.apply(TagKey{ref("on"), []Tag{{"x", ""}}})); got != CodeLimitExceeded {
		t.Errorf("got %v", got)
	}
}

func TestOrderAndPaging(t *testing.T) {
	l := newLog(t)
	ids := []string{"c", "a", "mrk-1", "b", "aaaaaaaa", "aaaaaaaab", "aaaaaaaaa"}
	for _, id := range ids {
		l.must(CreateKey{testKey(ref(id))}, CreateAlias{account, region, "alias/" + id, id, now})
	}
	l.must(CreateKey{testKey(KeyRef{account, "us-east-1", "b"})})
	slices.Sort(ids)
	v := l.store.View()
	for i, after := range append([]string{""}, ids...) {
		var keys, aliases []string
		for k := range v.Keys(account, region, after) {
			keys = append(keys, k.Ref.ID)
		}
		name := after
		if name != "" {
			name = "alias/" + name
		}
		for a := range v.Aliases(account, region, name) {
			aliases = append(aliases, strings.TrimPrefix(a.Name, "alias/"))
		}
		if !slices.Equal(keys, ids[i:]) || !slices.Equal(aliases, ids[i:]) {
			t.Errorf("after %q: keys %q, aliases %q, want %q", after, keys, aliases, ids[i:])
		}
	}
	for k := range v.Keys(account, region, "aaz") { // between two
		if k.Ref.ID != "b" {
			t.Errorf("after %q comes %q", "aaz", k.Ref.ID)
		}
		break
	}
	if n := len(slices.Collect(v.Keys("000000000000", region, ""))); n != 0 {
		t.Errorf("%d keys in no account", n)
	}
}

func TestDueOrder(t *testing.T) {
	l := newLog(t)
	for i, id := range []string{"late", "soon", "later", "same"} {
		l.must(CreateKey{testKey(ref(id))}, ScheduleDeletion{ref(id), 7, now + []int64{20, 10, 30, 10}[i], now})
	}
	var got []string
	for k := range l.store.View().Due(now + 20) {
		got = append(got, k.Ref.ID)
	}
	if want := []string{"same", "soon", "late"}; !slices.Equal(got, want) {
		t.Errorf("due are %q, want %q", got, want)
	}
}
