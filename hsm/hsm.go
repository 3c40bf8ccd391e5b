// Package hsm is the contract between the services and a cryptographic device.
//
// A Backend makes, opens and forgets backing keys and gives random bytes. What an opened key can do is a
// capability that the key either has or has not (Sealer, DataKeyer, Resealer, Signer): callers assert the
// interface they need. Backing keys leave a device only wrapped, as tokens; a token is bytes to everyone but
// the device that made it, and anyone may store, replicate or lose it without learning the key.
package hsm

import (
	"context"
	"errors"
)

// Spec is a key spec, by its name in the AWS KMS API (CreateKey, KeySpec).
type Spec string

// The key specs that a backend may know.
const (
	SymmetricDefault Spec = "SYMMETRIC_DEFAULT" // a 256-bit secret for PRF-derived AES-256-GCM messages
	ECCNISTP256      Spec = "ECC_NIST_P256"     // ECDSA over NIST P-256 (FIPS 186-5)
)

// Custody says where key material is used.
type Custody string

// The two custodies (DESIGN, "Custody is a property of the domain").
const (
	InDevice Custody = "device" // material is never in plaintext outside the device
	InHost   Custody = "host"   // material is in the worker's locked memory while in use
)

// Purpose separates keys of one spec that must never be mistaken for each other. It is bound into the token and
// into every message sealed under the key.
type Purpose string

// The purposes of backing keys.
const (
	PurposeKMS      Purpose = "kms"       // a version of a KMS key
	PurposeHostRoot Purpose = "host-root" // seals the cluster's sealing and session keys
	PurposeCA       Purpose = "ca"        // signs the cluster's certificates
)

// Errors that a Backend and its keys return, wrapped with detail. Test with errors.Is.
var (
	// ErrUnavailable means that the device did not answer in time, was replaced or is gone. The call had no
	// effect and may be sent again.
	ErrUnavailable = errors.New("device is unavailable")
	// ErrMessage means that a sealed message, its associated data or the key do not belong together. It is
	// deliberately the only error for every such case.
	ErrMessage = errors.New("message does not open")
	// ErrToken means that a token is malformed, altered, of another domain key, or opens to other material than it
	// says. The key it names must not be used.
	ErrToken = errors.New("key token is not valid")
	// ErrUnsupported means that the device, or this software, lacks what was asked for.
	ErrUnsupported = errors.New("not supported by the device")
)

// Limits of a Backend's arguments.
const (
	MaxKeyID     = 128      // bytes of KeyRequest.KeyID
	MaxPlaintext = 64 << 10 // bytes in one Seal
	MaxAAD       = 64 << 10 // bytes of associated data
	MaxDataKey   = 1024     // bytes in one SealRandom (KMS: NumberOfBytes)
	MaxRandom    = 1 << 16  // bytes in one Random
	MaxToken     = 16 << 10 // bytes of an encoded token
)

// KeyRequest asks for a new backing key.
type KeyRequest struct {
	KeyID   string // the KMS key id (or another stable name) that the material will belong to; printable ASCII, 1 to MaxKeyID bytes
	Spec    Spec
	Purpose Purpose
}

// Backend is a device. All methods may be called from any goroutine; each honours ctx and returns ErrUnavailable
// when the device does not answer.
type Backend interface {
	// Generate makes a backing key, wraps it, opens the token again and tests it, and returns the encoded token.
	Generate(ctx context.Context, r KeyRequest) (token []byte, err error)
	// Open gives the key behind a token, which must not be changed before the key is closed. The caller must Close it. It
	// need not call the device before first use.
	Open(ctx context.Context, token []byte) (Key, error)
	// Forget destroys whatever the device still holds in memory of the key behind a token. Forgetting an unknown
	// token is not an error.
	Forget(ctx context.Context, token []byte) error
	// Random gives n bytes from the device's generator, 1 <= n <= MaxRandom.
	Random(ctx context.Context, n int) ([]byte, error)
	// Status says what the device is and how it does.
	Status(ctx context.Context) (Status, error)
}

// Key is an opened backing key.
type Key interface {
	// Token is the metadata of the token that the key was opened from, already authenticated or authenticated at first use.
	Token() Token
	// Close releases the key; it does not destroy cached material (Forget does).
	Close()
}

// Sealer seals and opens messages under a symmetric key (package hsm/message).
type Sealer interface {
	Seal(ctx context.Context, aad, plaintext []byte) (message []byte, err error)
	// Unseal returns ErrMessage for anything that this key and aad did not seal.
	Unseal(ctx context.Context, aad, message []byte) (plaintext []byte, err error)
}

// DataKeyer makes n random bytes (1 to MaxDataKey) in the device and seals them in one step, for GenerateDataKey. With
// wantPlaintext false the bytes never leave the device's process.
type DataKeyer interface {
	SealRandom(ctx context.Context, aad []byte, n int, wantPlaintext bool) (plaintext, message []byte, err error)
}

// Resealer opens a message and seals its plaintext under another key of the same backend without letting it out,
// for ReEncrypt. It returns ErrMessage when the message does not open.
type Resealer interface {
	Reseal(ctx context.Context, aad, message []byte, to Key, toAAD []byte) (resealed []byte, err error)
}

// Signer signs digests under an asymmetric key. ECDSA signatures are ASN.1 DER (RFC 3279, 2.2.3).
type Signer interface {
	SignDigest(ctx context.Context, digest []byte) (signature []byte, err error)
}

// Status is what a device says of itself, for operators, metrics and readiness.
type Status struct {
	Library       string // e.g. "SoftHSM 2.6"
	TokenLabel    string
	TokenSerial   string
	DomainKey     uint32 // current domain key version
	CachedHandles int    // backing keys now held in the device's session
	HandleHits    uint64
	HandleMisses  uint64
	DeviceCalls   uint64 // calls into the device's library since it was opened
	Specs         []Spec // key specs that passed their known-answer probe
	WorkerPID     int    // the process that holds the device, 0 if it is this one
	Restarts      uint64 // times the worker process was replaced
}
