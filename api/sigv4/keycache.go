package sigv4

import (
	"strings"
	"sync"
)

// KeyID names a derived signing key. Version is the version of the access key's secret, so that a key derived from a secret
// that has been replaced is never found again.
type KeyID struct {
	AccessKeyID string
	Version     uint64
	Date        string
	Region      string
	Service     string
}

// KeyCache keeps the most recently used signing keys, so that most requests cost neither the four HMACs of [DeriveKey] nor the
// opening of a sealed secret. A key is overwritten when it is pushed out. It is safe for use by several goroutines.
//
// A hit says nothing about the access key itself: the caller looks that up first, and its state decides. Callers should
// Put a key only after Verify has accepted it, so that strangers cannot push out the keys of others.
type KeyCache struct {
	mu sync.Mutex
	// The rest is guarded by mu. The slots form a ring in order of use: slots[0] is no key but the ring's anchor, whose next
	// is the most recently used and whose previous the one to go first. Free slots are at that end, with an empty id.
	index map[KeyID]int
	slots []keySlot
}

// keySlot is one key and its neighbours in the ring.
type keySlot struct {
	id             KeyID
	key            [32]byte
	previous, next int
}

// NewKeyCache returns a cache for up to size keys, at least one. All its memory, about 200 bytes a key, is taken at once.
func NewKeyCache(size int) *KeyCache {
	size = max(size, 1)
	c := &KeyCache{index: make(map[KeyID]int, size), slots: make([]keySlot, size+1)}
	for i := range c.slots {
		c.slots[i].previous = (i + size) % (size + 1)
		c.slots[i].next = (i + 1) % (size + 1)
	}
	return c
}

// Get returns the key and marks it as used.
func (c *KeyCache) Get(id KeyID) (key [32]byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.index[id]
	if !ok {
		return key, false
	}
	c.touch(i)
	return c.slots[i].key, true
}

// Put keeps the key, in place of the one that was used least recently if the cache is full.
func (c *KeyCache) Put(id KeyID, key [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.index[id]
	if !ok {
		i = c.slots[0].previous
		c.drop(i)
		// The parts of an id are usually substrings of a request, which must not stay in memory for the cache's sake.
		id = KeyID{
			AccessKeyID: strings.Clone(id.AccessKeyID), Version: id.Version,
			Date: strings.Clone(id.Date), Region: strings.Clone(id.Region), Service: strings.Clone(id.Service),
		}
		c.index[id] = i
		c.slots[i].id = id
	}
	c.slots[i].key = key
	c.touch(i)
}

// Clear wipes all keys.
func (c *KeyCache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.slots {
		c.drop(i)
	}
}

// Len returns the number of keys held.
func (c *KeyCache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.index)
}

// drop empties a slot and wipes its key.
func (c *KeyCache) drop(i int) {
	slot := &c.slots[i]
	delete(c.index, slot.id)
	slot.id = KeyID{}
	clear(slot.key[:])
}

// touch moves a slot to the front of the ring.
func (c *KeyCache) touch(i int) {
	s := c.slots
	if s[0].next == i {
		return
	}
	s[s[i].previous].next = s[i].next
	s[s[i].next].previous = s[i].previous
	s[i].previous, s[i].next = 0, s[0].next
	s[s[0].next].previous = i
	s[0].next = i
}
