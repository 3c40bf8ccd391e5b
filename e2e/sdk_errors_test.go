package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// refusal is a call and the error that it must end in.
type refusal struct {
	name string
	call func(context.Context) error
	want verdict
}

func refuse(t *testing.T, cases []refusal) {
	t.Helper()
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) { one.want(t, one.call(t.Context())) })
	}
}

// errorOf drops a call's output.
func errorOf[Out any](_ Out, err error) error { return err }

// TestSDKErrors: the SDK recognises every exception, and the messages are AWS's.
func TestSDKErrors(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.kms()
	key, other := newKey(t, c), newKey(t, c)
	id, arn := *key.KeyId, *key.Arn
	const unknown = "12345678-1234-1234-1234-123456789012"
	must(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/taken"), TargetKeyId: &id}))(t)
	blob := encrypt(t, c, id, "text")
	describe := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			return errorOf(c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &name}))
		}
	}
	alias := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			return errorOf(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &name, TargetKeyId: &id}))
		}
	}
	tag := func(keys ...string) func(context.Context) error {
		var tags []types.Tag
		for _, k := range keys {
			tags = append(tags, types.Tag{TagKey: &k, TagValue: aws.String("v")})
		}
		return func(ctx context.Context) error {
			return errorOf(c.TagResource(ctx, &kms.TagResourceInput{KeyId: &id, Tags: tags}))
		}
	}
	decrypt := func(in kms.DecryptInput) func(context.Context) error {
		return func(ctx context.Context) error { return errorOf(c.Decrypt(ctx, &in)) }
	}
	changed := func(i int) []byte {
		b := append([]byte(nil), blob...)
		b[(i+len(b))%len(b)] ^= 1
		return b
	}
	refuse(t, []refusal{
		{"key id is no UUID", describe("nonsense"), raises[*types.NotFoundException]("Invalid keyId 'nonsense'")},
		{"key unknown", describe(unknown), raises[*types.NotFoundException]("Key 'arn:aws:kms:us-east-1:" + account + ":key/" + unknown + "' does not exist")},
		{"ARN of another region", describe(strings.Replace(arn, "us-east-1", "eu-west-3", 1)), raises[*types.NotFoundException]("Invalid arn eu-west-3")},
		{"ARN of another service", describe("arn:aws:s3:::bucket"), raises[*types.InvalidArnException]("Invalid arn arn:aws:s3:::bucket")},
		{"alias unknown", describe("alias/none"), raises[*types.NotFoundException]("Alias arn:aws:kms:us-east-1:" + account + ":alias/none is not found.")},
		{"alias taken", alias("alias/taken"), raises[*types.AlreadyExistsException]("An alias with the name arn:aws:kms:us-east-1:" + account + ":alias/taken already exists")},
		{"alias of AWS", alias("alias/aws/s3"), fails("NotAuthorizedException", "UnknownError")},
		{"alias without prefix", alias("taken"), fails("ValidationException", "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html")},
		{"alias with a space", alias("alias/a b"), fails("ValidationException", "1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$")},
		{"tag twice", tag("k", "k"), raises[*types.TagException]("Duplicate tag keys")},
		{"tag of AWS", tag("aws:k"), raises[*types.TagException]("Tags beginning with aws: are reserved")},
		{"ciphertext changed", decrypt(kms.DecryptInput{CiphertextBlob: changed(-1)}), raises[*types.InvalidCiphertextException]("")},
		{"ciphertext cut", decrypt(kms.DecryptInput{CiphertextBlob: blob[:len(blob)-1]}), raises[*types.InvalidCiphertextException]("")},
		{"ciphertext is rubbish", decrypt(kms.DecryptInput{CiphertextBlob: []byte("rubbish")}), raises[*types.InvalidCiphertextException]("")},
		{"ciphertext header changed", decrypt(kms.DecryptInput{CiphertextBlob: changed(0)}), raises[*types.InvalidCiphertextException]("")},
		{"context not given", decrypt(kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"a": "b"}}), raises[*types.InvalidCiphertextException]("")},
		{"other key named", decrypt(kms.DecryptInput{CiphertextBlob: blob, KeyId: other.KeyId}),
			raises[*types.IncorrectKeyException]("The key ID in the request does not identify a CMK that can perform this operation.")},
		{"algorithm of another spec", decrypt(kms.DecryptInput{CiphertextBlob: blob, KeyId: &id, EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256}),
			raises[*types.InvalidKeyUsageException]("Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.")},
		{"grant token", decrypt(kms.DecryptInput{CiphertextBlob: blob, GrantTokens: []string{"dG9rZW4="}}), raises[*types.InvalidGrantTokenException]("Grant token is not valid.")},
		{"plaintext too long", func(ctx context.Context) error {
			return errorOf(c.Encrypt(ctx, &kms.EncryptInput{KeyId: &id, Plaintext: make([]byte, 4097)}))
		}, fails("ValidationException", "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096")},
		{"cancel without deletion", func(ctx context.Context) error {
			return errorOf(c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &id}))
		}, raises[*types.KMSInvalidStateException](arn + " is not pending deletion.")},
		{"waiting period too short", func(ctx context.Context) error {
			return errorOf(c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: aws.Int32(6)}))
		}, fails("ValidationException", "PendingWindowInDays must be between 7 and 30")},
		{"waiting period too long", func(ctx context.Context) error {
			return errorOf(c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: aws.Int32(31)}))
		}, fails("ValidationException", "PendingWindowInDays must be between 7 and 30")},
		{"no length of a data key", func(ctx context.Context) error {
			return errorOf(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &id}))
		}, fails("ValidationException", "Please specify either number of bytes or key spec.")},
		{"policy is no JSON", func(ctx context.Context) error {
			return errorOf(c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &id, Policy: aws.String("{")}))
		}, isA[*types.MalformedPolicyDocumentException]()},
		{"policy of another name", func(ctx context.Context) error {
			return errorOf(c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &id, PolicyName: aws.String("other")}))
		}, raises[*types.NotFoundException]("No such policy exists")},
		{"two keys of one usage at once", func(ctx context.Context) error {
			return errorOf(c.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: "NONSENSE", KeyUsage: "NEITHER"}))
		}, startsWith("ValidationException", "2 validation errors detected: ")},
	})
}

// TestSDKDryRun: DryRun checks all and does nothing.
func TestSDKDryRun(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.kms()
	key := newKey(t, c)
	id := *key.KeyId
	blob := encrypt(t, c, id, "text")
	ok := raises[*types.DryRunOperationException]("The request would have succeeded, but the DryRun option is set.")
	dry := aws.Bool(true)
	refuse(t, []refusal{
		{"Encrypt", func(ctx context.Context) error {
			return errorOf(c.Encrypt(ctx, &kms.EncryptInput{KeyId: &id, Plaintext: []byte("x"), DryRun: dry}))
		}, ok},
		{"Decrypt", func(ctx context.Context) error {
			return errorOf(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, DryRun: dry}))
		}, ok},
		{"ReEncrypt", func(ctx context.Context) error {
			return errorOf(c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: &id, DryRun: dry}))
		}, ok},
		{"GenerateDataKey", func(ctx context.Context) error {
			return errorOf(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &id, KeySpec: types.DataKeySpecAes256, DryRun: dry}))
		}, ok},
		{"GenerateDataKeyWithoutPlaintext", func(ctx context.Context) error {
			return errorOf(c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: &id, KeySpec: types.DataKeySpecAes256, DryRun: dry}))
		}, ok},
		{"of a key that is not there", func(ctx context.Context) error {
			return errorOf(c.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String("nonsense"), Plaintext: []byte("x"), DryRun: dry}))
		}, raises[*types.NotFoundException]("Invalid keyId 'nonsense'")},
	})
}

// TestSDKNotBuilt: operations that are not built say so, to whoever is authenticated.
func TestSDKNotBuilt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.kms()
	id := newKey(t, c).KeyId
	refuse(t, []refusal{
		{"Sign", func(ctx context.Context) error {
			return errorOf(c.Sign(ctx, &kms.SignInput{KeyId: id, Message: []byte("m"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}))
		}, raises[*types.UnsupportedOperationException]("The operation Sign is not supported by this service.")},
		{"CreateGrant", func(ctx context.Context) error {
			return errorOf(c.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: id, GranteePrincipal: aws.String("arn"), Operations: []types.GrantOperation{"Decrypt"}}))
		}, fails("UnsupportedOperationException", "The operation CreateGrant is not supported by this service.")},
		{"asymmetric key", func(ctx context.Context) error {
			return errorOf(c.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeSignVerify}))
		}, isA[*types.UnsupportedOperationException]()},
		{"AssumeRole", func(ctx context.Context) error {
			return errorOf(s.sts().AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/r"), RoleSessionName: aws.String("sess")}))
		}, fails("UnsupportedOperationException", "The operation AssumeRole is not supported by this service.")},
	})
}
