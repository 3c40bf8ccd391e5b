package kms

import (
	"context"
	"slices"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/hsm"
	"ostiary.dev/state"
)

const (
	symmetricDefault = "SYMMETRIC_DEFAULT"
	encryptDecrypt   = "ENCRYPT_DECRYPT"
)

// NeedsEncrypt: kms:Encrypt on the key.
func (s *Service) NeedsEncrypt(c *access.Call, in *kmsapi.EncryptRequest) ([]access.Need, error) {
	if err := noGrantTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	if err := boundContext(in.EncryptionContext); err != nil {
		return nil, err
	}
	n, err := findKeyOrAlias(c, *in.KeyId)
	if err != nil {
		return nil, err
	}
	return need(c, "kms:Encrypt", n, &facts{algorithm: algorithmOr(string(in.EncryptionAlgorithm)), context: in.EncryptionContext}), nil
}

// Encrypt seals up to 4,096 bytes under the current material of a symmetric key.
func (s *Service) Encrypt(ctx context.Context, g *access.Grant, in *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	key := g.Key()
	if err := usable(key, encryptDecrypt, "Encrypt", string(in.EncryptionAlgorithm)); err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	v := key.Current()
	sealer, done, err := capability[hsm.Sealer](ctx, s, v)
	if err != nil {
		return nil, err
	}
	defer done()
	blob, err := newBlob(key, v, in.EncryptionContext, func(aad []byte) ([]byte, error) {
		return sealer.Seal(ctx, aad, in.Plaintext)
	})
	if err != nil {
		return nil, err
	}
	return &kmsapi.EncryptResponse{CiphertextBlob: blob, KeyId: ptr(keyARN(key.Ref)), EncryptionAlgorithm: symmetricDefault}, nil
}

// NeedsDecrypt: kms:Decrypt on the key that the ciphertext, or KeyId, names.
func (s *Service) NeedsDecrypt(c *access.Call, in *kmsapi.DecryptRequest) ([]access.Need, error) {
	if err := noRecipient(in.Recipient); err != nil {
		return nil, err
	}
	if err := noGrantTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	if boundContext(in.EncryptionContext) != nil {
		return nil, invalidCiphertext() // nothing was ever sealed with it
	}
	n, err := sealedUnder(c, in.CiphertextBlob, in.KeyId)
	if err != nil {
		return nil, err
	}
	return need(c, "kms:Decrypt", n, &facts{algorithm: algorithmOr(string(in.EncryptionAlgorithm)), context: in.EncryptionContext}), nil
}

// Decrypt opens a ciphertext. Once the caller is allowed, whatever is wrong with the ciphertext or its context is the
// same InvalidCiphertextException.
func (s *Service) Decrypt(ctx context.Context, g *access.Grant, in *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	src, err := openable(g.Key(), in.CiphertextBlob, in.KeyId != nil, "Decrypt", string(in.EncryptionAlgorithm))
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	sealer, done, err := capability[hsm.Sealer](ctx, s, src.version)
	if err != nil {
		return nil, err
	}
	defer done()
	plaintext, err := sealer.Unseal(ctx, src.aad(in.EncryptionContext), src.message)
	if err != nil {
		return nil, ciphertextError(err)
	}
	return &kmsapi.DecryptResponse{Plaintext: plaintext, KeyId: ptr(keyARN(src.key.Ref)), EncryptionAlgorithm: symmetricDefault,
		KeyMaterialId: materialID(src.version)}, nil
}

// NeedsReEncrypt: kms:ReEncryptFrom on the key of the ciphertext and kms:ReEncryptTo on the new one.
func (s *Service) NeedsReEncrypt(c *access.Call, in *kmsapi.ReEncryptRequest) ([]access.Need, error) {
	if err := noGrantTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	if boundContext(in.SourceEncryptionContext) != nil {
		return nil, invalidCiphertext()
	}
	if err := boundContext(in.DestinationEncryptionContext); err != nil {
		return nil, err
	}
	from, err := sealedUnder(c, in.CiphertextBlob, in.SourceKeyId)
	if err != nil {
		return nil, err
	}
	to, err := findKeyOrAlias(c, *in.DestinationKeyId)
	if err != nil {
		return nil, err
	}
	same := from.arn == to.arn
	source := &facts{algorithm: algorithmOr(string(in.SourceEncryptionAlgorithm)), context: in.SourceEncryptionContext, sameKey: &same}
	target := &facts{algorithm: algorithmOr(string(in.DestinationEncryptionAlgorithm)), context: in.DestinationEncryptionContext, sameKey: &same}
	return append(need(c, "kms:ReEncryptFrom", from, source), need(c, "kms:ReEncryptTo", to, target)...), nil
}

// ReEncrypt moves a ciphertext under another key or context inside the device.
func (s *Service) ReEncrypt(ctx context.Context, g *access.Grant, in *kmsapi.ReEncryptRequest) (*kmsapi.ReEncryptResponse, error) {
	src, err := openable(g.Key(), in.CiphertextBlob, in.SourceKeyId != nil, "ReEncryptFrom", string(in.SourceEncryptionAlgorithm))
	if err != nil {
		return nil, err
	}
	to := g.SecondKey()
	if err := usable(to, encryptDecrypt, "ReEncryptTo", string(in.DestinationEncryptionAlgorithm)); err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	resealer, done, err := capability[hsm.Resealer](ctx, s, src.version)
	if err != nil {
		return nil, err
	}
	defer done()
	v := to.Current()
	target, err := s.open(ctx, v)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	blob, err := newBlob(to, v, in.DestinationEncryptionContext, func(aad []byte) ([]byte, error) {
		return resealer.Reseal(ctx, src.aad(in.SourceEncryptionContext), src.message, target, aad)
	})
	if err != nil {
		return nil, ciphertextError(err)
	}
	return &kmsapi.ReEncryptResponse{CiphertextBlob: blob, SourceKeyId: ptr(keyARN(src.key.Ref)), KeyId: ptr(keyARN(to.Ref)),
		SourceEncryptionAlgorithm: symmetricDefault, DestinationEncryptionAlgorithm: symmetricDefault,
		SourceKeyMaterialId: materialID(src.version), DestinationKeyMaterialId: materialID(v)}, nil
}

// newBlob puts the header before the message that seal makes of the associated data.
func newBlob(key *state.Key, v *state.Version, context map[string]string, seal func(aad []byte) ([]byte, error)) ([]byte, error) {
	if v == nil {
		return nil, hsm.ErrToken
	}
	if err := boundContext(context); err != nil {
		return nil, err
	}
	var space [headerSize]byte
	header, ok := appendHeader(space[:0], key.Ref, v)
	if !ok {
		return nil, hsm.ErrToken
	}
	message, err := seal(appendAAD(make([]byte, 0, 256), header, context))
	if err != nil {
		return nil, err
	}
	return slices.Concat(header, message), nil
}

// maxContext is how many bytes the names and values of an encryption context may have together.
const maxContext = 8 << 10

// boundContext comes before the decision, whose conditions look through the context.
func boundContext(context map[string]string) error {
	size := 0
	for name, value := range context {
		size += len(name) + len(value)
	}
	if size > maxContext {
		return access.Invalid("EncryptionContext is larger than 8192 bytes.")
	}
	return nil
}

func algorithmOr(a string) string {
	if a == "" {
		return symmetricDefault
	}
	return a
}
