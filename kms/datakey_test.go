package kms

import (
	"bytes"
	"testing"

	"ostiary.dev/api/model/kmsapi"
)

func TestDataKeySizes(t *testing.T) {
	w := newWorld(t, memoryConfig)
	k := w.key()
	for name, test := range map[string]struct {
		spec  kmsapi.DataKeySpec
		bytes *int32
		want  int // 0: refused
	}{
		"AES_128": {"AES_128", nil, 16},
		"AES_256": {"AES_256", nil, 32},
		"1":       {"", ptr(int32(1)), 1},
		"1024":    {"", ptr(int32(1024)), 1024},
		"both":    {"AES_256", ptr(int32(32)), 0},
		"neither": {"", nil, 0},
	} {
		context := map[string]string{"test": name}
		out, err := invoke(w.admin(), w.NeedsGenerateDataKey, w.GenerateDataKey,
			&kmsapi.GenerateDataKeyRequest{KeyId: &k.Ref.ID, KeySpec: test.spec, NumberOfBytes: test.bytes, EncryptionContext: context})
		only, onlyErr := invoke(w.admin(), w.NeedsGenerateDataKeyWithoutPlaintext, w.GenerateDataKeyWithoutPlaintext,
			&kmsapi.GenerateDataKeyWithoutPlaintextRequest{KeyId: &k.Ref.ID, KeySpec: test.spec, NumberOfBytes: test.bytes, EncryptionContext: context})
		if test.want == 0 {
			const want = "ValidationException: Please specify either number of bytes or key spec."
			if text(err) != want || text(onlyErr) != want {
				t.Errorf("%s: %v, %v", name, err, onlyErr)
			}
			continue
		}
		if err != nil || onlyErr != nil || len(out.Plaintext) != test.want {
			t.Fatalf("%s: %v, %v, %v", name, out, err, onlyErr)
		}
		if got, err := w.decrypt(w.admin(), out.CiphertextBlob, context); err != nil || got != string(out.Plaintext) {
			t.Errorf("%s: sealed is not what was given: %v", name, err)
		}
		if got, err := w.decrypt(w.admin(), only.CiphertextBlob, context); err != nil || len(got) != test.want {
			t.Errorf("%s: %d bytes sealed, %v", name, len(got), err)
		}
		if _, err := w.decrypt(w.admin(), out.CiphertextBlob, nil); code(err) != "InvalidCiphertextException" {
			t.Errorf("%s: opens without its context: %v", name, err)
		}
	}
}

func TestGenerateRandom(t *testing.T) {
	w := newWorld(t, memoryConfig)
	random := func(in *kmsapi.GenerateRandomRequest) ([]byte, error) {
		out, err := invoke(w.admin(), w.NeedsGenerateRandom, w.GenerateRandom, in)
		if err != nil {
			return nil, err
		}
		return out.Plaintext, nil
	}
	a, err := random(&kmsapi.GenerateRandomRequest{NumberOfBytes: ptr(int32(1024))})
	if err != nil || len(a) != 1024 {
		t.Fatalf("%d bytes, %v", len(a), err)
	}
	if b, _ := random(&kmsapi.GenerateRandomRequest{NumberOfBytes: ptr(int32(1024))}); bytes.Equal(a, b) {
		t.Error("the same twice")
	}
	for want, in := range map[string]*kmsapi.GenerateRandomRequest{
		"ValidationException: NumberOfBytes is required.":                                                      {},
		"CustomKeyStoreNotFoundException: Custom key store cks-1 is not found.":                                {NumberOfBytes: ptr(int32(1)), CustomKeyStoreId: ptr("cks-1")},
		"ValidationException: Recipient is not supported: this service does not verify attestation documents.": {NumberOfBytes: ptr(int32(1)), Recipient: &kmsapi.RecipientInfo{}},
	} {
		if _, err := random(in); text(err) != want {
			t.Errorf("%s\nwant %s", text(err), want)
		}
	}
}

// TestReEncrypt moves a ciphertext between keys and contexts, and says what it did.
func TestReEncrypt(t *testing.T) {
	w := newWorld(t, memoryConfig)
	from, to := w.key(), w.key()
	before, after := map[string]string{"c": "1"}, map[string]string{"c": "2"}
	blob := w.encrypt(w.admin(), from.Ref.ID, "plaintext", before)
	for _, source := range []*string{nil, &from.Ref.ID, ptr(keyARN(from.Ref))} {
		in := &kmsapi.ReEncryptRequest{CiphertextBlob: blob, SourceKeyId: source, SourceEncryptionContext: before,
			DestinationKeyId: &to.Ref.ID, DestinationEncryptionContext: after}
		out, err := invoke(w.admin(), w.NeedsReEncrypt, w.ReEncrypt, in)
		if err != nil {
			t.Fatal(err)
		}
		if *out.SourceKeyId != keyARN(from.Ref) || *out.KeyId != keyARN(to.Ref) || *out.SourceKeyMaterialId != *materialID(from.Current()) ||
			*out.DestinationKeyMaterialId != *materialID(to.Current()) {
			t.Errorf("%+v", out)
		}
		if got, err := w.decrypt(w.admin(), out.CiphertextBlob, after); err != nil || got != "plaintext" {
			t.Errorf("%q, %v", got, err)
		}
		in.SourceEncryptionContext = after
		if _, err := invoke(w.admin(), w.NeedsReEncrypt, w.ReEncrypt, in); text(err) != "InvalidCiphertextException: " {
			t.Error(err)
		}
		in.SourceKeyId = &to.Ref.ID
		if _, err := invoke(w.admin(), w.NeedsReEncrypt, w.ReEncrypt, in); code(err) != "IncorrectKeyException" {
			t.Error(err)
		}
	}
	// Both sides are asked.
	for _, policy := range []string{
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ReEncryptFrom","Resource":"*"}]}`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ReEncryptTo","Resource":"*"}]}`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ReEncrypt*","Resource":"` + keyARN(from.Ref) + `"}]}`,
	} {
		w.user(here, "alice", policy)
		in := &kmsapi.ReEncryptRequest{CiphertextBlob: blob, SourceEncryptionContext: before, DestinationKeyId: &to.Ref.ID}
		if _, err := invoke(w.call(here, "alice", home), w.NeedsReEncrypt, w.ReEncrypt, in); code(err) != "AccessDeniedException" {
			t.Errorf("%s: %v", policy, err)
		}
	}
}

// TestNotServed: what asks for what is not there is refused, and nothing else is tried first.
func TestNotServed(t *testing.T) {
	w := newWorld(t, memoryConfig)
	tokens := []string{"token"}
	missing := ptr("12345678-1234-1234-1234-123456789012")
	errs := []error{
		second(w.NeedsEncrypt(w.admin(), &kmsapi.EncryptRequest{KeyId: missing, GrantTokens: tokens})),
		second(w.NeedsDecrypt(w.admin(), &kmsapi.DecryptRequest{KeyId: missing, GrantTokens: tokens})),
		second(w.NeedsReEncrypt(w.admin(), &kmsapi.ReEncryptRequest{DestinationKeyId: missing, GrantTokens: tokens})),
		second(w.NeedsGenerateDataKey(w.admin(), &kmsapi.GenerateDataKeyRequest{KeyId: missing, GrantTokens: tokens})),
		second(w.NeedsGenerateDataKeyWithoutPlaintext(w.admin(), &kmsapi.GenerateDataKeyWithoutPlaintextRequest{KeyId: missing, GrantTokens: tokens})),
		second(w.NeedsDescribeKey(w.admin(), &kmsapi.DescribeKeyRequest{KeyId: missing, GrantTokens: tokens})),
	}
	for i, err := range errs {
		if text(err) != "InvalidGrantTokenException: Grant token is not valid." {
			t.Errorf("%d: %v", i, err)
		}
	}
	recipient := &kmsapi.RecipientInfo{}
	for i, err := range []error{
		second(w.NeedsDecrypt(w.admin(), &kmsapi.DecryptRequest{KeyId: missing, Recipient: recipient})),
		second(w.NeedsGenerateDataKey(w.admin(), &kmsapi.GenerateDataKeyRequest{KeyId: missing, Recipient: recipient})),
	} {
		if code(err) != "ValidationException" {
			t.Errorf("recipient %d: %v", i, err)
		}
	}
	if _, err := w.NeedsDecrypt(w.admin(), &kmsapi.DecryptRequest{}); code(err) != "ValidationException" {
		t.Errorf("no ciphertext: %v", err)
	}
	for _, algorithm := range []kmsapi.EncryptionAlgorithmSpec{"RSAES_OAEP_SHA_256", "SM2PKE"} {
		in := &kmsapi.EncryptRequest{KeyId: &w.key().Ref.ID, Plaintext: []byte("x"), EncryptionAlgorithm: algorithm}
		if _, err := invoke(w.admin(), w.NeedsEncrypt, w.Encrypt, in); code(err) != "InvalidKeyUsageException" {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}
