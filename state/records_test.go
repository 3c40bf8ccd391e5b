package state

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersions(t *testing.T) {
	k := &Key{}
	if k.Current() != nil || k.Version([32]byte{1}) != nil {
		t.Error("a key without material has a version")
	}
	k.Versions = []Version{{MaterialID: [32]byte{1}}, {MaterialID: [32]byte{2}}}
	if k.Current() != &k.Versions[1] {
		t.Error("the current version is not the newest")
	}
	if k.Version([32]byte{1}) != &k.Versions[0] || k.Version([32]byte{3}) != nil {
		t.Error("versions are not found by material id")
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		Enabled.String():         "Enabled",
		Disabled.String():        "Disabled",
		PendingDeletion.String(): "PendingDeletion",
		KeyState(0).String():     "KeyState(0)",
		CodeNotDue.String():      "not due",
		RefusalCode(0).String():  "RefusalCode(0)",
		RefusalCode(99).String(): "RefusalCode(99)",
		(&Refusal{Code: CodeConflict, Ref: ref("k"), Name: "alias/a", Detail: "x"}).Error(): "refused: conflict: key 111122223333/eu-west-1/k: alias/a: x",
		(&Refusal{Code: CodeInvalid}).Error():                                               "refused: invalid",
		(&Corrupt{Index: 7, Err: errNotCanonical}).Error():                                  "log entry 7 is corrupt: encoding is not canonical",
		(&Corrupt{Err: errOrder}).Error():                                                   "snapshot is corrupt: record is out of order",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if !errors.Is(&Corrupt{Err: errOrder}, errOrder) {
		t.Error("Corrupt hides its cause")
	}
}

func TestLookups(t *testing.T) {
	v := filledLog(t).store.View()
	if a := v.Account(account); a == nil || a.Name != "test" {
		t.Errorf("account is %+v", a)
	}
	if v.Account("444455556666") != nil || v.AccessKey("AKIA9") != nil || v.User(account, "nobody") != nil {
		t.Error("found what is not there")
	}
	want := testAccessKey("AKIA1", "admin")
	if diff := cmp.Diff(&want, v.AccessKey("AKIA1")); diff != "" {
		t.Errorf("access key (-want +got):\n%s", diff)
	}
	for u := range v.Users(account, "admin") {
		if u.Name != "bob" {
			t.Errorf("after admin comes %s", u.Name)
		}
	}
	for a := range v.Accounts(account) {
		t.Errorf("after the last account comes %s", a.ID)
	}
}
