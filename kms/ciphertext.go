package kms

import (
	"errors"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/hsm"
	"ostiary.dev/state"
)

// unknownCiphertextKey is what AWS answers, as AccessDeniedException, when the key that a ciphertext names is not
// there or is another account's that does not let the caller in: the two are not told apart.
const unknownCiphertextKey = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, " +
	"or you are not allowed to access."

// sealedUnder finds the key to decide about for a ciphertext: the one that the caller names, else the one in the
// ciphertext's header.
func sealedUnder(c *access.Call, blob []byte, keyID *string) (named, error) {
	if blob == nil {
		return named{}, access.Invalid("1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")
	}
	if keyID != nil {
		return findKeyOrAlias(c, *keyID)
	}
	h, _, ok := parseHeader(blob)
	if !ok {
		return named{}, invalidCiphertext()
	}
	ref := state.KeyRef{Account: h.account, Region: c.Region, ID: h.id}
	n := named{key: c.View.Key(ref), arn: keyARN(ref), owner: h.account, hide: unknownCiphertextKey}
	if n.key == nil && n.owner == c.Principal.Account {
		return named{}, access.Denied(unknownCiphertextKey)
	}
	return n, nil
}

// source is a ciphertext that belongs to a granted key.
type source struct {
	key     *state.Key
	version *state.Version
	header  []byte
	message []byte
}

// openable checks that a ciphertext names the granted key and that the key can open it now.
func openable(key *state.Key, blob []byte, byKeyID bool, operation, algorithm string) (source, error) {
	h, message, ok := parseHeader(blob)
	if ok && byKeyID && (h.account != key.Ref.Account || h.id != key.Ref.ID) {
		return source{}, kmsapi.IncorrectKeyException("The key ID in the request does not identify a CMK that can perform this operation.")
	}
	if err := usable(key, encryptDecrypt, operation, algorithm); err != nil {
		return source{}, err
	}
	if !ok || h.account != key.Ref.Account || h.id != key.Ref.ID {
		return source{}, invalidCiphertext()
	}
	v := key.Version(h.material)
	if v == nil {
		return source{}, invalidCiphertext()
	}
	return source{key: key, version: v, header: blob[:headerSize], message: message}, nil
}

func (s source) aad(context map[string]string) []byte {
	return appendAAD(make([]byte, 0, 256), s.header, context)
}

// ciphertextError makes one exception of every reason for which a message does not open.
func ciphertextError(err error) error {
	if errors.Is(err, hsm.ErrMessage) {
		return invalidCiphertext()
	}
	return err
}

// invalidCiphertext has, like AWS's, no message.
func invalidCiphertext() error { return kmsapi.InvalidCiphertextException("") }

// usable checks the key state, usage and algorithm for a cryptographic operation (AWS KMS, "Key states of AWS KMS
// keys"; footnotes 1 and 3).
func usable(key *state.Key, usage, operation, algorithm string) error {
	switch key.State {
	case state.Enabled:
	case state.Disabled:
		return kmsapi.DisabledException(keyARN(key.Ref) + " is disabled.")
	case state.PendingDeletion:
		return kmsapi.KMSInvalidStateException(keyARN(key.Ref) + " is pending deletion.")
	default:
		return kmsapi.KMSInvalidStateException(keyARN(key.Ref) + " is unavailable.")
	}
	if key.Usage != usage {
		return kmsapi.InvalidKeyUsageException(keyARN(key.Ref) + " key usage is " + key.Usage + " which is not valid for " + operation + ".")
	}
	if algorithm != "" && algorithm != key.Spec {
		return kmsapi.InvalidKeyUsageException("Algorithm " + algorithm + " is incompatible with key spec " + key.Spec + ".")
	}
	return nil
}
