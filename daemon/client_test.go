package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	static "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

// tls trusts the daemon's CA and nothing else, at the test's clock.
func (d *running) tls() *tls.Config {
	d.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(d.read(caFile)) {
		d.Fatal("no certificate in the CA file")
	}
	return &tls.Config{RootCAs: pool, Time: d.clock.now, MinVersion: tls.VersionTLS13}
}

// signer signs at the test's clock.
type signer struct {
	*v4.Signer
	now func() time.Time
}

func (s signer) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, _ time.Time, options ...func(*v4.SignerOptions)) error {
	return s.Signer.SignHTTP(ctx, c, r, hash, service, region, s.now(), options...)
}

// who gives the credentials of the env file.
func (d *running) who() credentials {
	return credentials{d.env["AWS_ACCESS_KEY_ID"], d.env["AWS_SECRET_ACCESS_KEY"]}
}

// as is a client with some credentials, without retries. Its connection is its own.
func (d *running) as(c credentials, region string) *kms.Client {
	d.Helper()
	transport := &http.Transport{TLSClientConfig: d.tls()}
	d.Cleanup(transport.CloseIdleConnections)
	return kms.New(kms.Options{
		Region:       region,
		BaseEndpoint: aws.String(d.env["AWS_ENDPOINT_URL"]),
		Credentials:  static.NewStaticCredentialsProvider(c.accessKeyID, c.secretAccessKey, ""),
		HTTPClient:   &http.Client{Transport: transport, Timeout: soon},
		HTTPSignerV4: signer{v4.NewSigner(), d.clock.now},
		Retryer:      aws.NopRetryer{},
	})
}

// kms is the client of whoever sources the env file.
func (d *running) kms() *kms.Client {
	d.Helper()
	return d.as(d.who(), d.env["AWS_REGION"])
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

// code is that of a call's error; "" if there is none.
func code(err error) string {
	var e smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.ErrorCode()
	}
	return err.Error()
}

// message is that of a call's error.
func message(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorMessage()
	}
	return ""
}

// newKey makes a key with a description.
func (d *running) newKey(c *kms.Client, description string) *types.KeyMetadata {
	d.Helper()
	return must(c.CreateKey(d.Context(), &kms.CreateKeyInput{Description: &description}))(d).KeyMetadata
}

func (d *running) encrypt(c *kms.Client, key *types.KeyMetadata) []byte {
	d.Helper()
	return must(c.Encrypt(d.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("plaintext")}))(d).CiphertextBlob
}

func decrypt(t testing.TB, c *kms.Client, blob []byte) error {
	_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	return err
}

// state is that of a key, "" if it is not there.
func (d *running) state(c *kms.Client, key *types.KeyMetadata) types.KeyState {
	d.Helper()
	out, err := c.DescribeKey(d.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})
	if code(err) == "NotFoundException" {
		return ""
	}
	return must(out, err)(d).KeyMetadata.KeyState
}

// schedule has a key deleted after 7 days.
func (d *running) schedule(c *kms.Client, key *types.KeyMetadata) {
	d.Helper()
	must(c.ScheduleKeyDeletion(d.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(7)}))(d)
}
