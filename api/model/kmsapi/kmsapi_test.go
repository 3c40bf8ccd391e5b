package kmsapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary.dev/api/codec"
)

func ptr[T any](v T) *T { return &v }

// check decodes body as the operation's input and validates it.
func check(t *testing.T, operation, body string) (codec.Input, *codec.Error) {
	t.Helper()
	op := Lookup(operation)
	if op == nil {
		t.Fatalf("there is no operation %s", operation)
	}
	in := op.NewInput()
	if err := new(codec.JSON).Decode([]byte(body), in.(codec.JSONInput)); err != nil {
		return nil, err
	}
	var v codec.Validator
	in.Validate(&v)
	return in, v.Err(codec.JSON11)
}

// The messages that were recorded from AWS KMS are marked; the order of the enumerations is theirs.
func TestValidationMessages(t *testing.T) {
	long := strings.Repeat("A", 5464) + "A===" // 4,100 bytes
	tests := map[string]struct{ operation, body, want string }{
		"recorded: small number": {"GenerateRandom", `{"NumberOfBytes":0}`,
			"1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		"recorded: large number": {"GenerateRandom", `{"NumberOfBytes":1025}`,
			"1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"},
		"recorded: long plaintext": {"Encrypt", `{"KeyId":"k","Plaintext":"` + long[:5468-4] + `AAA="}`,
			"1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"},
		"enumeration": {"CreateKey", `{"CustomerMasterKeySpec":"AES-256"}`,
			"1 validation error detected: Value 'AES-256' at 'customerMasterKeySpec' failed to satisfy constraint: Member must satisfy enum value set: " +
				"[RSA_2048, ECC_NIST_P384, ECC_NIST_P256, ECC_NIST_P521, HMAC_384, RSA_3072, SM2, ECC_SECG_P256K1, RSA_4096, SYMMETRIC_DEFAULT, HMAC_256, HMAC_224, HMAC_512]"},
		"empty enumeration": {"GenerateDataKey", `{"KeyId":"k","KeySpec":""}`,
			"1 validation error detected: Value '' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]"},
		"absent": {"Encrypt", `{}`,
			"2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; " +
				"Value null at 'plaintext' failed to satisfy constraint: Member must not be null"},
		"empty blob": {"Decrypt", `{"CiphertextBlob":""}`,
			"1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		"in a list": {"TagResource", `{"KeyId":"k","Tags":[{"TagKey":"a","TagValue":"b"},{"TagKey":"","TagValue":"b"}]}`,
			"1 validation error detected: Value '' at 'tags.2.member.tagKey' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		"absent in a list": {"TagResource", `{"KeyId":"k","Tags":[{"TagKey":"a"}]}`,
			"1 validation error detected: Value null at 'tags.1.member.tagValue' failed to satisfy constraint: Member must not be null"},
		"pattern": {"CreateAlias", `{"AliasName":"alias/a b","TargetKeyId":"k"}`,
			"1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"},
		"list of an enumeration": {"CreateGrant", `{"KeyId":"k","GranteePrincipal":"p","Operations":["Encrypt","Nope"]}`,
			"1 validation error detected: Value '[Encrypt, Nope]' at 'operations' failed to satisfy constraint: Member must satisfy constraint: " +
				"[Member must satisfy enum value set: [CreateGrant, GetPublicKey, GenerateDataKey, RetireGrant, Encrypt, GenerateDataKeyPairWithoutPlaintext, ReEncryptTo, " +
				"Decrypt, GenerateDataKeyWithoutPlaintext, DescribeKey, VerifyMac, Verify, GenerateMac, GenerateDataKeyPair, DeriveSharedSecret, ReEncryptFrom, Sign]]"},
		"a secret": {"ConnectCustomKeyStore", `{"CustomKeyStoreId":""}`,
			"1 validation error detected: Value '' at 'customKeyStoreId' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		"password": {"UpdateCustomKeyStore", `{"CustomKeyStoreId":"c","KeyStorePassword":"short"}`,
			"1 validation error detected: Value at 'keyStorePassword' failed to satisfy constraint: Member must have length greater than or equal to 7"},
		"key id of 2049 characters": {"DescribeKey", `{"KeyId":"` + strings.Repeat("k", 2049) + `"}`,
			"1 validation error detected: Value at 'keyId' failed to satisfy constraint: Member must have length less than or equal to 2048"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := check(t, test.operation, test.body)
			if err == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(test.want, err.Message); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

const encryptBody = `{"KeyId":"arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",` +
	`"Plaintext":"VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZw==","EncryptionAlgorithm":"SYMMETRIC_DEFAULT",` +
	`"EncryptionContext":{"purpose":"backup","tenant":"blue-7"},"GrantTokens":[]}`

func TestEncryptRequest(t *testing.T) {
	in, err := check(t, "Encrypt", encryptBody)
	if err != nil {
		t.Fatal(err)
	}
	want := &EncryptRequest{
		KeyId:               ptr("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
		Plaintext:           []byte("The quick brown fox jumps over the lazy dog"),
		EncryptionAlgorithm: EncryptionAlgorithmSpecSymmetricDefault,
		EncryptionContext:   map[string]string{"purpose": "backup", "tenant": "blue-7"},
		GrantTokens:         []string{},
	}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
	audit := `{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"purpose":"backup","tenant":"blue-7"},"grantTokens":[],` +
		`"keyId":"arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}`
	if got := string(in.AppendAudit(nil)); got != audit {
		t.Errorf("audit form %s, want %s", got, audit)
	}
}

func TestDescribeKeyResponse(t *testing.T) {
	out := &DescribeKeyResponse{KeyMetadata: &KeyMetadata{
		AWSAccountId: ptr("111122223333"), KeyId: ptr("k"), CreationDate: ptr(time.UnixMilli(1700000000250)), Enabled: ptr(true),
		KeySpec: KeySpecSymmetricDefault, EncryptionAlgorithms: []EncryptionAlgorithmSpec{EncryptionAlgorithmSpecSymmetricDefault},
	}}
	want := `{"KeyMetadata":{"AWSAccountId":"111122223333","CreationDate":1700000000.25,"Enabled":true,` +
		`"EncryptionAlgorithms":["SYMMETRIC_DEFAULT"],"KeyId":"k","KeySpec":"SYMMETRIC_DEFAULT"}}`
	if got := string(out.AppendJSON(nil)); got != want {
		t.Errorf("body %s, want %s", got, want)
	}
}

// No value that the model calls sensitive, and no blob, may come into an audit record.
func TestAuditLeavesSecretsOut(t *testing.T) {
	const secret = "c2VjcmV0c2VjcmV0"
	bodies := map[string]string{
		"Encrypt":              `{"KeyId":"k","Plaintext":"` + secret + `"}`,
		"GenerateMac":          `{"KeyId":"k","Message":"` + secret + `","MacAlgorithm":"HMAC_SHA_256"}`,
		"Sign":                 `{"KeyId":"k","Message":"` + secret + `","SigningAlgorithm":"ECDSA_SHA_256"}`,
		"ImportKeyMaterial":    `{"KeyId":"k","ImportToken":"` + secret + `","EncryptedKeyMaterial":"` + secret + `"}`,
		"CreateCustomKeyStore": `{"CustomKeyStoreName":"n","KeyStorePassword":"` + secret + `"}`,
		"UpdateCustomKeyStore": `{"CustomKeyStoreId":"n","XksProxyAuthenticationCredential":{"AccessKeyId":"` + secret + `","RawSecretAccessKey":"` + secret + `"}}`,
	}
	for operation, body := range bodies {
		in := Lookup(operation).NewInput()
		if err := new(codec.JSON).Decode([]byte(body), in.(codec.JSONInput)); err != nil {
			t.Fatal(err)
		}
		audit := string(in.AppendAudit(nil))
		if strings.Contains(audit, secret) || strings.Contains(audit, "secretsecret") || !json.Valid([]byte(audit)) {
			t.Errorf("%s: %s", operation, audit)
		}
	}
}

func TestErrorStatuses(t *testing.T) {
	for _, test := range []struct {
		got    *codec.Error
		code   string
		status int
	}{
		{NotFoundException("m"), "NotFoundException", 400},
		{DisabledException("m"), "DisabledException", 400},
		{KMSInvalidStateException("m"), "KMSInvalidStateException", 400},
		{KMSInternalException("m"), "KMSInternalException", 500},
		{KeyUnavailableException("m"), "KeyUnavailableException", 500},
		{DependencyTimeoutException("m"), "DependencyTimeoutException", 503},
	} {
		want := &codec.Error{Code: test.code, Message: "m", Status: test.status, Sender: test.status < 500}
		if diff := cmp.Diff(want, test.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.code, diff)
		}
	}
}

// Every operation can be found, and reads, checks and audits an empty request without harm.
func TestOperations(t *testing.T) {
	s := Service()
	if len(s.Operations) != 54 || s.TargetPrefix != "TrentService" || s.Protocol != codec.JSON11 {
		t.Errorf("service %s has %d operations under %s", s.Name, len(s.Operations), s.TargetPrefix)
	}
	for i := range s.Operations {
		op := &s.Operations[i]
		if s.Lookup(op.Name) != op {
			t.Errorf("Lookup(%s) finds another", op.Name)
		}
		in := op.NewInput()
		if err := new(codec.JSON).Decode([]byte("{}"), in.(codec.JSONInput)); err != nil {
			t.Errorf("%s: %v", op.Name, err)
		}
		in.Validate(new(codec.Validator))
		if got := string(in.AppendAudit(nil)); got != "{}" {
			t.Errorf("%s: audit form %s", op.Name, got)
		}
	}
	for _, name := range []string{"", "encrypt", "Encrypt ", "EncryptX", "Encapsulate"} {
		if Lookup(name) != nil {
			t.Errorf("Lookup(%q) finds something", name)
		}
	}
	for name, want := range map[string]bool{"Encrypt": true, "DescribeKey": true, "CreateKey": false, "DisableKey": false, "GenerateDataKey": true} {
		if got := Lookup(name).ReadOnly; got != want {
			t.Errorf("%s: read only %v", name, got)
		}
	}
}

func BenchmarkEncryptRequest(b *testing.B) {
	body := []byte(encryptBody)
	b.Run("decode", func(b *testing.B) {
		r := new(codec.JSON)
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if err := r.Decode(body, new(EncryptRequest)); err != nil {
				b.Fatal(err)
			}
		}
	})
	in := new(EncryptRequest)
	if err := new(codec.JSON).Decode(body, in); err != nil {
		b.Fatal(err)
	}
	b.Run("validate", func(b *testing.B) {
		b.ReportAllocs()
		var v codec.Validator
		for b.Loop() {
			in.Validate(&v)
		}
		if err := v.Err(codec.JSON11); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("audit", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 1024)
		for b.Loop() {
			in.AppendAudit(buf)
		}
	})
	out := &EncryptResponse{CiphertextBlob: make([]byte, 200), KeyId: in.KeyId, EncryptionAlgorithm: in.EncryptionAlgorithm}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 1024)
		for b.Loop() {
			out.AppendJSON(buf)
		}
	})
	b.Run("lookup", func(b *testing.B) {
		for b.Loop() {
			if Lookup("Encrypt") == nil {
				b.Fatal("not found")
			}
		}
	})
}
