package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary.dev/hsm"
)

// shelf is a device for the cache: it gives every load another object and watches what is destroyed.
type shelf struct {
	loads atomic.Int64
	delay time.Duration
	fail  error

	mu        sync.Mutex
	inUse     map[object]int
	destroyed map[object]bool
	wrong     []string
}

func newShelf() *shelf { return &shelf{inUse: map[object]int{}, destroyed: map[object]bool{}} }

func (s *shelf) load([]byte) (*backingKey, error) {
	time.Sleep(s.delay)
	n := s.loads.Add(1)
	if s.fail != nil {
		return nil, s.fail
	}
	return &backingKey{object: object(n)}, nil
}

func (s *shelf) destroy(k *backingKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inUse[k.object] > 0 {
		s.wrong = append(s.wrong, fmt.Sprintf("object %d destroyed in use", k.object))
	}
	if s.destroyed[k.object] {
		s.wrong = append(s.wrong, fmt.Sprintf("object %d destroyed twice", k.object))
	}
	s.destroyed[k.object] = true
}

func (s *shelf) use(k *backingKey, by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inUse[k.object] += by
	if s.destroyed[k.object] {
		s.wrong = append(s.wrong, fmt.Sprintf("object %d used after it was destroyed", k.object))
	}
}

func (s *shelf) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wrong {
		t.Error(w)
	}
}

func mustAcquire(t *testing.T, c *cache, token string) *entry {
	t.Helper()
	e, err := c.acquire(t.Context(), []byte(token))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConcurrentMissesLoadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.delay = time.Second
		c := newCache(10, s.load, s.destroy)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { c.release(mustAcquire(t, c, "token")) })
		}
		all.Wait()
		if n := s.loads.Load(); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
		if cached, hits, misses := c.stats(); cached != 1 || hits != 99 || misses != 1 {
			t.Errorf("%d cached, %d hits, %d misses", cached, hits, misses)
		}
	})
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.delay = time.Hour
		c := newCache(10, s.load, s.destroy)
		var all sync.WaitGroup
		all.Go(func() { c.release(mustAcquire(t, c, "token")) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.acquire(ctx, []byte("token")); !errors.Is(err, hsm.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting gave %v, want ErrUnavailable and DeadlineExceeded", err)
		}
		all.Wait()
		c.release(mustAcquire(t, c, "token"))
		if n := s.loads.Load(); n != 1 {
			t.Errorf("%d loads: the patient caller lost its key to the impatient one", n)
		}
	})
}

func TestFailedLoadIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.delay, s.fail = time.Second, hsm.ErrToken
		c := newCache(1, s.load, s.destroy)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if _, err := c.acquire(t.Context(), []byte("token")); err != hsm.ErrToken {
					t.Errorf("acquire gave %v, want ErrToken", err)
				}
			})
		}
		all.Wait()
		if cached, _, _ := c.stats(); cached != 0 || c.live != 0 || len(s.destroyed) != 0 {
			t.Errorf("%d cached, %d live, %d destroyed after a failed load", cached, c.live, len(s.destroyed))
		}
		s.fail = nil
		c.release(mustAcquire(t, c, "token"))
	})
}

func TestLeastRecentlyUsedGoesFirst(t *testing.T) {
	s := newShelf()
	c := newCache(3, s.load, s.destroy)
	touch := func(tokens ...string) {
		for _, token := range tokens {
			c.release(mustAcquire(t, c, token))
		}
	}
	touch("a", "b", "c", "a", "d") // b goes
	touch("a", "c", "d")
	if n := s.loads.Load(); n != 4 {
		t.Errorf("%d loads, want 4", n)
	}
	if d := cmp.Diff(map[object]bool{2: true}, s.destroyed); d != "" {
		t.Errorf("destroyed (-want +got):\n%s", d)
	}
}

func TestKeysInUseAreNotDestroyed(t *testing.T) {
	s := newShelf()
	c := newCache(1, s.load, s.destroy)
	a, b := mustAcquire(t, c, "a"), mustAcquire(t, c, "b") // one more than the limit, both in use
	c.forget([]byte("a"))
	if len(s.destroyed) != 0 {
		t.Fatal("a key in use was destroyed")
	}
	again := mustAcquire(t, c, "a")
	if again.key.object == a.key.object {
		t.Error("a forgotten key was handed out again")
	}
	c.release(a)
	if !s.destroyed[a.key.object] || len(s.destroyed) != 1 {
		t.Errorf("destroyed %v, want the forgotten key after its last use", s.destroyed)
	}
	c.release(again)
	c.release(b)
	if cached, _, _ := c.stats(); cached != 1 || c.live != 1 {
		t.Errorf("%d cached, %d live; want 1", cached, c.live)
	}
	c.forget([]byte("never seen"))
	s.check(t)
}

func TestHalve(t *testing.T) {
	s := newShelf()
	c := newCache(10, s.load, s.destroy)
	used := mustAcquire(t, c, "used")
	for i := range 5 {
		c.release(mustAcquire(t, c, fmt.Sprint(i)))
	}
	for _, want := range []int{3, 1, 1, 0} {
		if n := c.halve(); n != want {
			t.Errorf("halve dropped %d keys, want %d", n, want)
		}
	}
	if d := cmp.Diff(map[object]bool{2: true, 3: true, 4: true, 5: true, 6: true}, s.destroyed); d != "" {
		t.Errorf("destroyed (-want +got):\n%s", d)
	}
	c.release(used)
	s.check(t)
}

func TestForgetDuringLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.delay = time.Second
		c := newCache(5, s.load, s.destroy)
		var all sync.WaitGroup
		all.Go(func() {
			e := mustAcquire(t, c, "token")
			s.use(e.key, 1)
			time.Sleep(time.Second)
			s.use(e.key, -1)
			c.release(e)
		})
		synctest.Wait()
		c.forget([]byte("token"))
		all.Wait()
		if cached, _, _ := c.stats(); cached != 0 || !s.destroyed[1] {
			t.Errorf("%d cached, destroyed %v: a key outlived its being forgotten", cached, s.destroyed)
		}
		s.check(t)
	})
}

func TestCacheUnderLoad(t *testing.T) {
	s := newShelf()
	c := newCache(3, s.load, s.destroy)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for n := range 300 {
				token := fmt.Sprint((i + n) % 7)
				e := mustAcquire(t, c, token)
				s.use(e.key, 1)
				if n%50 == 0 {
					c.forget([]byte(token))
				}
				s.use(e.key, -1)
				c.release(e)
			}
		})
	}
	all.Wait()
	s.check(t)
	cached, _, _ := c.stats()
	if cached > 3 || c.live != cached || int(s.loads.Load())-len(s.destroyed) != cached {
		t.Errorf("%d cached, %d live, %d loaded, %d destroyed", cached, c.live, s.loads.Load(), len(s.destroyed))
	}
}
