package state

import (
	"iter"

	"github.com/tidwall/btree"
)

// row is an entry of a table. The key is held by value so that a lookup allocates nothing.
type row[K, V any] struct {
	key   K
	value V
}

// table is an ordered map that can be copied at once, sharing all nodes until one side writes.
//
// The tree's Copy writes to the tree that is copied, so the discipline is this: only the writer copies, from its own
// table, and what it copies and publishes is never written or copied again. Reads of a published table then touch
// only nodes that nobody writes: a writer that comes to a node of an older generation copies it first.
type table[K, V any] struct {
	tree    *btree.BTreeG[row[K, V]]
	compare func(a, b K) int
}

func newTable[K, V any](compare func(a, b K) int) table[K, V] {
	less := func(a, b row[K, V]) bool { return compare(a.key, b.key) < 0 }
	return table[K, V]{btree.NewBTreeGOptions(less, btree.Options{NoLocks: true}), compare}
}

// copy must be called by the writer alone.
func (t table[K, V]) copy() table[K, V] { return table[K, V]{t.tree.Copy(), t.compare} }

// rebuilt gives a table with the same rows in a tree of its own.
func (t table[K, V]) rebuilt() table[K, V] {
	r := newTable[K, V](t.compare)
	for key, value := range t.all() {
		r.load(key, value)
	}
	return r
}

func (t table[K, V]) len() int { return t.tree.Len() }

func (t table[K, V]) get(key K) V {
	r, _ := t.tree.Get(row[K, V]{key: key})
	return r.value
}

func (t table[K, V]) set(key K, value V) { t.tree.Set(row[K, V]{key, value}) }

func (t table[K, V]) delete(key K) { t.tree.Delete(row[K, V]{key: key}) }

// load adds a row that is greater than all others, which is faster than set.
func (t table[K, V]) load(key K, value V) { t.tree.Load(row[K, V]{key, value}) }

// from gives the rows at and after a key, in order.
func (t table[K, V]) from(key K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		t.tree.Ascend(row[K, V]{key: key}, func(r row[K, V]) bool { return yield(r.key, r.value) })
	}
}

// all gives every row, in order.
func (t table[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		t.tree.Scan(func(r row[K, V]) bool { return yield(r.key, r.value) })
	}
}
