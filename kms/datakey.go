package kms

import (
	"context"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/hsm"
)

// NeedsGenerateDataKey: kms:GenerateDataKey on the key.
func (s *Service) NeedsGenerateDataKey(c *access.Call, in *kmsapi.GenerateDataKeyRequest) ([]access.Need, error) {
	if err := noRecipient(in.Recipient); err != nil {
		return nil, err
	}
	return needsDataKey(c, "kms:GenerateDataKey", *in.KeyId, in.EncryptionContext, in.GrantTokens)
}

// GenerateDataKey makes random bytes in the device and returns them in plaintext and sealed.
func (s *Service) GenerateDataKey(ctx context.Context, g *access.Grant, in *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	k, err := s.dataKey(ctx, g, dataKeyRequest{op: "GenerateDataKey", spec: string(in.KeySpec), bytes: in.NumberOfBytes,
		context: in.EncryptionContext, dryRun: in.DryRun, plaintext: true})
	if err != nil {
		return nil, err
	}
	return &kmsapi.GenerateDataKeyResponse{Plaintext: k.plaintext, CiphertextBlob: k.blob, KeyId: k.arn, KeyMaterialId: k.material}, nil
}

// NeedsGenerateDataKeyWithoutPlaintext: kms:GenerateDataKeyWithoutPlaintext on the key.
func (s *Service) NeedsGenerateDataKeyWithoutPlaintext(c *access.Call, in *kmsapi.GenerateDataKeyWithoutPlaintextRequest) ([]access.Need, error) {
	return needsDataKey(c, "kms:GenerateDataKeyWithoutPlaintext", *in.KeyId, in.EncryptionContext, in.GrantTokens)
}

// GenerateDataKeyWithoutPlaintext makes random bytes in the device and returns them only sealed.
func (s *Service) GenerateDataKeyWithoutPlaintext(ctx context.Context, g *access.Grant, in *kmsapi.GenerateDataKeyWithoutPlaintextRequest) (*kmsapi.GenerateDataKeyWithoutPlaintextResponse, error) {
	k, err := s.dataKey(ctx, g, dataKeyRequest{op: "GenerateDataKeyWithoutPlaintext", spec: string(in.KeySpec), bytes: in.NumberOfBytes,
		context: in.EncryptionContext, dryRun: in.DryRun})
	if err != nil {
		return nil, err
	}
	return &kmsapi.GenerateDataKeyWithoutPlaintextResponse{CiphertextBlob: k.blob, KeyId: k.arn, KeyMaterialId: k.material}, nil
}

// NeedsGenerateRandom: kms:GenerateRandom, on no resource.
func (s *Service) NeedsGenerateRandom(c *access.Call, in *kmsapi.GenerateRandomRequest) ([]access.Need, error) {
	if in.CustomKeyStoreId != nil {
		return nil, kmsapi.CustomKeyStoreNotFoundException("Custom key store " + *in.CustomKeyStoreId + " is not found.")
	}
	return needAccount(c, "kms:GenerateRandom", &facts{}), noRecipient(in.Recipient)
}

// GenerateRandom gives 1 to 1,024 bytes from the device's generator.
func (s *Service) GenerateRandom(ctx context.Context, _ *access.Grant, in *kmsapi.GenerateRandomRequest) (*kmsapi.GenerateRandomResponse, error) {
	if in.NumberOfBytes == nil {
		return nil, access.Invalid("NumberOfBytes is required.")
	}
	random, err := s.device.Random(ctx, int(*in.NumberOfBytes))
	if err != nil {
		return nil, err
	}
	return &kmsapi.GenerateRandomResponse{Plaintext: random}, nil
}

func needsDataKey(c *access.Call, action, keyID string, encryptionContext map[string]string, tokens []string) ([]access.Need, error) {
	if err := noGrantTokens(tokens); err != nil {
		return nil, err
	}
	if err := boundContext(encryptionContext); err != nil {
		return nil, err
	}
	n, err := findKeyOrAlias(c, keyID)
	if err != nil {
		return nil, err
	}
	return need(c, action, n, &facts{algorithm: symmetricDefault, context: encryptionContext}), nil
}

// dataKeyRequest is what the two data key operations have in common.
type dataKeyRequest struct {
	op        string
	spec      string // AES_128, AES_256 or ""
	bytes     *int32 // 1 to 1,024
	context   map[string]string
	dryRun    *bool
	plaintext bool
}

type dataKey struct {
	plaintext, blob []byte
	arn, material   *string
}

func (s *Service) dataKey(ctx context.Context, g *access.Grant, r dataKeyRequest) (dataKey, error) {
	key := g.Key()
	n, err := r.length()
	if err != nil {
		return dataKey{}, err
	}
	if err := usable(key, encryptDecrypt, r.op, ""); err != nil {
		return dataKey{}, err
	}
	if err := dryRun(r.dryRun); err != nil {
		return dataKey{}, err
	}
	v := key.Current()
	maker, done, err := capability[hsm.DataKeyer](ctx, s, v)
	if err != nil {
		return dataKey{}, err
	}
	defer done()
	var plaintext []byte
	blob, err := newBlob(key, v, r.context, func(aad []byte) (message []byte, err error) {
		plaintext, message, err = maker.SealRandom(ctx, aad, n, r.plaintext)
		return message, err
	})
	if err != nil {
		return dataKey{}, err
	}
	return dataKey{plaintext: plaintext, blob: blob, arn: ptr(keyARN(key.Ref)), material: materialID(v)}, nil
}

// length says how many bytes are asked for; exactly one of KeySpec and NumberOfBytes must be given.
func (r dataKeyRequest) length() (int, error) {
	switch {
	case (r.spec != "") == (r.bytes != nil):
		return 0, access.Invalid("Please specify either number of bytes or key spec.")
	case r.bytes != nil:
		return int(*r.bytes), nil
	case r.spec == "AES_128":
		return 16, nil
	}
	return 32, nil
}
