package kms

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"ostiary.dev/access"
	"ostiary.dev/api/codec"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/authz"
	"ostiary.dev/hsm/hsmtest"
	"ostiary.dev/state"
)

const (
	here  = "111122223333" // the account of most tests
	there = "444455556666" // another account of the same cluster
	home  = "eu-central-1"
	away  = "us-east-1"
)

// world is a service over a real state and a device in software. Its clock stands still unless a test moves it, and
// the ids of keys are the same in every world.
type world struct {
	testing.TB
	*Service
	store  *state.Store
	device *hsmtest.Memory
	clock  time.Time
	index  uint64
	before func(state.Command) error // called before each command; an error stops it
	after  func(state.Command) error // called after each command that was applied
}

func newWorld(t testing.TB, device hsmtest.MemoryConfig) *world {
	t.Helper()
	memory, err := hsmtest.NewMemory(device)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, store: state.New(), device: memory, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.Service = New(Config{Device: memory, Cluster: w, Now: func() time.Time { return w.clock }, Rand: rand.NewChaCha8([32]byte{})})
	w.must(state.Bootstrap{Cluster: state.Cluster{ID: "test", Regions: []string{home, away}, Created: 1, HostRoot: []byte{1},
		SealingKey: []byte{1}, CA: []byte{1}, CACertificate: []byte{1}, DomainKey: 1}})
	for _, account := range []string{here, there} {
		w.must(state.PutAccount{Account: state.Account{ID: account, Created: 1}})
		w.user(account, "admin", authz.AdministratorAccess)
		w.user(account, "nobody")
	}
	return w
}

// Propose applies a command as the cluster does.
func (w *world) Propose(_ context.Context, c state.Command) error {
	if w.before != nil {
		if err := w.before(c); err != nil {
			return err
		}
	}
	data, err := state.Encode(c)
	if err != nil {
		return err
	}
	w.index++
	if err := w.store.Apply(w.index, data).Err; err != nil {
		return err
	}
	if w.after != nil {
		return w.after(c)
	}
	return nil
}

func (w *world) must(c state.Command) {
	w.Helper()
	if err := w.Propose(w.Context(), c); err != nil {
		w.Fatal(err)
	}
}

// user makes a user, or gives it other policies.
func (w *world) user(account, name string, policies ...string) {
	w.Helper()
	u := state.User{Account: account, Name: name, Path: "/", ID: "AIDA" + name, Created: 1}
	for i, p := range policies {
		u.Policies = append(u.Policies, state.InlinePolicy{Name: fmt.Sprint("p", i), Document: state.NewDocument(p)})
	}
	w.must(state.PutUser{User: u})
}

// call is a call of a user on the state as it is now.
func (w *world) call(account, user, region string) *access.Call {
	return &access.Call{RequestID: "request", Time: w.clock, Service: "kms", Region: region, View: w.store.View(),
		Principal: authz.Principal{Type: authz.User, Account: account, Name: user, UserID: "AIDA" + user,
			ARN: "arn:aws:iam::" + account + ":user/" + user}}
}

func (w *world) admin() *access.Call { return w.call(here, "admin", home) }

// invoke does what package api does between decoding and replying.
func invoke[In, Out any](c *access.Call, needs func(*access.Call, *In) ([]access.Need, error),
	run func(context.Context, *access.Grant, *In) (*Out, error), in *In) (*Out, error) {
	n, err := needs(c, in)
	if err != nil {
		return nil, err
	}
	g, err := access.Decide(c, n)
	if err != nil {
		return nil, err
	}
	return run(context.Background(), g, in)
}

// silent adapts an operation without output.
func silent[In any](run func(context.Context, *access.Grant, *In) error) func(context.Context, *access.Grant, *In) (*codec.Empty, error) {
	return func(ctx context.Context, g *access.Grant, in *In) (*codec.Empty, error) {
		return &codec.Empty{}, run(ctx, g, in)
	}
}

// key makes a key of the first account in the home region.
func (w *world) key(edit ...func(*kmsapi.CreateKeyRequest)) *state.Key {
	w.Helper()
	return w.keyBy(w.admin(), edit...)
}

func (w *world) keyBy(c *access.Call, edit ...func(*kmsapi.CreateKeyRequest)) *state.Key {
	w.Helper()
	in := &kmsapi.CreateKeyRequest{}
	for _, e := range edit {
		e(in)
	}
	out, err := invoke(c, w.NeedsCreateKey, w.CreateKey, in)
	if err != nil {
		w.Fatal(err)
	}
	return w.store.View().Key(state.KeyRef{Account: c.Principal.Account, Region: c.Region, ID: *out.KeyMetadata.KeyId})
}

// now gives the key as it is now, nil if it is gone.
func (w *world) fresh(k *state.Key) *state.Key { return w.store.View().Key(k.Ref) }

func (w *world) encrypt(c *access.Call, key, plaintext string, encryptionContext map[string]string) []byte {
	w.Helper()
	out, err := invoke(c, w.NeedsEncrypt, w.Encrypt, &kmsapi.EncryptRequest{KeyId: &key, Plaintext: []byte(plaintext), EncryptionContext: encryptionContext})
	if err != nil {
		w.Fatal(err)
	}
	return out.CiphertextBlob
}

func (w *world) decrypt(c *access.Call, blob []byte, encryptionContext map[string]string) (string, error) {
	out, err := invoke(c, w.NeedsDecrypt, w.Decrypt, &kmsapi.DecryptRequest{CiphertextBlob: blob, EncryptionContext: encryptionContext})
	if err != nil {
		return "", err
	}
	return string(out.Plaintext), nil
}

func (w *world) alias(name string, k *state.Key) {
	w.Helper()
	w.must(state.CreateAlias{Account: k.Ref.Account, Region: k.Ref.Region, Name: name, Target: k.Ref.ID, Time: 1})
}

// onlyOp runs one of the operations on a key.
func (w *world) onlyOp(blob []byte, name string) operation {
	w.Helper()
	for _, op := range w.onKey(blob) {
		if op.name == name {
			return op
		}
	}
	w.Fatalf("no operation %s", name)
	return operation{}
}

// strangerHears is the denial that principals of other accounts get.
func strangerHears(arn, action string) string {
	return "AccessDeniedException: User: " + arn + " is not authorized to perform: kms:" + action + " on this resource because the " +
		"resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
}

// code is the name of the exception that an error is answered with, "ok" for none.
func code(err error) string {
	var modelled *codec.Error
	var common *access.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &modelled):
		return modelled.Code
	case errors.As(err, &common):
		return common.Code
	}
	return err.Error()
}

// text is the whole of an exception as a client sees it.
func text(err error) string {
	var modelled *codec.Error
	var common *access.Error
	switch {
	case errors.As(err, &modelled):
		return modelled.Code + ": " + modelled.Message
	case errors.As(err, &common):
		return common.Code + ": " + common.Message
	}
	return code(err)
}
