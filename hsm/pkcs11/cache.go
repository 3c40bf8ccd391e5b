package pkcs11

import (
	"context"
	"fmt"
	"sync"

	"ostiary.dev/hsm"
)

// cache keeps backing keys open in the device, by the bytes of their tokens.
//
// A key is destroyed when it was dropped (forgotten, or pushed out as the least recently used) and nobody uses it any more:
// destroying a handle in use makes the device answer with one of four codes, or worse with another key. So there are at most
// limit keys, or as many as are in use at once if that is more. Misses for one token at one time load it once.
type cache struct {
	limit   int
	load    func(token []byte) (*backingKey, error)
	destroy func(*backingKey)

	mu sync.Mutex
	// guarded by mu
	entries      map[string]*entry // by token; an entry that is not in here is destroyed on its last release
	idle         entryList         // entries that nobody uses, the most recently used in front
	live         int               // keys in the device: those in entries and those waiting for their last release
	hits, misses uint64
}

// entry is one key. Its links belong to cache.idle.
type entry struct {
	token string
	ready chan struct{} // closed once key or err is set

	// set before ready is closed, unchanged after
	key *backingKey
	err error

	// guarded by cache.mu
	users      int
	dropped    bool
	prev, next *entry
}

func newCache(limit int, load func([]byte) (*backingKey, error), destroy func(*backingKey)) *cache {
	return &cache{limit: limit, load: load, destroy: destroy, entries: make(map[string]*entry)}
}

// acquire gives the entry of token, loaded. The caller must release it. Waiting for another's load ends with ctx; a load,
// once begun, does not.
func (c *cache) acquire(ctx context.Context, token []byte) (*entry, error) {
	c.mu.Lock()
	if e, ok := c.entries[string(token)]; ok {
		c.hits++
		c.use(e)
		c.mu.Unlock()
		return c.wait(ctx, e)
	}
	c.misses++
	e := &entry{token: string(token), ready: make(chan struct{}), users: 1}
	c.entries[e.token] = e
	c.live++
	surplus := c.shrink()
	c.mu.Unlock()

	c.destroyAll(surplus)
	e.key, e.err = c.load(token)
	close(e.ready)
	if e.err != nil {
		c.drop(e)
		c.release(e)
		return nil, e.err
	}
	return e, nil
}

// wait waits until e, which the caller uses, is loaded.
func (c *cache) wait(ctx context.Context, e *entry) (*entry, error) {
	select {
	case <-e.ready:
	default:
		select {
		case <-e.ready:
		case <-ctx.Done():
			c.release(e)
			return nil, fmt.Errorf("%w: waiting for a key to be opened: %w", hsm.ErrUnavailable, ctx.Err())
		}
	}
	if e.err != nil {
		c.release(e)
		return nil, e.err
	}
	return e, nil
}

// release ends one use of e.
func (c *cache) release(e *entry) {
	c.mu.Lock()
	e.users--
	if e.users > 0 {
		c.mu.Unlock()
		return
	}
	var surplus []*entry
	if e.dropped {
		c.live--
		surplus = []*entry{e}
	} else {
		c.idle.pushFront(e)
		surplus = c.shrink()
	}
	c.mu.Unlock()
	c.destroyAll(surplus)
}

// forget drops the key of token, if it is held.
func (c *cache) forget(token []byte) {
	c.mu.Lock()
	e, ok := c.entries[string(token)]
	if !ok {
		c.mu.Unlock()
		return
	}
	c.use(e)
	c.mu.Unlock()
	c.drop(e)
	c.release(e)
}

// drop takes e, which the caller uses, out of the cache: the next acquire loads anew.
func (c *cache) drop(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !e.dropped {
		e.dropped = true
		delete(c.entries, e.token)
	}
}

// use counts one more user of e. The caller holds mu.
func (c *cache) use(e *entry) {
	if e.users == 0 {
		c.idle.remove(e)
	}
	e.users++
}

// shrink drops idle entries while there are too many keys, and returns them to be destroyed. The caller holds mu.
func (c *cache) shrink() []*entry {
	var surplus []*entry
	for c.live > c.limit && c.idle.last != nil {
		surplus = append(surplus, c.dropLast())
	}
	return surplus
}

// halve destroys the longer unused half of the idle keys, at least one if there is any, and says how many that were.
func (c *cache) halve() int {
	c.mu.Lock()
	var surplus []*entry
	for n := (c.idle.len + 1) / 2; n > 0; n-- {
		surplus = append(surplus, c.dropLast())
	}
	c.mu.Unlock()
	c.destroyAll(surplus)
	return len(surplus)
}

// dropLast takes the least recently used idle entry out of the cache. The caller holds mu.
func (c *cache) dropLast() *entry {
	e := c.idle.last
	c.idle.remove(e)
	e.dropped = true
	delete(c.entries, e.token)
	c.live--
	return e
}

func (c *cache) destroyAll(surplus []*entry) {
	for _, e := range surplus {
		if e.key != nil {
			c.destroy(e.key)
		}
	}
}

// stats gives the number of keys cached, and of acquires that found and did not find theirs.
func (c *cache) stats() (cached int, hits, misses uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries), c.hits, c.misses
}

// entryList is a list of entries through their own links, so that a use of a key allocates nothing.
type entryList struct {
	first, last *entry
	len         int
}

func (l *entryList) pushFront(e *entry) {
	l.len++
	e.prev, e.next = nil, l.first
	if l.first != nil {
		l.first.prev = e
	} else {
		l.last = e
	}
	l.first = e
}

func (l *entryList) remove(e *entry) {
	l.len--
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		l.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		l.last = e.prev
	}
	e.prev, e.next = nil, nil
}
