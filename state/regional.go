package state

import (
	"cmp"
	"encoding/binary"
	"iter"
	"strings"
)

// regional is a table of what has a name within an account and region, in order of account, region and name.
//
// The lookup of a key is on the path of every cryptographic call, so rows hold what most comparisons need: a number
// for the account and region, and the first bytes of the name. A comparison by the strings alone would follow a
// pointer each time, which among 100,000 keys is one cache miss for every step of the search.
type regional[V any] struct {
	spaces table[space, uint32] // numbers accounts and regions from 1, in order of appearance; they differ between nodes
	rows   table[place, V]
}

type space struct{ account, region string }

type place struct {
	space uint32
	head  uint64 // the first bytes of name, big-endian, so that the order is that of name
	name  string
}

func newRegional[V any]() regional[V] {
	return regional[V]{
		spaces: newTable[space, uint32](compareSpaces),
		rows:   newTable[place, V](comparePlaces),
	}
}

func compareSpaces(a, b space) int {
	return cmp.Or(strings.Compare(a.account, b.account), strings.Compare(a.region, b.region))
}

func comparePlaces(a, b place) int {
	if a.space != b.space {
		return cmp.Compare(a.space, b.space)
	}
	if a.head != b.head {
		return cmp.Compare(a.head, b.head)
	}
	return strings.Compare(a.name, b.name)
}

func head(name string) uint64 {
	if len(name) >= 8 {
		return binary.BigEndian.Uint64([]byte(name[:8]))
	}
	var b [8]byte
	copy(b[:], name)
	return binary.BigEndian.Uint64(b[:])
}

// copy must be called by the writer alone (see table).
func (r regional[V]) copy() regional[V] { return regional[V]{r.spaces.copy(), r.rows.copy()} }

// rebuilt gives a copy that shares no memory with r (see tables.purge).
func (r regional[V]) rebuilt() regional[V] {
	return regional[V]{r.spaces.copy(), r.rows.rebuilt()}
}

func (r regional[V]) len() int { return r.rows.len() }

func (r regional[V]) get(account, region, name string) (v V) {
	n := r.spaces.get(space{account, region})
	if n == 0 {
		return v
	}
	return r.rows.get(place{n, head(name), name})
}

func (r regional[V]) set(account, region, name string, v V) {
	r.rows.set(place{r.number(account, region), head(name), name}, v)
}

// load adds a value that comes after all others, which is faster than set.
func (r regional[V]) load(account, region, name string, v V) {
	r.rows.load(place{r.number(account, region), head(name), name}, v)
}

func (r regional[V]) delete(account, region, name string) {
	r.rows.delete(place{r.number(account, region), head(name), name})
}

func (r regional[V]) number(account, region string) uint32 {
	at := space{account, region}
	n := r.spaces.get(at)
	if n == 0 {
		n = uint32(r.spaces.len()) + 1
		r.spaces.set(at, n)
	}
	return n
}

// from gives the values of an account and region at and behind a name, in order.
func (r regional[V]) from(account, region, name string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		if n := r.spaces.get(space{account, region}); n != 0 {
			r.scan(n, name, yield)
		}
	}
}

// all gives every value, in order.
func (r regional[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, n := range r.spaces.all() {
			if !r.scan(n, "", yield) {
				return
			}
		}
	}
}

// scan says whether to go on.
func (r regional[V]) scan(n uint32, name string, yield func(string, V) bool) bool {
	for at, v := range r.rows.from(place{n, head(name), name}) {
		if at.space != n {
			return true
		}
		if !yield(at.name, v) {
			return false
		}
	}
	return true
}
