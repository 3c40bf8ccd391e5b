package state

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestReadersAndWriter runs readers over views while the writer changes what they read. Under the race detector it
// shows that copies of a tree share no memory that is written; without, that each view is consistent.
func TestReadersAndWriter(t *testing.T) {
	const readers = 4
	l := newLog(t)
	for i := range 2000 { // trees of several levels
		l.must(CreateKey{testKey(ref(fmt.Sprintf("k%d", i)))})
	}
	done := make(chan struct{})
	var wait sync.WaitGroup
	for range readers {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					readAll(t, l.store.View())
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var batch []Entry
		for range 10 {
			l.index++
			c := randomCommand(r)
			if r.IntN(2) == 0 {
				c = PutKeyPolicy{ref(fmt.Sprintf("k%d", r.IntN(2000))), fmt.Sprintf("{%d}", r.IntN(100))}
			}
			batch = append(batch, Entry{l.index, mustEncode(t, c)})
		}
		l.store.ApplyBatch(batch)
	}
	close(done)
	wait.Wait()
}

// readAll reads all of a view and checks that its parts agree.
func readAll(t *testing.T, v *View) {
	n := v.Counts()
	keys, aliases := 0, 0
	for _, r := range v.Cluster().Regions {
		for k := range v.Keys(account, r, "") {
			if keys++; v.Key(k.Ref) != k {
				t.Errorf("%v is listed but not found", k.Ref)
			}
			k.Policy.Memo(func(text string) any { return len(text) })
		}
		for a := range v.Aliases(account, r, "") {
			aliases++
			if v.Key(a.TargetRef()) == nil {
				t.Errorf("%s names no key", a.Name)
			}
			found := false
			for b := range v.AliasesOf(a.TargetRef(), "") {
				found = found || a == b
			}
			if !found {
				t.Errorf("%s is not among its key's aliases", a.Name)
			}
		}
	}
	if keys > n.Keys || aliases > n.Aliases { // other accounts may have some
		t.Errorf("%d keys and %d aliases of %+v", keys, aliases, n)
	}
	if _, err := v.WriteTo(io.Discard); err != nil {
		t.Error(err)
	}
}

func TestMemoComputesOnce(t *testing.T) {
	d := NewDocument(policy)
	var mu sync.Mutex
	computed := 0
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			got := d.Memo(func(text string) any {
				mu.Lock()
				defer mu.Unlock()
				computed++
				return len(text)
			})
			if got != len(policy) {
				t.Errorf("got %v", got)
			}
		})
	}
	wait.Wait()
	if computed != 1 {
		t.Errorf("computed %d times", computed)
	}
}
