package lease

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// clock is set by hand.
type clock struct{ now time.Duration }

func (c *clock) read() time.Duration { return c.now }

func TestLifeOfALease(t *testing.T) {
	c := &clock{now: time.Hour}
	h := NewHolder(c.read)
	acquire := func(want error) Ticket {
		t.Helper()
		ticket, err := h.Acquire()
		if !errors.Is(err, want) {
			t.Fatalf("acquire: %v, want %v", err, want)
		}
		return ticket
	}
	check := func(ticket Ticket, want error) {
		t.Helper()
		if err := ticket.Check(); !errors.Is(err, want) {
			t.Fatalf("check: %v, want %v", err, want)
		}
	}
	install := func(g Grant, want bool) {
		t.Helper()
		if got := h.Install(g); got != want {
			t.Fatalf("install %+v: %v", g, got)
		}
	}
	acquire(ErrNone)
	check(Ticket{}, ErrNone)

	install(Grant{Term: 2, Fence: 10, Until: c.now + 3*time.Second}, true)
	acquire(ErrBehind)
	h.Applied(9)
	acquire(ErrBehind)
	h.Applied(10)
	first := acquire(nil)
	h.Applied(4) // late news
	check(first, nil)

	c.now += 3*time.Second - 1
	check(first, nil)
	install(Grant{Term: 2, Fence: 12, Until: c.now + 3*time.Second}, true) // renewed, behind its fence
	check(first, ErrBehind)
	h.Applied(12)
	check(first, nil) // the same lease
	c.now += 3 * time.Second
	check(first, ErrExpired)
	acquire(ErrExpired)

	install(Grant{Term: 2, Fence: 12, Until: c.now + time.Second}, true) // too late to be a renewal
	check(first, ErrChanged)
	second := acquire(nil)
	check(second, nil)

	install(Grant{Term: 3, Fence: 12, Until: Forever}, true)
	check(second, ErrChanged)
	install(Grant{Term: 2, Fence: 0, Until: Forever}, false) // an old leader
	third := acquire(nil)
	c.now += 1000 * time.Hour
	check(third, nil)

	h.Renounce(3)
	check(third, nil) // its own term is not older
	h.Renounce(4)
	check(third, ErrNone)
	install(Grant{Term: 3, Until: Forever}, false)
	install(Grant{Term: 4, Until: Forever}, true)
	fourth := acquire(nil)
	h.Revoke()
	check(fourth, ErrNone)
	install(Grant{Term: 4, Until: Forever}, true)
	check(fourth, ErrChanged) // something may have been acknowledged in between
	acquire(nil)
	if h.AppliedIndex() != 12 {
		t.Errorf("applied %d", h.AppliedIndex())
	}
}

// A ticket that passes its check was valid at its end as well as at its beginning, whatever goes on beside it.
func TestConcurrentUse(t *testing.T) {
	h := NewHolder(func() time.Duration { return 0 })
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				ticket, err := h.Acquire()
				if err == nil {
					err = ticket.Check()
				}
				if err != nil && !errors.Is(err, ErrNone) && !errors.Is(err, ErrBehind) && !errors.Is(err, ErrChanged) {
					t.Error(err)
				}
			}
		})
	}
	for i := range uint64(500) {
		h.Install(Grant{Term: i / 10, Fence: i, Until: Forever})
		h.Applied(i)
		if i%7 == 0 {
			h.Revoke()
		}
	}
	wg.Wait()
	if h.AppliedIndex() != 499 {
		t.Errorf("applied %d", h.AppliedIndex())
	}
}

func BenchmarkAcquireAndCheck(b *testing.B) {
	h := NewHolder(func() time.Duration { return 0 })
	h.Install(Grant{Until: Forever})
	for b.Loop() {
		ticket, err := h.Acquire()
		if err != nil || ticket.Check() != nil {
			b.Fatal(err)
		}
	}
}
