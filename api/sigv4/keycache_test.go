package sigv4

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

func keyID(n int) KeyID {
	return KeyID{AccessKeyID: fmt.Sprint("AKID", n), Version: 1, Date: "20150830", Region: "us-east-1", Service: "kms"}
}

func keyOf(n int) [32]byte { return [32]byte{byte(n + 1), byte(n >> 8)} }

func TestKeyCacheKeepsTheMostRecentlyUsed(t *testing.T) {
	c := NewKeyCache(3)
	for n := range 3 {
		c.Put(keyID(n), keyOf(n))
	}
	if _, ok := c.Get(keyID(0)); !ok { // 1 is now the oldest
		t.Fatal("key 0 is gone before the cache is full")
	}
	c.Put(keyID(3), keyOf(3))
	for n, want := range []bool{true, false, true, true} {
		key, ok := c.Get(keyID(n))
		if ok != want {
			t.Errorf("key %d held = %v, want %v", n, ok, want)
		}
		if ok && key != keyOf(n) {
			t.Errorf("key %d = %x", n, key)
		}
	}
	if got := c.Len(); got != 3 {
		t.Errorf("Len = %d, want 3", got)
	}
}

func TestKeyCacheTellsIdsApart(t *testing.T) {
	base := keyID(0)
	others := []KeyID{base, base, base, base, base}
	others[0].AccessKeyID = "AKID"
	others[1].Version = 2
	others[2].Date = "20150831"
	others[3].Region = "us-east-2"
	others[4].Service = "sts"
	c := NewKeyCache(10)
	c.Put(base, keyOf(0))
	for _, id := range others {
		if _, ok := c.Get(id); ok {
			t.Errorf("%v found the key of %v", id, base)
		}
	}
}

func TestKeyCacheReplaces(t *testing.T) {
	c := NewKeyCache(2)
	c.Put(keyID(0), keyOf(0))
	c.Put(keyID(0), keyOf(7))
	if key, ok := c.Get(keyID(0)); !ok || key != keyOf(7) {
		t.Errorf("Get = %x, %v", key, ok)
	}
	if got := c.Len(); got != 1 {
		t.Errorf("Len = %d, want 1", got)
	}
}

func TestKeyCacheWipes(t *testing.T) {
	c := NewKeyCache(2)
	secretKey := [32]byte{0: 0xa5, 31: 0x5a}
	c.Put(keyID(0), secretKey)
	c.Put(keyID(1), keyOf(1))
	c.Put(keyID(2), keyOf(2))
	for i, slot := range c.slots {
		if slot.key == secretKey {
			t.Errorf("slot %d still holds the key that was pushed out", i)
		}
	}
	c.Clear()
	for i, slot := range c.slots {
		if slot.key != [32]byte{} || slot.id != (KeyID{}) {
			t.Errorf("slot %d still holds %v after Clear", i, slot.id)
		}
	}
	if _, ok := c.Get(keyID(1)); ok || c.Len() != 0 {
		t.Error("a key is found after Clear")
	}
	c.Put(keyID(3), keyOf(3))
	if _, ok := c.Get(keyID(3)); !ok {
		t.Error("the cache does not work after Clear")
	}
}

func TestKeyCacheDoesNotKeepTheRequest(t *testing.T) {
	c := NewKeyCache(0) // as one
	request := strings.Repeat("AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request", 1)
	id := KeyID{AccessKeyID: request[:11], Date: request[12:20], Region: request[21:30], Service: request[31:34]}
	c.Put(id, keyOf(0))
	for held := range c.index {
		for _, part := range [][2]string{
			{held.AccessKeyID, id.AccessKeyID}, {held.Date, id.Date}, {held.Region, id.Region}, {held.Service, id.Service},
		} {
			if unsafe.StringData(part[0]) == unsafe.StringData(part[1]) {
				t.Errorf("the cache holds %q inside the request", part[0])
			}
		}
	}
}

// Whatever the order of calls, the cache agrees with a plain list of what was used last.
func TestKeyCacheAgainstAList(t *testing.T) {
	const size = 5
	c := NewKeyCache(size)
	var recent []int // most recent first
	use := func(n int) {
		for i, m := range recent {
			if m == n {
				recent = append(recent[:i], recent[i+1:]...)
				break
			}
		}
		recent = append([]int{n}, recent...)
		recent = recent[:min(len(recent), size)]
	}
	state := uint32(1)
	for step := range 5000 {
		state = state*1664525 + 1013904223
		n := int(state>>16) % 9
		held := false
		for _, m := range recent {
			held = held || m == n
		}
		if key, ok := c.Get(keyID(n)); ok != held || ok && key != keyOf(n) {
			t.Fatalf("step %d: Get(%d) = %v, want %v", step, n, ok, held)
		}
		if held || state>>30 != 0 {
			c.Put(keyID(n), keyOf(n))
			use(n)
		}
	}
}

func TestKeyCacheConcurrently(t *testing.T) {
	c := NewKeyCache(8)
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for i := range 2000 {
				n := (i*7 + g) % 20
				if key, ok := c.Get(keyID(n)); ok && key != keyOf(n) {
					t.Errorf("key %d = %x", n, key)
				}
				c.Put(keyID(n), keyOf(n))
			}
		})
	}
	wait.Wait()
}

func BenchmarkKeyCacheGet(b *testing.B) {
	c := NewKeyCache(1000)
	for n := range 1000 {
		c.Put(keyID(n), keyOf(n))
	}
	id := keyID(500)
	b.ReportAllocs()
	for b.Loop() {
		c.Get(id)
	}
}
