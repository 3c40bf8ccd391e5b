package kms

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/authz"
	"ostiary.dev/hsm"
	"ostiary.dev/hsm/hsmtest"
	"ostiary.dev/state"
)

func TestCreateKey(t *testing.T) {
	w := newWorld(t, memoryConfig)
	out, err := invoke(w.admin(), w.NeedsCreateKey, w.CreateKey, &kmsapi.CreateKeyRequest{Description: ptr("d"), Tags: tagsOf("k", "v")})
	if err != nil {
		t.Fatal(err)
	}
	m := out.KeyMetadata
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(*m.KeyId) {
		t.Errorf("key id %s", *m.KeyId)
	}
	if len(*m.CurrentKeyMaterialId) != 64 {
		t.Errorf("material id %s", *m.CurrentKeyMaterialId)
	}
	want := &kmsapi.KeyMetadata{
		AWSAccountId: ptr(here), KeyId: m.KeyId, Arn: ptr("arn:aws:kms:" + home + ":" + here + ":key/" + *m.KeyId), CreationDate: &w.clock,
		Enabled: ptr(true), Description: ptr("d"), KeyUsage: "ENCRYPT_DECRYPT", KeyState: "Enabled", Origin: "AWS_KMS", KeyManager: "CUSTOMER",
		CustomerMasterKeySpec: "SYMMETRIC_DEFAULT", KeySpec: "SYMMETRIC_DEFAULT", MultiRegion: ptr(false),
		EncryptionAlgorithms: []kmsapi.EncryptionAlgorithmSpec{"SYMMETRIC_DEFAULT"}, CurrentKeyMaterialId: m.CurrentKeyMaterialId,
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	described, err := invoke(w.admin(), w.NeedsDescribeKey, w.DescribeKey, &kmsapi.DescribeKeyRequest{KeyId: m.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, described.KeyMetadata); diff != "" {
		t.Errorf("DescribeKey: %s", diff)
	}
	k := w.store.View().Key(state.KeyRef{Account: here, Region: home, ID: *m.KeyId})
	if k.Policy.Text != authz.DefaultKeyPolicy(here) {
		t.Errorf("policy %s", k.Policy.Text)
	}
}

func TestCreateKeyKinds(t *testing.T) {
	for name, test := range map[string]struct {
		in   kmsapi.CreateKeyRequest
		want string
	}{
		"spelled out":     {kmsapi.CreateKeyRequest{KeySpec: "SYMMETRIC_DEFAULT", KeyUsage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS", MultiRegion: ptr(false)}, "ok"},
		"old name":        {kmsapi.CreateKeyRequest{CustomerMasterKeySpec: "SYMMETRIC_DEFAULT"}, "ok"},
		"both names":      {kmsapi.CreateKeyRequest{CustomerMasterKeySpec: "SYMMETRIC_DEFAULT", KeySpec: "SYMMETRIC_DEFAULT"}, "ok"},
		"names differ":    {kmsapi.CreateKeyRequest{CustomerMasterKeySpec: "SYMMETRIC_DEFAULT", KeySpec: "RSA_2048"}, "ValidationException"},
		"wrong usage":     {kmsapi.CreateKeyRequest{KeyUsage: "SIGN_VERIFY"}, "ValidationException"},
		"asymmetric":      {kmsapi.CreateKeyRequest{KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY"}, "UnsupportedOperationException"},
		"imported":        {kmsapi.CreateKeyRequest{Origin: "EXTERNAL"}, "UnsupportedOperationException"},
		"key store":       {kmsapi.CreateKeyRequest{CustomKeyStoreId: ptr("cks-1")}, "UnsupportedOperationException"},
		"external key id": {kmsapi.CreateKeyRequest{XksKeyId: ptr("1")}, "UnsupportedOperationException"},
		"multi-Region":    {kmsapi.CreateKeyRequest{MultiRegion: ptr(true)}, "UnsupportedOperationException"},
	} {
		w := newWorld(t, memoryConfig)
		if _, err := invoke(w.admin(), w.NeedsCreateKey, w.CreateKey, &test.in); code(err) != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCreateKeyFails at every step: nothing is left behind, but where nobody knows.
func TestCreateKeyFails(t *testing.T) {
	broken := errors.New("broken")
	create := func(w *world) error {
		return second(invoke(w.admin(), w.NeedsCreateKey, w.CreateKey, &kmsapi.CreateKeyRequest{}))
	}
	empty := func(t *testing.T, w *world) {
		t.Helper()
		if n := w.store.View().Counts().Keys; n != 0 {
			t.Errorf("%d keys", n)
		}
		if s, _ := w.device.Status(context.Background()); s.CachedHandles != 0 {
			t.Errorf("%d handles", s.CachedHandles)
		}
	}
	t.Run("randomness", func(t *testing.T) {
		w := newWorld(t, memoryConfig)
		w.Service.rand = strings.NewReader("short")
		if err := create(w); err == nil {
			t.Error("made with a short id")
		}
		empty(t, w)
	})
	t.Run("device", func(t *testing.T) {
		w := newWorld(t, hsmtest.MemoryConfig{Hook: hsmtest.FailAt(1, hsm.ErrUnavailable)})
		if err := create(w); !errors.Is(err, hsm.ErrUnavailable) {
			t.Error(err)
		}
		empty(t, w)
	})
	t.Run("refused", func(t *testing.T) {
		w := newWorld(t, memoryConfig)
		c := w.admin()
		c.Region = "eu-north-1" // has stopped being served, as it were
		_, err := invoke(c, w.NeedsCreateKey, w.CreateKey, &kmsapi.CreateKeyRequest{})
		if code(err) != "NotFoundException" {
			t.Error(err)
		}
		empty(t, w)
	})
	t.Run("not proposed", func(t *testing.T) {
		w := newWorld(t, memoryConfig)
		w.before = func(state.Command) error { return broken }
		if err := create(w); !errors.Is(err, broken) {
			t.Error(err)
		}
		empty(t, w)
	})
	t.Run("outcome unknown", func(t *testing.T) {
		w := newWorld(t, memoryConfig)
		w.after = func(state.Command) error { return broken }
		if err := create(w); !errors.Is(err, broken) {
			t.Error(err)
		}
		for k := range w.store.View().Keys(here, home, "") {
			blob := w.encrypt(w.admin(), k.Ref.ID, "x", nil)
			if got, err := w.decrypt(w.admin(), blob, nil); err != nil || got != "x" {
				t.Errorf("a key that was made after all does not work: %q, %v", got, err)
			}
		}
	})
}

// TestDeviceFails at each of its calls: the error reaches the caller as it is, and nothing else does.
func TestDeviceFails(t *testing.T) {
	for _, op := range newWorld(t, memoryConfig).onKey(nil) {
		if op.dryRun == nil {
			continue
		}
		var fail bool
		w := newWorld(t, hsmtest.MemoryConfig{Hook: func(context.Context, string, uint64) error {
			if fail {
				return hsm.ErrUnavailable
			}
			return nil
		}})
		k, blob := w.inState(state.Enabled)
		fail = true
		if err := w.onlyOp(blob, op.name).run(w.admin(), k.Ref.ID); !errors.Is(err, hsm.ErrUnavailable) {
			t.Errorf("%s: %v", op.name, err)
		}
	}
}

func TestDeletionWindow(t *testing.T) {
	for _, days := range []int32{0, 7, 30} {
		w := newWorld(t, memoryConfig)
		w.clock = w.clock.Add(123456 * time.Nanosecond)
		k := w.key()
		in, want := &kmsapi.ScheduleKeyDeletionRequest{KeyId: &k.Ref.ID}, int32(30)
		if days != 0 {
			in.PendingWindowInDays, want = &days, days
		}
		out, err := invoke(w.admin(), w.NeedsScheduleKeyDeletion, w.ScheduleKeyDeletion, in)
		if err != nil {
			t.Fatal(err)
		}
		due := w.clock.AddDate(0, 0, int(want)).Truncate(time.Millisecond)
		expected := &kmsapi.ScheduleKeyDeletionResponse{KeyId: ptr(keyARN(k.Ref)), DeletionDate: &due, KeyState: "PendingDeletion", PendingWindowInDays: &want}
		if diff := cmp.Diff(expected, out); diff != "" {
			t.Error(diff)
		}
		described, err := invoke(w.admin(), w.NeedsDescribeKey, w.DescribeKey, &kmsapi.DescribeKeyRequest{KeyId: &k.Ref.ID})
		if err != nil || !described.KeyMetadata.DeletionDate.Equal(due) || *described.KeyMetadata.Enabled {
			t.Errorf("%+v, %v", described, err)
		}
	}
}
