package hsmtest_test

import (
	"context"
	"errors"
	"testing"

	"ostiary.dev/hsm"
	"ostiary.dev/hsm/hsmtest"
)

func newMemory(t *testing.T, cfg hsmtest.MemoryConfig) *hsmtest.Memory {
	t.Helper()
	m, err := hsmtest.NewMemory(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMemory(t *testing.T) {
	hsmtest.Run(t, func(t *testing.T) hsm.Backend { return newMemory(t, hsmtest.MemoryConfig{}) })
}

func TestMemoryWithSmallCache(t *testing.T) {
	m := newMemory(t, hsmtest.MemoryConfig{HandleLimit: 2})
	for range 5 {
		token, err := m.Generate(t.Context(), hsm.KeyRequest{KeyID: "k", Spec: hsm.SymmetricDefault, Purpose: hsm.PurposeKMS})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Open(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := m.Status(t.Context()); err != nil || s.CachedHandles != 2 || s.HandleMisses != 5 {
		t.Errorf("Status = %+v, %v; want 2 handles and 5 misses", s, err)
	}
}

func TestMemorySharesDomainKey(t *testing.T) {
	root := []byte("an example of a domain key, 32 B")
	one, two := newMemory(t, hsmtest.MemoryConfig{DomainKey: root}), newMemory(t, hsmtest.MemoryConfig{DomainKey: root})
	token, err := one.Generate(t.Context(), hsm.KeyRequest{KeyID: "k", Spec: hsm.SymmetricDefault, Purpose: hsm.PurposeKMS})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Open(t.Context(), token); err != nil {
		t.Errorf("a device with the same domain key: %v", err)
	}
	if _, err := newMemory(t, hsmtest.MemoryConfig{}).Open(t.Context(), token); !errors.Is(err, hsm.ErrToken) {
		t.Errorf("a device with another domain key: %v, want %v", err, hsm.ErrToken)
	}
	if _, err := hsmtest.NewMemory(hsmtest.MemoryConfig{DomainKey: root[1:]}); err == nil {
		t.Error("a short domain key is accepted")
	}
}

func TestMemoryHooks(t *testing.T) {
	m := newMemory(t, hsmtest.MemoryConfig{Hook: hsmtest.FailAt(2, hsm.ErrUnavailable)})
	for n, want := range []error{nil, hsm.ErrUnavailable, nil} {
		if _, err := m.Random(t.Context(), 1); !errors.Is(err, want) {
			t.Errorf("call %d: %v, want %v", n+1, err, want)
		}
	}
	var ops []string
	m = newMemory(t, hsmtest.MemoryConfig{Hook: func(_ context.Context, op string, _ uint64) error {
		ops = append(ops, op)
		return nil
	}})
	if _, err := m.Random(t.Context(), 1); err != nil || len(ops) != 1 || ops[0] != "random" {
		t.Errorf("hook saw %v, %v", ops, err)
	}
}
