// Package hsmtest holds what the tests of and above package hsm share: a conformance suite that every hsm.Backend must pass,
// and Memory, a backend in software.
//
// Memory is a real implementation: its tokens are sealed, its messages are those of package hsm/message and its signatures
// are ECDSA. Only the place of the keys is not real: they are in the memory of the process that uses them.
package hsmtest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"ostiary.dev/hsm"
)

// Hook is called before every operation of a Memory, with the operation's name (generate, load, seal, unseal, sealRandom,
// reseal, sign, random, forget, status) and its number, counting all operations from 1. It may wait; the operation fails
// with the error that it returns.
type Hook func(ctx context.Context, op string, n uint64) error

// FailAt returns a Hook that lets the n-th operation fail with err.
func FailAt(n uint64, err error) Hook {
	return func(_ context.Context, _ string, at uint64) error {
		if at == n {
			return err
		}
		return nil
	}
}

// MemoryConfig is what a Memory is made from. The zero value is a device of its own.
type MemoryConfig struct {
	// DomainKey seals tokens: two devices with the same one open each other's. 32 bytes; nil makes a random one.
	DomainKey []byte
	// HandleLimit bounds the opened keys that are kept; 0 means 10,000.
	HandleLimit int
	Hook        Hook // may be nil
}

// Memory is a software device. See the package comment for what it is good for.
type Memory struct {
	domain cipher.AEAD
	macKey []byte
	limit  int
	hook   Hook

	calls, hits, misses atomic.Uint64

	mu   sync.RWMutex         // guards held
	held map[string]*material // by exact token bytes
}

var _ hsm.Backend = (*Memory)(nil)

const (
	domainKeySize    = 32
	domainKeyVersion = 1
	secretSize       = 32
	defaultHandles   = 10_000
)

// NewMemory makes a software device.
func NewMemory(cfg MemoryConfig) (*Memory, error) {
	root := cfg.DomainKey
	if root == nil {
		root = make([]byte, domainKeySize)
		rand.Read(root)
	}
	if len(root) != domainKeySize {
		return nil, fmt.Errorf("domain key of %d bytes, want %d", len(root), domainKeySize)
	}
	block, err := aes.NewCipher(hmacSum(root, "wrap"))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	if cfg.HandleLimit == 0 {
		cfg.HandleLimit = defaultHandles
	}
	return &Memory{
		domain: aead, macKey: hmacSum(root, "token mac"), limit: cfg.HandleLimit, hook: cfg.Hook,
		held: make(map[string]*material),
	}, nil
}

// enter counts an operation and runs the hook.
func (m *Memory) enter(ctx context.Context, op string) error {
	n := m.calls.Add(1)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", hsm.ErrUnavailable, err)
	}
	if m.hook == nil {
		return nil
	}
	return m.hook(ctx, op, n)
}

// Generate implements hsm.Backend.
func (m *Memory) Generate(ctx context.Context, r hsm.KeyRequest) ([]byte, error) {
	if err := m.enter(ctx, "generate"); err != nil {
		return nil, err
	}
	if len(r.KeyID) < 1 || len(r.KeyID) > hsm.MaxKeyID {
		return nil, fmt.Errorf("key id of %d bytes, want 1 to %d", len(r.KeyID), hsm.MaxKeyID)
	}
	if !knownPurpose(r.Purpose) {
		return nil, fmt.Errorf("%w: purpose %q", hsm.ErrUnsupported, r.Purpose)
	}
	k, err := newMaterial(r)
	if err != nil {
		return nil, err
	}
	token, err := m.wrap(k, r)
	if err != nil {
		return nil, err
	}
	if _, err := m.load(token); err != nil {
		return nil, fmt.Errorf("the new token does not open: %w", err)
	}
	return token, nil
}

func knownPurpose(p hsm.Purpose) bool {
	return p == hsm.PurposeKMS || p == hsm.PurposeHostRoot || p == hsm.PurposeCA
}

// Open implements hsm.Backend. The token is authenticated at once.
func (m *Memory) Open(ctx context.Context, token []byte) (hsm.Key, error) {
	m.mu.RLock()
	k := m.held[string(token)]
	m.mu.RUnlock()
	if k != nil {
		m.hits.Add(1)
		return m.keyOf(k), nil
	}
	if err := m.enter(ctx, "load"); err != nil {
		return nil, err
	}
	m.misses.Add(1)
	k, err := m.load(token)
	if err != nil {
		return nil, err
	}
	m.keep(token, k)
	return m.keyOf(k), nil
}

// keep remembers an opened key, at the expense of any other when there are too many.
func (m *Memory) keep(token []byte, k *material) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for other := range m.held {
		if len(m.held) < m.limit {
			break
		}
		delete(m.held, other)
	}
	m.held[string(token)] = k
}

// Forget implements hsm.Backend.
func (m *Memory) Forget(ctx context.Context, token []byte) error {
	if err := m.enter(ctx, "forget"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.held, string(token))
	return nil
}

// Random implements hsm.Backend.
func (m *Memory) Random(ctx context.Context, n int) ([]byte, error) {
	if err := m.enter(ctx, "random"); err != nil {
		return nil, err
	}
	if n < 1 || n > hsm.MaxRandom {
		return nil, fmt.Errorf("random: %d bytes, want 1 to %d", n, hsm.MaxRandom)
	}
	b := make([]byte, n)
	rand.Read(b)
	return b, nil
}

// Status implements hsm.Backend.
func (m *Memory) Status(ctx context.Context) (hsm.Status, error) {
	if err := m.enter(ctx, "status"); err != nil {
		return hsm.Status{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return hsm.Status{
		Library: "hsmtest.Memory", TokenLabel: "memory", TokenSerial: "0", DomainKey: domainKeyVersion,
		CachedHandles: len(m.held), HandleHits: m.hits.Load(), HandleMisses: m.misses.Load(), DeviceCalls: m.calls.Load(),
		Specs: []hsm.Spec{hsm.SymmetricDefault, hsm.ECCNISTP256},
	}, nil
}

// wrap makes the token of new material.
func (m *Memory) wrap(k *material, r hsm.KeyRequest) ([]byte, error) {
	plain, err := k.encode()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	t := hsm.Token{
		KeyID: r.KeyID, Spec: r.Spec, Purpose: r.Purpose, Length: uint32(len(plain)), Custody: hsm.InHost,
		DomainKeyVersion: domainKeyVersion, Check: hmacSum(m.macKey, "check", plain),
		Wrapped: m.domain.Seal(nil, nil, plain, nil),
	}
	if t.MaterialID, t.PublicKey, err = k.identity(r.KeyID); err != nil {
		return nil, err
	}
	if t.MAC, err = m.mac(t); err != nil {
		return nil, err
	}
	return t.Marshal()
}

func (m *Memory) mac(t hsm.Token) ([]byte, error) {
	input, err := t.MACInput()
	if err != nil {
		return nil, err
	}
	return hmacSum(m.macKey, "", input), nil
}

// load opens a token. Every failure is hsm.ErrToken.
func (m *Memory) load(token []byte) (*material, error) {
	t, err := hsm.ParseToken(token)
	if err != nil {
		return nil, err
	}
	mac, err := m.mac(t)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(mac, t.MAC) {
		return nil, fmt.Errorf("%w: its MAC is wrong", hsm.ErrToken)
	}
	plain, err := m.domain.Open(nil, nil, t.Wrapped, nil)
	if err != nil || uint32(len(plain)) != t.Length || !hmac.Equal(t.Check, hmacSum(m.macKey, "check", plain)) {
		return nil, fmt.Errorf("%w: it does not open to what it says", hsm.ErrToken)
	}
	defer clear(plain)
	k, err := decodeMaterial(t, plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", hsm.ErrToken, err)
	}
	id, public, err := k.identity(t.KeyID)
	if err != nil || subtle.ConstantTimeCompare(id[:], t.MaterialID[:]) != 1 || !bytes.Equal(public, t.PublicKey) {
		return nil, fmt.Errorf("%w: it holds another key", hsm.ErrToken)
	}
	return k, nil
}

// hmacSum is HMAC-SHA-256 over a label and data.
func hmacSum(key []byte, label string, data ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(label))
	for _, d := range data {
		h.Write(d)
	}
	return h.Sum(nil)
}

// material is an opened backing key.
type material struct {
	token  hsm.Token
	secret []byte            // symmetric keys
	signer *ecdsa.PrivateKey // P-256 keys
	prf    func(block []byte) ([32]byte, error)
}

var errMaterial = errors.New("not the material of such a key")

// identity gives the name of the material and, of asymmetric keys, the public key.
func (k *material) identity(keyID string) (id [32]byte, public []byte, err error) {
	if k.signer == nil {
		copy(id[:], hmacSum(k.secret, "material id", []byte(keyID)))
		return id, nil, nil
	}
	if public, err = x509.MarshalPKIXPublicKey(&k.signer.PublicKey); err != nil {
		return id, nil, err
	}
	return sha256.Sum256(public), public, nil
}
