package kms

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"ostiary.dev/hsm/hsmtest"
	"ostiary.dev/state"
)

var memoryConfig = hsmtest.MemoryConfig{}

// keyStateTable reads testdata/key-state.tsv: the table of "Key states of AWS KMS keys" (AWS KMS Developer Guide),
// operation by state. A cell is ok, or no with the numbers of its footnotes.
func keyStateTable(t *testing.T) map[string]map[string]string {
	t.Helper()
	f, err := os.Open("testdata/key-state.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table := map[string]map[string]string{}
	var states []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		cells := strings.Split(lines.Text(), "\t")
		if states == nil {
			states = cells[1:]
			continue
		}
		row := map[string]string{}
		for i, s := range states {
			row[s] = cells[1+i]
		}
		table[cells[0]] = row
	}
	return table
}

// refusals are the footnotes of the table that concern the states there are.
var refusals = map[string]string{
	"ok":       "ok",
	"no[1]":    "DisabledException: %s is disabled.",
	"no[3]":    "KMSInvalidStateException: %s is pending deletion.",
	"no[2][3]": "KMSInvalidStateException: %s is pending deletion.",
	"no[4]":    "KMSInvalidStateException: %s is not pending deletion.",
	"cond[10]": "KMSInvalidStateException: %s is pending deletion.", // as the new target of UpdateAlias
}

func TestKeyStates(t *testing.T) {
	table := keyStateTable(t)
	for _, s := range []state.KeyState{state.Enabled, state.Disabled, state.PendingDeletion} {
		t.Run(s.String(), func(t *testing.T) {
			for _, named := range newWorld(t, memoryConfig).onKey(nil) {
				cell := table[named.name][s.String()]
				want, ok := refusals[cell]
				if !ok {
					t.Errorf("%s: no expectation for cell %q", named.name, cell)
					continue
				}
				w := newWorld(t, memoryConfig)
				k, blob := w.inState(s)
				op := w.onlyOp(blob, named.name)
				want = strings.ReplaceAll(want, "%s", keyARN(k.Ref))
				if op.dryRun != nil {
					dry := want
					if cell == "ok" {
						dry = "DryRunOperationException: The request would have succeeded, but the DryRun option is set."
					}
					if got := text(op.dryRun(w.admin(), k.Ref.ID)); got != dry {
						t.Errorf("%s with DryRun: %s\nwant %s", op.name, got, dry)
					}
				}
				if got := text(op.run(w.admin(), k.Ref.ID)); got != want {
					t.Errorf("%s: %s\nwant %s", op.name, got, want)
				}
			}
		})
	}
}

// TestMoveAliasFromPendingKey: footnote 10. The key that an alias names may be pending deletion when the alias moves on.
func TestMoveAliasFromPendingKey(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k, _ := w.inState(state.PendingDeletion)
	w.must(state.CancelDeletion{Ref: k.Ref, Time: 1})
	other := w.store.View().Alias(here, home, "alias/other").TargetRef()
	w.must(state.ScheduleDeletion{Ref: other, Days: 7, Time: 1, Due: w.clock.UnixMilli()})
	if err := w.onlyOp(nil, "UpdateAlias").run(w.admin(), k.Ref.ID); err != nil {
		t.Fatal(err)
	}
	if got := w.store.View().Alias(here, home, "alias/other").Target; got != k.Ref.ID {
		t.Errorf("alias names %s", got)
	}
}

// TestDryRunDoesNothing: no call reaches the device or the cluster.
func TestDryRunDoesNothing(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k, blob := w.inState(state.Enabled)
	calls, index := deviceCalls(w), w.index
	for _, op := range w.onKey(blob) {
		if op.dryRun == nil {
			continue
		}
		if got := code(op.dryRun(w.admin(), k.Ref.ID)); got != "DryRunOperationException" {
			t.Errorf("%s: %s", op.name, got)
		}
		if got := code(op.dryRun(w.call(here, "nobody", home), k.Ref.ID)); got != "AccessDeniedException" {
			t.Errorf("%s without permission: %s", op.name, got)
		}
	}
	if got := deviceCalls(w); got != calls+1 { // the status itself
		t.Errorf("%d calls of the device", got-calls-1)
	}
	if w.index != index {
		t.Error("a command was proposed")
	}
}

func deviceCalls(w *world) uint64 {
	w.Helper()
	s, err := w.device.Status(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return s.DeviceCalls
}
