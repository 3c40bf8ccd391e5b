package kms

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/hsmtest"
	"ostiary.dev/state"
)

func (w *world) schedule(k *state.Key, days int) {
	w.Helper()
	w.must(state.ScheduleDeletion{Ref: k.Ref, Days: int32(days), Time: w.clock.UnixMilli(), Due: w.clock.AddDate(0, 0, days).UnixMilli()})
}

func (w *world) handles() int {
	w.Helper()
	s, err := w.device.Status(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return s.CachedHandles
}

// TestReap: a key goes when it is due and not a millisecond before, with its aliases and its handle, and only it.
func TestReap(t *testing.T) {
	w := newWorld(t, memoryConfig)
	kept, a, b := w.key(), w.key(), w.key()
	var blobs [][]byte
	for _, k := range []*state.Key{kept, a, b} {
		blobs = append(blobs, w.encrypt(w.admin(), k.Ref.ID, "x", nil))
	}
	w.alias("alias/a", a)
	w.schedule(a, 7)
	w.schedule(b, 8)
	start := w.clock
	for _, step := range []struct {
		at   time.Duration
		want []string
	}{
		{0, nil},
		{7*day - time.Millisecond, nil},
		{7 * day, []string{keyARN(a.Ref)}},
		{7*day + 1, nil},
		{400 * day, []string{keyARN(b.Ref)}},
	} {
		w.clock = start.Add(step.at)
		if got := w.AnyDue(w.store.View()); got != (step.want != nil) {
			t.Errorf("at %v: AnyDue is %v", step.at, got)
		}
		if got, err := w.Reap(t.Context(), w.store.View(), noted); err != nil || !slices.Equal(got, step.want) {
			t.Errorf("at %v: %v, %v", step.at, got, err)
		}
	}
	if n := w.handles(); n != 1 {
		t.Errorf("%d handles are left", n)
	}
	if w.fresh(a) != nil || w.fresh(b) != nil || w.store.View().Alias(here, home, "alias/a") != nil {
		t.Error("something is left")
	}
	for i, want := range []string{"ok", "AccessDeniedException", "AccessDeniedException"} {
		if _, err := w.decrypt(w.admin(), blobs[i], nil); code(err) != want {
			t.Errorf("ciphertext %d: %v", i, err)
		}
	}
}

// TestReapOvertaken: a deletion that is cancelled at the last moment is cancelled, and does not keep others waiting.
func TestReapOvertaken(t *testing.T) {
	w := newWorld(t, memoryConfig)
	a, b := w.key(), w.key()
	blob := w.encrypt(w.admin(), a.Ref.ID, "x", nil)
	w.schedule(a, 7)
	w.schedule(b, 7)
	w.clock = w.clock.AddDate(0, 0, 7)
	old := w.store.View()
	w.must(state.CancelDeletion{Ref: a.Ref, Time: 1})
	w.must(state.SetKeyEnabled{Ref: a.Ref, Enabled: true, Time: 1})
	if got, err := w.Reap(t.Context(), old, noted); err != nil || !slices.Equal(got, []string{keyARN(b.Ref)}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := w.decrypt(w.admin(), blob, nil); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestReapFails: whatever fails, a key that is gone from the state has no handle, and one that is not will be tried again.
func TestReapFails(t *testing.T) {
	broken := errors.New("broken")
	for name, set := range map[string]func(w *world, device *error){
		"device":          func(_ *world, device *error) { *device = hsm.ErrUnavailable },
		"not proposed":    func(w *world, _ *error) { w.before = func(state.Command) error { return broken } },
		"outcome unknown": func(w *world, _ *error) { w.after = func(state.Command) error { return broken } },
	} {
		var device error
		w := newWorld(t, hsmtest.MemoryConfig{Hook: func(_ context.Context, op string, _ uint64) error {
			if op == "forget" {
				return device
			}
			return nil
		}})
		k := w.key()
		w.encrypt(w.admin(), k.Ref.ID, "x", nil)
		w.schedule(k, 7)
		w.clock = w.clock.AddDate(0, 0, 7)
		set(w, &device)
		if got, err := w.Reap(t.Context(), w.store.View(), noted); err == nil || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if w.fresh(k) == nil && w.handles() != 0 {
			t.Errorf("%s: a deleted key has a handle", name)
		}
		w.before, w.after, device = nil, nil, nil
		if _, err := w.Reap(t.Context(), w.store.View(), noted); err != nil || w.fresh(k) != nil || w.handles() != 0 {
			t.Errorf("%s, tried again: %v, %v, %d handles", name, err, w.fresh(k), w.handles())
		}
	}
}

// TestReapIsBounded, so that other commands get their turn.
func TestReapIsBounded(t *testing.T) {
	w := newWorld(t, memoryConfig)
	for range maxReaped + 5 {
		w.schedule(w.key(), 7)
	}
	w.clock = w.clock.AddDate(0, 0, 7)
	for _, want := range []int{maxReaped, 5, 0} {
		if got, err := w.Reap(t.Context(), w.store.View(), noted); err != nil || len(got) != want {
			t.Errorf("%d, %v", len(got), err)
		}
	}
}

// noted is for tests that look at the deletions themselves.
func noted(Deletion) error { return nil }

// TestReapNotes: each deletion is noted before and after, and what cannot be noted is not deleted.
func TestReapNotes(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.key()
	w.must(state.ScheduleDeletion{Ref: k.Ref, Days: 7, Time: 1, Due: w.clock.UnixMilli()})
	if got, err := w.Reap(t.Context(), w.store.View(), func(Deletion) error { return errors.New("no room") }); err == nil || got != nil || w.fresh(k) == nil {
		t.Fatalf("deleted %v without a note: %v", got, err)
	}
	var notes []Deletion
	if _, err := w.Reap(t.Context(), w.store.View(), func(d Deletion) error { notes = append(notes, d); return nil }); err != nil {
		t.Fatal(err)
	}
	want := []Deletion{{k.Ref, keyARN(k.Ref), false}, {k.Ref, keyARN(k.Ref), true}}
	if !slices.Equal(notes, want) {
		t.Errorf("notes %v, want %v", notes, want)
	}
}
