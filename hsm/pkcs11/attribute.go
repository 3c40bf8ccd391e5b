package pkcs11

// #include "shim.h"
import "C"

import (
	"encoding/binary"
	"runtime"
	"unsafe"
)

// attribute is one CK_ATTRIBUTE: a value, or for the template attributes (CKA_UNWRAP_TEMPLATE) attributes again.
type attribute struct {
	kind   uint
	value  []byte
	nested []attribute
}

func flag(kind uint, on bool) attribute {
	v := []byte{0} // CK_FALSE
	if on {
		v[0] = 1 // CK_TRUE
	}
	return attribute{kind: kind, value: v}
}

// numbers is a CK_ULONG or, with several values, an array of them.
func numbers(kind uint, n ...uint) attribute {
	var v []byte
	for _, n := range n {
		v = binary.NativeEndian.AppendUint64(v, uint64(n))
	}
	return attribute{kind: kind, value: v}
}

func octets(kind uint, v []byte) attribute    { return attribute{kind: kind, value: v} }
func text(kind uint, v string) attribute      { return attribute{kind: kind, value: []byte(v)} }
func list(kind uint, a []attribute) attribute { return attribute{kind: kind, nested: a} }

// template is an array of attributes that C can read while it is pinned. It is Go memory, so that nothing is left on C's
// heap; several goroutines may use one at once.
type template struct {
	array   []ckAttribute
	targets []unsafe.Pointer // what the array points to, and what that points to
}

// ckAttribute is CK_ATTRIBUTE.
type ckAttribute = C.ck_attribute

func newTemplate(attributes ...attribute) *template {
	t := new(template)
	t.array = t.build(attributes)
	return t
}

func (t *template) build(attributes []attribute) []ckAttribute {
	array := make([]ckAttribute, len(attributes))
	for i, a := range attributes {
		array[i]._type = C.ck_ulong(a.kind)
		switch {
		case len(a.nested) > 0:
			inner := t.build(a.nested)
			t.point(&array[i], unsafe.Pointer(unsafe.SliceData(inner)), len(inner)*C.sizeof_ck_attribute)
		case len(a.value) > 0:
			t.point(&array[i], unsafe.Pointer(unsafe.SliceData(a.value)), len(a.value))
		}
	}
	return array
}

func (t *template) point(a *ckAttribute, value unsafe.Pointer, length int) {
	a.value, a.length = value, C.ck_ulong(length)
	t.targets = append(t.targets, value)
}

// pinned gives the array for a call into C, after which the caller unpins p.
func (t *template) pinned(p *runtime.Pinner) *ckAttribute {
	for _, target := range t.targets {
		p.Pin(target)
	}
	return unsafe.SliceData(t.array)
}

func (t *template) count() C.ck_ulong { return C.ck_ulong(len(t.array)) }
