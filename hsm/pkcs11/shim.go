package pkcs11

/*
#cgo CFLAGS: -O2 -Wall
#cgo LDFLAGS: -ldl
#cgo noescape shim_login
#cgo nocallback shim_login
#cgo noescape shim_sign
#cgo nocallback shim_sign
#cgo noescape shim_random
#cgo nocallback shim_random
#cgo noescape shim_wrap
#cgo nocallback shim_wrap
#cgo noescape shim_unwrap
#cgo nocallback shim_unwrap
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	p11 "github.com/miekg/pkcs11"
)

type (
	session = p11.SessionHandle
	object  = p11.ObjectHandle
)

// shim calls the library directly. miekg/pkcs11 does the rest; these calls are here because miekg/pkcs11
//
//   - copies inputs and outputs through C's heap and leaves them there: PINs, MACs, random bytes;
//   - cannot build attributes that are arrays of attributes, and panics on some;
//   - takes two transitions and several allocations where one of each does, on the path of every request.
//
// Buffers are Go memory that C sees only during the call.
type shim struct {
	f     *C.ck_functions
	calls *atomic.Uint64
}

// loadShim loads the library, or returns the reason why it cannot be.
func loadShim(path string) (shim, string) {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	var why [512]C.char
	f := C.shim_load(cpath, &why[0], C.ck_ulong(len(why)))
	if f == nil {
		return shim{}, C.GoString(&why[0])
	}
	return shim{f: f, calls: new(atomic.Uint64)}, ""
}

func (s shim) login(h session, user uint, pin []byte) error {
	s.calls.Add(1)
	return callError("C_Login", C.shim_login(s.f, C.ck_ulong(h), C.ck_ulong(user), data(pin), length(pin)))
}

func (s shim) initToken(slot uint, soPIN []byte, label [32]byte) error {
	s.calls.Add(1)
	return callError("C_InitToken", C.shim_init_token(s.f, C.ck_ulong(slot), data(soPIN), length(soPIN), data(label[:])))
}

func (s shim) initPIN(h session, pin []byte) error {
	s.calls.Add(1)
	return callError("C_InitPIN", C.shim_init_pin(s.f, C.ck_ulong(h), data(pin), length(pin)))
}

// sign gives the length written to out. in must not be empty.
func (s shim) sign(h session, mechanism uint, key object, in, out []byte) (int, error) {
	s.calls.Add(1)
	r := C.shim_sign(s.f, C.ck_ulong(h), C.ck_ulong(mechanism), C.ck_ulong(key), data(in), length(in), data(out), length(out))
	if r.code != 0 {
		return 0, callError("C_Sign", r.code)
	}
	return int(r.value), nil
}

func (s shim) random(h session, out []byte) error {
	s.calls.Add(1)
	return callError("C_GenerateRandom", C.shim_random(s.f, C.ck_ulong(h), data(out), length(out)))
}

func (s shim) create(h session, t *template) (object, error) {
	s.calls.Add(1)
	var pin runtime.Pinner
	defer pin.Unpin()
	return handle("C_CreateObject", C.shim_create(s.f, C.ck_ulong(h), t.pinned(&pin), t.count()))
}

func (s shim) generate(h session, mechanism uint, t *template) (object, error) {
	s.calls.Add(1)
	var pin runtime.Pinner
	defer pin.Unpin()
	return handle("C_GenerateKey", C.shim_generate(s.f, C.ck_ulong(h), C.ck_ulong(mechanism), t.pinned(&pin), t.count()))
}

func (s shim) generatePair(h session, mechanism uint, public, private *template) (pub, priv object, err error) {
	s.calls.Add(1)
	var pin runtime.Pinner
	defer pin.Unpin()
	r := C.shim_generate_pair(s.f, C.ck_ulong(h), C.ck_ulong(mechanism),
		public.pinned(&pin), public.count(), private.pinned(&pin), private.count())
	if r.code != 0 {
		return 0, 0, callError("C_GenerateKeyPair", r.code)
	}
	return object(r.public_key), object(r.private_key), nil
}

// wrap gives the length written to out.
func (s shim) wrap(h session, mechanism uint, wrapping, key object, out []byte) (int, error) {
	s.calls.Add(1)
	r := C.shim_wrap(s.f, C.ck_ulong(h), C.ck_ulong(mechanism), C.ck_ulong(wrapping), C.ck_ulong(key), data(out), length(out))
	if r.code != 0 {
		return 0, callError("C_WrapKey", r.code)
	}
	return int(r.value), nil
}

func (s shim) unwrap(h session, mechanism uint, unwrapping object, wrapped []byte, t *template) (object, error) {
	s.calls.Add(1)
	var pin runtime.Pinner
	defer pin.Unpin()
	return handle("C_UnwrapKey", C.shim_unwrap(s.f, C.ck_ulong(h), C.ck_ulong(mechanism), C.ck_ulong(unwrapping),
		data(wrapped), length(wrapped), t.pinned(&pin), t.count()))
}

func (s shim) copyObject(h session, o object, t *template) (object, error) {
	s.calls.Add(1)
	var pin runtime.Pinner
	defer pin.Unpin()
	return handle("C_CopyObject", C.shim_copy(s.f, C.ck_ulong(h), C.ck_ulong(o), t.pinned(&pin), t.count()))
}

func (s shim) destroy(h session, o object) error {
	s.calls.Add(1)
	return callError("C_DestroyObject", C.shim_destroy(s.f, C.ck_ulong(h), C.ck_ulong(o)))
}

func handle(call string, r C.shim_result) (object, error) {
	if r.code != 0 {
		return 0, callError(call, r.code)
	}
	return object(r.value), nil
}

func callError(call string, code C.ck_ulong) error {
	if code == 0 {
		return nil
	}
	return &CallError{Call: call, Code: uint(code)}
}

func data(b []byte) *C.ck_byte   { return (*C.ck_byte)(unsafe.SliceData(b)) }
func length(b []byte) C.ck_ulong { return C.ck_ulong(len(b)) }
