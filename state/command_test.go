package state

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// samples has one command of each number, with every field set. testdata/commands.golden has their encodings.
func samples() []Command {
	key := testKey(ref("1234abcd-12ab-34cd-56ef-1234567890ab"))
	key.Description, key.MultiRegion = "description", true
	key.Tags = []Tag{{"key", "value"}}
	user := testUser("admin", policy)
	user.Path = "/division/"
	cluster := testCluster()
	return []Command{
		Bootstrap{cluster},
		PutAccount{Account{account, "name", now}},
		PutUser{user},
		PutAccessKey{testAccessKey("AKIAIOSFODNN7EXAMPLE", "admin")},
		CreateKey{key},
		SetKeyEnabled{key.Ref, true, now},
		ScheduleDeletion{key.Ref, 30, now + 1, now},
		CancelDeletion{key.Ref, now},
		DeleteKey{key.Ref, now},
		SetDescription{key.Ref, "description"},
		PutKeyPolicy{key.Ref, policy},
		TagKey{key.Ref, []Tag{{"b", "2"}, {"a", "1"}}},
		UntagKey{key.Ref, []string{"b", "a"}},
		CreateAlias{account, region, "alias/name", key.Ref.ID, now},
		UpdateAlias{account, region, "alias/name", key.Ref.ID, now, key.Ref.ID},
		DeleteAlias{account, region, "alias/name", key.Ref.ID},
		AddRegion{"eu-central-1"},
	}
}

func TestCommandTable(t *testing.T) {
	for i, c := range samples() {
		if want := number(i + 1); c.number() != want || commands[i].number != want {
			t.Errorf("%T has number %d and place %d, want %d", c, c.number(), commands[i].number, want)
		}
	}
	if len(samples()) != len(commands) {
		t.Errorf("%d samples of %d commands", len(samples()), len(commands))
	}
}

// TestGolden holds released encodings fast. Each line of the file is a number, the command's name and its encoding;
// every line must decode for ever, and the last of each number is what the sample encodes to today.
func TestGolden(t *testing.T) {
	file, err := os.ReadFile("testdata/commands.golden")
	if err != nil {
		t.Fatal(err)
	}
	latest := map[string]string{}
	for line := range strings.Lines(string(file)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			t.Fatalf("line %q", line)
		}
		data, err := hex.DecodeString(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		c, err := decode(data)
		if err != nil {
			t.Fatalf("%s: %v", fields[1], err)
		}
		if got := fmt.Sprintf("%d %T", c.number(), c); got != fields[0]+" state."+fields[1] {
			t.Errorf("%s %s decodes as %s", fields[0], fields[1], got)
		}
		latest[fields[1]] = line
	}
	for _, c := range samples() {
		name := strings.TrimPrefix(fmt.Sprintf("%T", c), "state.")
		want := fmt.Sprintf("%d %s %x\n", c.number(), name, mustEncode(t, c))
		if latest[name] != want {
			t.Errorf("the encoding has changed, or is new and belongs at the end of the file:\n%s", want)
		}
	}
}

func TestEncodeDecode(t *testing.T) {
	for _, c := range samples() {
		data := mustEncode(t, c)
		got, err := decode(data)
		if err != nil {
			t.Fatalf("%T: %v", c, err)
		}
		if diff := cmp.Diff(c, got, ignoreMemo); diff != "" {
			t.Errorf("%T (-want +got):\n%s", c, diff)
		}
	}
}

// TestDecodeStrict has what a lax decoder would take.
func TestDecodeStrict(t *testing.T) {
	cancel := mustEncode(t, CancelDeletion{KeyRef{account, "r", "k"}, 1000})
	head := hex.EncodeToString(cancel[:headerSize])
	refItem := "a3" + "016c" + hex.EncodeToString([]byte(account)) + "026172" + "03616b"
	tests := map[string]string{
		"good":                head + "a201" + refItem + "021903e8",
		"empty":               "",
		"no fields":           head,
		"version 0":           "00" + head[2:] + "a201" + refItem + "021903e8",
		"version 2":           "02" + head[2:] + "a201" + refItem + "021903e8",
		"number 0":            "010000" + "a201" + refItem + "021903e8",
		"number beyond":       "0100ff" + "a201" + refItem + "021903e8",
		"trailing byte":       head + "a201" + refItem + "021903e800",
		"cut short":           head + "a201" + refItem + "021903",
		"missing field":       head + "a101" + refItem,
		"unknown field":       head + "a301" + refItem + "021903e80300",
		"unknown text field":  head + "a301" + refItem + "021903e8616100",
		"field twice":         head + "a301" + refItem + "021903e8021903e8",
		"fields out of order": head + "a2021903e801" + refItem,
		"long integer":        head + "a201" + refItem + "021a000003e8",
		"long length":         head + "b80201" + refItem + "021903e8",
		"indefinite map":      head + "bf01" + refItem + "021903e8ff",
		"indefinite text":     head + "a201" + strings.Replace(refItem, "03616b", "037f616bff", 1) + "021903e8",
		"tag":                 head + "a201" + refItem + "02c11903e8",
		"float":               head + "a201" + refItem + "02f963d0",
		"text for integer":    head + "a201" + refItem + "0261316b",
		"null":                head + "a201" + refItem + "02f6",
		"bytes for text":      head + "a201" + strings.Replace(refItem, "03616b", "03416b", 1) + "021903e8",
		"not UTF-8":           head + "a201" + strings.Replace(refItem, "03616b", "0361ff", 1) + "021903e8",
		"array":               head + "82" + refItem + "1903e8",
		"too long":            head + strings.Repeat("00", MaxCommand),
	}
	for name, text := range tests {
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := decode(data); (err == nil) != (name == "good") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDecodeShortMaterial is about a byte string for an array, which the CBOR library pads.
func TestDecodeShortMaterial(t *testing.T) {
	data := mustEncode(t, CreateKey{testKey(ref("k"))})
	id := testKey(ref("k")).Versions[0].MaterialID
	long := append([]byte{0x58, 32}, id[:]...)
	if bytes.Count(data, long) != 1 {
		t.Fatal("cannot find the material id")
	}
	for _, item := range [][]byte{{0x40}, append([]byte{0x58, 31}, id[:31]...), append([]byte{0x58, 33, 0}, id[:]...)} {
		if _, err := decode(bytes.Replace(data, long, item, 1)); err == nil {
			t.Errorf("material id of %d bytes was accepted", len(item))
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, c := range map[string]Command{
		"not UTF-8": SetDescription{ref("k"), "\xff"},
		"no time":   CancelDeletion{Ref: ref("k")},
		"no ref":    CancelDeletion{Time: now},
	} {
		data, err := Encode(c)
		if code(t, err) != CodeInvalid || data != nil {
			t.Errorf("%s: %x, %v", name, data, err)
		}
	}
}

func TestLargestCommandsFit(t *testing.T) {
	key := testKey(ref("k"))
	key.Description = strings.Repeat("\U0001F511", maxDescription)
	key.Policy = NewDocument(strings.Repeat("x", maxDocument))
	key.Versions = nil
	for i := range maxVersions {
		key.Versions = append(key.Versions, Version{MaterialID: [32]byte{byte(i), 1}, Token: make([]byte, maxTokens/maxVersions), Created: now})
	}
	for i := range MaxTags {
		key.Tags = append(key.Tags, Tag{strings.Repeat("\U0001F511", 127) + string(rune('A'+i)), strings.Repeat("\U0001F511", 256)})
	}
	user := testUser("u")
	for i := range maxPolicies {
		text := fmt.Sprintf("%03d", i) + strings.Repeat("x", maxDocuments/maxPolicies-3)
		user.Policies = append(user.Policies, InlinePolicy{fmt.Sprintf("%0*d", maxName, i), NewDocument(text)})
	}
	l := newLog(t)
	for _, c := range []Command{CreateKey{key}, PutUser{user}} {
		if r := l.store.Apply(l.index+1, mustEncode(t, c)); r.Err != nil {
			t.Fatalf("%T: %v", c, r.Err)
		}
		l.index++
	}
	l.restored()
}

func TestCorruptHalts(t *testing.T) {
	l := world(t)
	before := contents(l.store.View())
	good := mustEncode(t, SetDescription{ref("on"), "x"})
	results := l.store.ApplyBatch([]Entry{
		{l.index + 1, good},
		{l.index + 2, mustEncode(t, SetDescription{ref("none"), "x"})},
		{l.index + 3, []byte("rubbish")},
		{l.index + 4, good},
	})
	var refusal *Refusal
	if results[0].Err != nil || !errors.As(results[1].Err, &refusal) {
		t.Errorf("before the bad entry: %v, %v", results[0].Err, results[1].Err)
	}
	results = append(results, l.store.Apply(l.index+5, good))
	for _, r := range results[2:] {
		var corrupt *Corrupt
		if !errors.As(r.Err, &corrupt) || corrupt.Index != r.Index {
			t.Errorf("entry %d: %v", r.Index, r.Err)
		}
	}
	if got := l.store.View().Index(); got != l.index+2 {
		t.Errorf("index is %d, want %d", got, l.index+2)
	}
	if before.Keys[0].Description == l.store.View().Key(ref("on")).Description {
		t.Error("what came before the bad entry was not published")
	}
	data := l.snapshot()
	if err := l.store.Restore(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if r := l.store.Apply(l.index+5, good); r.Err != nil {
		t.Errorf("after a restore: %v", r.Err)
	}
}

func TestEntryTwiceIsCorrupt(t *testing.T) {
	l := newLog(t)
	r := l.store.Apply(l.index, mustEncode(t, PutAccount{Account{account, "x", now}}))
	var corrupt *Corrupt
	if !errors.As(r.Err, &corrupt) {
		t.Errorf("got %v", r.Err)
	}
}

func TestSharing(t *testing.T) {
	l := newLog(t)
	l.must(CreateKey{testKey(ref("a"))}, CreateKey{testKey(ref("b"))}, PutUser{testUser("u", policy)})
	check := func(v *View) {
		t.Helper()
		a, b := v.Key(ref("a")), v.Key(ref("b"))
		if a.Policy != b.Policy || a.Policy != v.User(account, "u").Policies[0].Document {
			t.Error("equal policies are several documents")
		}
		if v.Counts().Documents != 1 {
			t.Errorf("%d documents", v.Counts().Documents)
		}
	}
	check(l.store.View())
	check(l.restored().store.View())
	l.must(PutKeyPolicy{ref("a"), "{}"}, PutKeyPolicy{ref("a"), policy})
	check(l.store.View())
	if n := testing.AllocsPerRun(100, func() { l.store.View().Key(ref("b")) }); n != 0 {
		t.Errorf("a lookup allocates %v times", n)
	}
	if !slices.Equal(slices.Collect(l.store.View().Keys(account, region, "")), []*Key{l.store.View().Key(ref("a")), l.store.View().Key(ref("b"))}) {
		t.Error("listing and lookup give different records")
	}
}
