package kms

import (
	"fmt"
	"testing"

	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

func (w *world) createAlias(name, target string) error {
	in := &kmsapi.CreateAliasRequest{AliasName: &name, TargetKeyId: &target}
	return second(invoke(w.admin(), w.NeedsCreateAlias, silent(w.CreateAlias), in))
}

func (w *world) updateAlias(name, target string) error {
	in := &kmsapi.UpdateAliasRequest{AliasName: &name, TargetKeyId: &target}
	return second(invoke(w.admin(), w.NeedsUpdateAlias, silent(w.UpdateAlias), in))
}

func (w *world) deleteAlias(name string) error {
	return second(invoke(w.admin(), w.NeedsDeleteAlias, silent(w.DeleteAlias), &kmsapi.DeleteAliasRequest{AliasName: &name}))
}

func TestAliasNames(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.key()
	const prefix = "ValidationException: Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
	const empty = "InvalidAliasNameException: Alias must not be empty after the prefix \"alias/\"."
	for name, want := range map[string]string{
		"alias/aws/mine": "NotAuthorizedException: ",
		"alias/aws/":     "NotAuthorizedException: ",
		"mine":           prefix,
		"Alias/mine":     prefix,
		k.Ref.ID:         prefix,
		"alias/":         empty,
	} {
		for what, do := range map[string]func() error{
			"create": func() error { return w.createAlias(name, k.Ref.ID) },
			"update": func() error { return w.updateAlias(name, k.Ref.ID) },
			"delete": func() error { return w.deleteAlias(name) },
		} {
			if got := text(do()); got != want {
				t.Errorf("%s %q: %s\nwant %s", what, name, got, want)
			}
		}
	}
	for _, name := range []string{"alias/aws", "alias/a/b", "alias/_-:"} {
		if err := w.createAlias(name, k.Ref.ID); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAliasLife(t *testing.T) {
	w := newWorld(t, memoryConfig)
	a, b := w.key(), w.key()
	steps := []struct {
		what string
		do   func() error
		want string
	}{
		{"move what is not there", func() error { return w.updateAlias("alias/x", a.Ref.ID) }, "NotFoundException: Alias " + aliasARN(here, home, "alias/x") + " is not found."},
		{"delete what is not there", func() error { return w.deleteAlias("alias/x") }, "NotFoundException: Alias " + aliasARN(here, home, "alias/x") + " is not found."},
		{"create", func() error { return w.createAlias("alias/x", a.Ref.ID) }, "ok"},
		{"create again", func() error { return w.createAlias("alias/x", a.Ref.ID) }, "AlreadyExistsException: An alias with the name " + aliasARN(here, home, "alias/x") + " already exists"},
		{"create for another", func() error { return w.createAlias("alias/x", b.Ref.ID) }, "AlreadyExistsException: An alias with the name " + aliasARN(here, home, "alias/x") + " already exists"},
		{"an alias as target", func() error { return w.createAlias("alias/y", "alias/x") }, "NotFoundException: Invalid keyId 'alias/x'"},
		{"move", func() error { return w.updateAlias("alias/x", keyARN(b.Ref)) }, "ok"},
		{"move to the same", func() error { return w.updateAlias("alias/x", b.Ref.ID) }, "ok"},
		{"delete", func() error { return w.deleteAlias("alias/x") }, "ok"},
		{"delete again", func() error { return w.deleteAlias("alias/x") }, "NotFoundException: Alias " + aliasARN(here, home, "alias/x") + " is not found."},
	}
	for _, s := range steps {
		if got := text(s.do()); got != s.want {
			t.Errorf("%s: %s\nwant %s", s.what, got, s.want)
		}
	}
}

// TestAliasQuota: a key has 50 aliases, made or moved to it.
func TestAliasQuota(t *testing.T) {
	w := newWorld(t, memoryConfig)
	full, other := w.key(), w.key()
	for i := range 50 {
		if err := w.createAlias(fmt.Sprint("alias/", i), full.Ref.ID); err != nil {
			t.Fatal(err)
		}
	}
	const want = "LimitExceededException: Aliases per key quota for this account in this region is 50, current usage is 50."
	if got := text(w.createAlias("alias/more", full.Ref.ID)); got != want {
		t.Error(got)
	}
	if err := w.createAlias("alias/more", other.Ref.ID); err != nil {
		t.Error(err)
	}
	if got := text(w.updateAlias("alias/more", full.Ref.ID)); got != want {
		t.Error(got)
	}
	if err := w.updateAlias("alias/7", full.Ref.ID); err != nil {
		t.Errorf("an alias that the key has already: %v", err)
	}
	if err := w.deleteAlias("alias/7"); err != nil {
		t.Fatal(err)
	}
	if err := w.updateAlias("alias/more", full.Ref.ID); err != nil {
		t.Error(err)
	}
}

// TestAliasOvertaken: another command comes between the decision and the change.
func TestAliasOvertaken(t *testing.T) {
	gone := "NotFoundException: Alias " + aliasARN(here, home, "alias/x") + " is not found."
	for name, test := range map[string]struct {
		between func(w *world, a, b *state.Key) state.Command
		do      func(w *world, a, b *state.Key) error
		want    func(a, b *state.Key) string
	}{
		"alias deleted, then moved": {
			func(_ *world, _, _ *state.Key) state.Command {
				return state.DeleteAlias{Account: here, Region: home, Name: "alias/x"}
			},
			func(w *world, _, b *state.Key) error { return w.updateAlias("alias/x", b.Ref.ID) },
			func(_, _ *state.Key) string { return gone },
		},
		"alias deleted, then deleted": {
			func(_ *world, _, _ *state.Key) state.Command {
				return state.DeleteAlias{Account: here, Region: home, Name: "alias/x"}
			},
			func(w *world, _, _ *state.Key) error { return w.deleteAlias("alias/x") },
			func(_, _ *state.Key) string { return gone },
		},
		"alias moved, then deleted": {
			func(_ *world, _, b *state.Key) state.Command {
				return state.UpdateAlias{Account: here, Region: home, Name: "alias/x", Target: b.Ref.ID, Time: 1}
			},
			func(w *world, _, _ *state.Key) error { return w.deleteAlias("alias/x") },
			func(_, _ *state.Key) string {
				return "DependencyTimeoutException: The request collided with another change. You can retry the request."
			},
		},
		"target pending deletion": {
			func(w *world, _, b *state.Key) state.Command {
				return state.ScheduleDeletion{Ref: b.Ref, Days: 7, Time: 1, Due: w.clock.UnixMilli()}
			},
			func(w *world, _, b *state.Key) error { return w.updateAlias("alias/x", b.Ref.ID) },
			func(_, b *state.Key) string {
				return "KMSInvalidStateException: " + keyARN(b.Ref) + " is pending deletion."
			},
		},
	} {
		w := newWorld(t, memoryConfig)
		a, b := w.key(), w.key()
		w.alias("alias/x", a)
		w.before = func(state.Command) error {
			w.before = nil
			w.must(test.between(w, a, b))
			return nil
		}
		if got, want := text(test.do(w, a, b)), test.want(a, b); got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
}
