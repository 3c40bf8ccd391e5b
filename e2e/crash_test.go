package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// TestCrash kills the daemon again and again at random moments while clients change things. What was acknowledged is there
// afterwards: every key opens what was sealed under it, every change is in force, every answered call has its audit record.
func TestCrash(t *testing.T) {
	t.Parallel()
	const rounds, writers = 15, 6
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := newServer(t)
	all := make([]*writer, writers)
	for i := range all {
		all[i] = &writer{t: t, random: rand.New(rand.NewPCG(seed, uint64(i)))}
	}
	moments := rand.New(rand.NewPCG(seed, 1<<32))
	for range rounds {
		worker := s.worker()
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for _, w := range all {
			w.kms = s.kms()
			group.Go(func() { w.write(ctx) })
		}
		time.Sleep(time.Duration(20+moments.IntN(300)) * time.Millisecond)
		s.kill()
		cancel()
		group.Wait()
		wait(t, "the worker to end with its daemon", func() bool { return !alive(worker) })
		s.start()
		for _, w := range all {
			w.kms = s.kms()
			group.Go(func() { w.verify(false) })
		}
		group.Wait()
		if t.Failed() {
			return
		}
	}
	calls, keys, blobs := 0, 0, 0
	ids := make(map[string]bool)
	for _, w := range all {
		w.verify(true)
		calls, keys = calls+len(w.acknowledged), keys+len(w.keys)
		for _, k := range w.keys {
			blobs += len(k.blobs)
		}
		for _, id := range w.acknowledged {
			ids[id] = true
		}
	}
	for _, r := range s.records() {
		if r.Ostiary.Phase != "intent" {
			delete(ids, r.RequestID)
		}
	}
	if len(ids) > 0 {
		t.Errorf("%d of %d acknowledged calls have no record", len(ids), calls)
	}
	if keys < rounds || blobs < rounds {
		t.Errorf("only %d keys and %d ciphertexts in %d rounds: this test tests nothing", keys, blobs, rounds)
	}
	t.Logf("%d acknowledged calls, %d keys, %d ciphertexts", calls, keys, blobs)
}

// writer changes keys of its own and remembers what was acknowledged.
type writer struct {
	t            *testing.T
	random       *rand.Rand
	kms          *kms.Client
	keys         []*ownKey
	acknowledged []string // request ids
}

// ownKey is what a key must be like: one of several values as long as the answer to a change is missing.
type ownKey struct {
	id          string
	enabled     []bool
	description []string
	blobs       map[string][]byte // ciphertext by plaintext
	touched     bool              // since it was last verified
}

// write works until a call gets no answer.
func (w *writer) write(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		if err := w.step(ctx, i); err != nil {
			var answered smithy.APIError
			if errors.As(err, &answered) {
				w.t.Errorf("a call was answered with %v", err)
			}
			return
		}
	}
}

func (w *writer) step(ctx context.Context, i int) error {
	if len(w.keys) == 0 || w.random.IntN(8) == 0 {
		out, err := w.kms.CreateKey(ctx, &kms.CreateKeyInput{Description: aws.String("new")})
		if err != nil {
			return err
		}
		w.ack(out.ResultMetadata)
		w.keys = append(w.keys, &ownKey{id: *out.KeyMetadata.KeyId, enabled: []bool{true}, description: []string{"new"}, blobs: make(map[string][]byte), touched: true})
		return nil
	}
	k := w.keys[w.random.IntN(len(w.keys))]
	k.touched = true
	switch n := w.random.IntN(4); {
	case n == 0:
		return w.toggle(ctx, k)
	case n == 1:
		return w.describe(ctx, k, fmt.Sprint("text ", i))
	case k.enabled[0]:
		return w.encrypt(ctx, k, fmt.Sprint("plain ", i, w.random.Uint64()))
	}
	return nil
}

func (w *writer) toggle(ctx context.Context, k *ownKey) error {
	next := !k.enabled[0]
	k.enabled = append(k.enabled, next)
	var meta middleware.Metadata
	if next {
		out, err := w.kms.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &k.id})
		if err != nil {
			return err
		}
		meta = out.ResultMetadata
	} else {
		out, err := w.kms.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &k.id})
		if err != nil {
			return err
		}
		meta = out.ResultMetadata
	}
	w.ack(meta)
	k.enabled = []bool{next}
	return nil
}

func (w *writer) describe(ctx context.Context, k *ownKey, text string) error {
	k.description = append(k.description, text)
	out, err := w.kms.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: &k.id, Description: &text})
	if err != nil {
		return err
	}
	w.ack(out.ResultMetadata)
	k.description = []string{text}
	return nil
}

func (w *writer) encrypt(ctx context.Context, k *ownKey, plain string) error {
	out, err := w.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &k.id, Plaintext: []byte(plain)})
	if err != nil {
		return err
	}
	w.ack(out.ResultMetadata)
	k.blobs[plain] = out.CiphertextBlob
	return nil
}

func (w *writer) ack(m middleware.Metadata) {
	id, ok := awsmiddleware.GetRequestIDMetadata(m)
	if !ok {
		w.t.Error("an answer without a request id")
	}
	w.acknowledged = append(w.acknowledged, id)
}

// verify compares the server with what was acknowledged, for the keys of the last round or for all, and settles what was open.
func (w *writer) verify(all bool) {
	ctx := w.t.Context()
	for _, k := range w.keys {
		if !all && !k.touched {
			continue
		}
		k.touched = false
		out, err := w.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &k.id})
		if err != nil {
			w.t.Errorf("key %s is lost: %v", k.id, err)
			return
		}
		m := out.KeyMetadata
		if !slices.Contains(k.enabled, m.Enabled) || !slices.Contains(k.description, *m.Description) {
			w.t.Errorf("key %s is enabled %v and %q, want one of %v and %q", k.id, m.Enabled, *m.Description, k.enabled, k.description)
		}
		k.enabled, k.description = []bool{m.Enabled}, []string{*m.Description}
		if !m.Enabled && all {
			if _, err := w.kms.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &k.id}); err != nil {
				w.t.Errorf("EnableKey: %v", err)
			}
		}
		for plain, blob := range k.blobs {
			if m.Enabled || all {
				decrypts(w.t, w.kms, blob, plain)
			}
		}
	}
}

// TestCrashDuringStart kills the daemon at every stage of its first starts; the next start goes on from there.
func TestCrashDuringStart(t *testing.T) {
	t.Parallel()
	s := &server{t: t, dir: t.TempDir() + "/data"}
	t.Cleanup(s.end)
	for delay := time.Duration(0); delay <= 300*time.Millisecond; delay += 12 * time.Millisecond {
		cmd := s.command()
		cmd.Stderr = &s.stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(delay)
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
	s.start()
	c := s.kms()
	blob := encrypt(t, c, *newKey(t, c).KeyId, "text")
	s.kill()
	s.start()
	decrypts(t, s.kms(), blob, "text")
}

// TestStartUnfinished starts on what a crash during the first start may have left.
func TestStartUnfinished(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"no marker yet": {"lock": "", ".ostiary.json.tmp-123": "{"},
		"no user PIN":   {"lock": "", "ostiary.json": `{"format":1,"kind":"dev"}`, "so-pin": "officer-12345678\n", ".pin.tmp-9": "x"},
		"half a token": {"lock": "", "ostiary.json": `{"format":1,"kind":"dev"}`, "so-pin": "officer-12345678\n", "pin": "user-12345678\n",
			"softhsm/tokens/27bd7319-9332-2f3b-b1fe-a8b3635b70d5/token.object": "", "softhsm/tokens/27bd7319-9332-2f3b-b1fe-a8b3635b70d5/generation": ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{t: t, dir: t.TempDir() + "/data"}
			t.Cleanup(s.end)
			for file, content := range files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(s.dir, file)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(s.dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s.start()
			decrypts(t, s.kms(), encrypt(t, s.kms(), *newKey(t, s.kms()).KeyId, "text"), "text")
			if left, _ := filepath.Glob(filepath.Join(s.dir, ".*.tmp-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
