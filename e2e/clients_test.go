package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

const account = "111122223333" // the default

// http is a client that trusts the server's CA and nothing else.
func (s *server) http() *http.Client {
	s.t.Helper()
	transport := &http.Transport{TLSClientConfig: s.tls(), MaxIdleConnsPerHost: 64}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func (s *server) tls() *tls.Config {
	s.t.Helper()
	ca, err := os.ReadFile(s.env["AWS_CA_BUNDLE"])
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		s.t.Fatalf("no certificate in %s", s.env["AWS_CA_BUNDLE"])
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func (s *server) credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: s.env["AWS_ACCESS_KEY_ID"], SecretAccessKey: s.env["AWS_SECRET_ACCESS_KEY"]}
}

// config is the SDK's configuration for one region, without retries: every failure is seen.
func (s *server) config(region string) aws.Config {
	c := s.credentials()
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(s.env["AWS_ENDPOINT_URL"]),
		Credentials:  credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
		HTTPClient:   s.http(),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func (s *server) kms() *kms.Client {
	s.t.Helper()
	return kms.NewFromConfig(s.config(s.env["AWS_REGION"]))
}
func (s *server) sts() *sts.Client {
	s.t.Helper()
	return sts.NewFromConfig(s.config(s.env["AWS_REGION"]))
}

// newKey makes a key.
func newKey(t testing.TB, c *kms.Client) *types.KeyMetadata {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatalf("CreateKey: %v", err)
	}
	return out.KeyMetadata
}

// encrypt encrypts under a key that must be usable.
func encrypt(t testing.TB, c *kms.Client, keyID, plaintext string) []byte {
	t.Helper()
	out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &keyID, Plaintext: []byte(plaintext)})
	if err != nil {
		t.Fatalf("Encrypt: %v", err)
	}
	return out.CiphertextBlob
}

// decrypts demands that a ciphertext opens to a plaintext.
func decrypts(t testing.TB, c *kms.Client, blob []byte, want string) {
	t.Helper()
	out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	if err != nil {
		t.Errorf("Decrypt: %v", err)
	} else if string(out.Plaintext) != want {
		t.Errorf("Decrypt = %q, want %q", out.Plaintext, want)
	}
}

// must takes the result of a call whose failure ends the test: must(c.ListKeys(...))(t).
func must[Out any](out Out, err error) func(testing.TB) Out {
	return func(t testing.TB) Out {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// verdict judges the error of a call.
type verdict func(t *testing.T, err error)

// raises demands one of the SDK's typed exceptions with its message.
func raises[E smithy.APIError](message string) verdict {
	return func(t *testing.T, err error) {
		t.Helper()
		var e E
		if !errors.As(err, &e) {
			t.Errorf("error = %v, want a %T", err, e)
		} else if e.ErrorMessage() != message {
			t.Errorf("%T with message %q,\nwant %q", e, e.ErrorMessage(), message)
		}
	}
}

// fails demands an error that the models do not list, by its code.
func fails(code, message string) verdict {
	return func(t *testing.T, err error) {
		t.Helper()
		var e smithy.APIError
		if !errors.As(err, &e) {
			t.Errorf("error = %v, want %s", err, code)
		} else if e.ErrorCode() != code || e.ErrorMessage() != message {
			t.Errorf("error = %s: %s,\nwant %s: %s", e.ErrorCode(), e.ErrorMessage(), code, message)
		}
	}
}

// isA demands one of the SDK's typed exceptions, with some message.
func isA[E smithy.APIError]() verdict {
	return func(t *testing.T, err error) {
		t.Helper()
		var e E
		if !errors.As(err, &e) {
			t.Errorf("error = %v, want a %T", err, e)
		} else if e.ErrorMessage() == "" {
			t.Errorf("%T without a message", e)
		}
	}
}

// startsWith is fails for a message of which only the beginning matters.
func startsWith(code, message string) verdict {
	return func(t *testing.T, err error) {
		t.Helper()
		var e smithy.APIError
		if !errors.As(err, &e) || e.ErrorCode() != code || !strings.HasPrefix(e.ErrorMessage(), message) {
			t.Errorf("error = %v, want %s: %s...", err, code, message)
		}
	}
}

// kmsOperations are the names of all operations that the SDK's client has.
func kmsOperations() []string {
	var names []string
	for m := range reflect.TypeFor[*kms.Client]().Methods() {
		if m.Name != "Options" {
			names = append(names, m.Name)
		}
	}
	return names
}
