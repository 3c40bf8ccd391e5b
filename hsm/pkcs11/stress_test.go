package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"ostiary.dev/hsm"
)

// 64 goroutines share room for 3 of 12 keys, while keys are forgotten: nobody may ever be served by another's key.
func TestEvictionUnderLoad(t *testing.T) {
	c := newToken(t, "")
	c.HandleLimit = 3
	d := openDevice(t, c)
	ctx := context.Background()
	var tokens, sealed [12][]byte
	for i := range tokens {
		tokens[i] = mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, fmt.Sprint(i))
		sealed[i] = mustSealWith(t, d, tokens[i])
	}
	var all sync.WaitGroup
	for g := range 64 {
		all.Go(func() {
			for n := range 10 {
				i := (g*7 + n*5) % len(tokens)
				if err := unsealWith(ctx, d, tokens[i], sealed[i]); err != nil {
					t.Errorf("key %d: %v", i, err)
				}
				wrong := (i + 1) % len(tokens)
				if err := unsealWith(ctx, d, tokens[i], sealed[wrong]); !errors.Is(err, hsm.ErrMessage) {
					t.Errorf("message of key %d under key %d: %v, want ErrMessage", wrong, i, err)
				}
				if n == 5 {
					if err := d.Forget(ctx, tokens[i]); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if s, err := d.Status(ctx); err != nil || s.CachedHandles > 3 {
		t.Errorf("%d keys cached, %v; want at most 3", s.CachedHandles, err)
	}
	checkClean(t, "afterwards", d)
}

func TestOneLoadForManyCallers(t *testing.T) {
	d := openDevice(t, newToken(t, ""))
	ctx := context.Background()
	token := mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key")
	if err := d.Forget(ctx, token); err != nil {
		t.Fatal(err)
	}
	_, _, before := d.cache.stats()
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if err := useToken(ctx, d, token); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, _, after := d.cache.stats(); after != before+1 {
		t.Errorf("%d loads for 100 callers, want 1", after-before)
	}
	checkClean(t, "afterwards", d)
}

// A session of the pool that is lost costs nobody anything.
func TestLostSessionIsReplaced(t *testing.T) {
	c := newToken(t, "")
	c.Sessions = 1
	d := openDevice(t, c)
	ctx := context.Background()
	token := mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key")
	s, err := d.sessions.get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.lib.ctx.CloseSession(s); err != nil {
		t.Fatal(err)
	}
	d.sessions.put(s)
	if err := useToken(ctx, d, token); err != nil {
		t.Error(err)
	}
	if _, err := d.sessions.replace(mustGet(t, d)); err != nil {
		t.Fatal(err)
	}
	d.sessions.put(noSession) // as if a session could not be opened for a while
	if err := useToken(ctx, d, token); err != nil {
		t.Error(err)
	}
}

func mustGet(t *testing.T, d *Device) session {
	t.Helper()
	s, err := d.sessions.get(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// With the owner session go all keys: the process has to be replaced, and says so to everybody from then on.
func TestLostOwnerSessionIsFatal(t *testing.T) {
	d := openDevice(t, newToken(t, ""))
	ctx := context.Background()
	token := mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key")
	owner, err := d.lib.openSession(d.place.slot, false) // a session to be closed by openDevice's cleanup
	if err != nil {
		t.Fatal(err)
	}
	if err := d.lib.ctx.CloseSession(d.owner); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"use":      useToken(ctx, d, token),
		"generate": generateAndUse(ctx, d, hsm.SymmetricDefault),
		"forget":   d.Forget(ctx, token),
	} {
		var fatal *Fatal
		if !errors.As(err, &fatal) || !errors.Is(err, hsm.ErrUnavailable) {
			t.Errorf("%s: %v, want *Fatal and ErrUnavailable", what, err)
		}
	}
	d.owner = owner
}

func TestContextEndsWaitForSession(t *testing.T) {
	c := newToken(t, "")
	c.Sessions = 1
	d := openDevice(t, c)
	s := mustGet(t, d)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := d.sessions.get(ctx); !errors.Is(err, hsm.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("get gave %v, want ErrUnavailable and Canceled", err)
		}
	})
	cancel()
	all.Wait()
	d.sessions.put(s)
}

func TestUseAfterClose(t *testing.T) {
	d, err := Open(newToken(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	token := mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key")
	k, closed := mustOpen(t, d, token), mustOpen(t, d, token)
	closed.Close()
	closed.Close()
	if _, err := closed.(hsm.Sealer).Seal(ctx, nil, nil); !errors.Is(err, errReleased) {
		t.Errorf("Seal under a closed key: %v", err)
	}
	if closed.Token().KeyID != "" {
		t.Error("a closed key has metadata")
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for what, err := range map[string]error{
		"seal": func() error { _, err := k.(hsm.Sealer).Seal(ctx, nil, nil); return err }(),
		"open": func() error { _, err := d.Open(ctx, bytes.Clone(append(token, 0))); return err }(),
		"generate": func() error {
			_, err := d.newToken(hsm.KeyRequest{KeyID: "k", Spec: hsm.SymmetricDefault, Purpose: "kms"})
			return err
		}(),
		"random": func() error { _, err := d.Random(ctx, 1); return err }(),
	} {
		if !errors.Is(err, hsm.ErrUnavailable) && !errors.Is(err, hsm.ErrToken) {
			t.Errorf("%s on a closed device: %v, want ErrUnavailable", what, err)
		}
	}
}

// The library is called from many threads on few sessions: whatever it says, it must not be that a session is busy.
func TestSessionsAreNotShared(t *testing.T) {
	c := newToken(t, "")
	c.Sessions = 2
	d := openDevice(t, c)
	k := mustOpen(t, d, mustGenerate(t, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key")).(*symmetricKey)
	want, err := k.prf(context.Background(), []byte("block"))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 50 {
				if got, err := k.prf(context.Background(), []byte("block")); err != nil || got != want {
					t.Errorf("prf gave %x, %v", got, err)
					return
				}
			}
		})
	}
	all.Wait()
	if classify(p11.CKR_OPERATION_ACTIVE) != classSession {
		t.Error("a busy session would not be replaced")
	}
}
