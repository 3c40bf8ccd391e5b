package kms

import (
	"strings"
	"testing"

	"ostiary.dev/api/model/kmsapi"
)

// TestContextIsBoundedFirst: the decision, whose conditions look through the context, does not see one that is too large.
func TestContextIsBoundedFirst(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.key()
	id, blob := &k.Ref.ID, w.encrypt(w.admin(), k.Ref.ID, "x", nil)
	big := map[string]string{"k": strings.Repeat("v", maxContext)}
	const tooLarge, wrong = "ValidationException: EncryptionContext is larger than 8192 bytes.", "InvalidCiphertextException: "
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"Encrypt":           {second(w.NeedsEncrypt(w.admin(), &kmsapi.EncryptRequest{KeyId: id, EncryptionContext: big})), tooLarge},
		"GenerateDataKey":   {second(w.NeedsGenerateDataKey(w.admin(), &kmsapi.GenerateDataKeyRequest{KeyId: id, EncryptionContext: big})), tooLarge},
		"without plaintext": {second(w.NeedsGenerateDataKeyWithoutPlaintext(w.admin(), &kmsapi.GenerateDataKeyWithoutPlaintextRequest{KeyId: id, EncryptionContext: big})), tooLarge},
		"Decrypt":           {second(w.NeedsDecrypt(w.admin(), &kmsapi.DecryptRequest{CiphertextBlob: blob, EncryptionContext: big})), wrong},
		"ReEncrypt from":    {second(w.NeedsReEncrypt(w.admin(), &kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: id, SourceEncryptionContext: big})), wrong},
		"ReEncrypt to":      {second(w.NeedsReEncrypt(w.admin(), &kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: id, DestinationEncryptionContext: big})), tooLarge},
	} {
		if got := text(test.err); got != test.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
