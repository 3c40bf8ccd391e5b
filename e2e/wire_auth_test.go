package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// hostile is a call and the error that it must be answered with.
type hostile struct {
	name string
	call rawCall
	want wireError
}

// attack sends each call and demands its error, whole, and its record in the audit log.
func attack(t *testing.T, s *server, cases []hostile) {
	t.Helper()
	client := s.http()
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			id := s.send(t, client, one.call).check(t, one.want)
			recorded(t, s, id, one.want.code)
		})
	}
	// The server is none the worse.
	if a := s.send(t, client, jsonCall("ListKeys", "{}")); a.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}

// recorded demands exactly one record of a call that was refused.
func recorded(t *testing.T, s *server, id, code string) {
	t.Helper()
	switch all := s.recordsOf(id); {
	case len(all) != 1:
		t.Errorf("%d records of the call, want 1", len(all))
	case all[0].ErrorCode != code || all[0].SourceIPAddress != "127.0.0.1":
		t.Errorf("the record has errorCode %s and address %s, want %s", all[0].ErrorCode, all[0].SourceIPAddress, code)
	}
}

const mismatch = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// authCases are the ways in which a signature can be wrong, each with AWS's error for JSON and for Query services.
func authCases(s *server) []struct {
	name        string
	change      func(*rawCall)
	json, query string
	message     string
} {
	other := s.credentials()
	other.SecretAccessKey = strings.Repeat("x", 40)
	unknown := s.credentials()
	unknown.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
	session := s.credentials()
	session.SessionToken = "not issued here"
	return []struct {
		name        string
		change      func(*rawCall)
		json, query string
		message     string
	}{
		{"wrong secret", func(c *rawCall) { c.credentials = &other }, "InvalidSignatureException", "SignatureDoesNotMatch", mismatch},
		{"unknown access key", func(c *rawCall) { c.credentials = &unknown }, "UnrecognizedClientException", "InvalidClientTokenId", "The security token included in the request is invalid."},
		{"foreign session token", func(c *rawCall) { c.credentials = &session }, "UnrecognizedClientException", "InvalidClientTokenId", "The security token included in the request is invalid."},
		{"not signed", func(c *rawCall) { c.unsigned = true }, "MissingAuthenticationTokenException", "MissingAuthenticationToken", "Request is missing Authentication Token"},
		{"another scheme", func(c *rawCall) { c.unsigned = true; c.header["Authorization"] = "Basic YTpi" }, "MissingAuthenticationTokenException", "MissingAuthenticationToken", "Request is missing Authentication Token"},
		{"half a signature", func(c *rawCall) {
			c.after = func(r *rawRequest) {
				value, _, _ := strings.Cut(r.Header.Get("Authorization"), ", Signature")
				r.Header.Set("Authorization", value)
			}
		}, "IncompleteSignatureException", "IncompleteSignature", "*"},
		{"16 minutes late", func(c *rawCall) { c.signedAt = -16 * time.Minute }, "InvalidSignatureException", "SignatureDoesNotMatch", "*"},
		{"16 minutes early", func(c *rawCall) { c.signedAt = 16 * time.Minute }, "InvalidSignatureException", "SignatureDoesNotMatch", "*"},
		{"body changed", func(c *rawCall) { c.after = func(r *rawRequest) { r.body += "&a=b" } }, "InvalidSignatureException", "SignatureDoesNotMatch", mismatch},
		{"header changed", func(c *rawCall) {
			c.header["X-Amz-Extra"] = "a"
			c.after = func(r *rawRequest) { r.Header.Set("X-Amz-Extra", "b") }
		}, "InvalidSignatureException", "SignatureDoesNotMatch", mismatch},
		{"header added", func(c *rawCall) {
			c.after = func(r *rawRequest) { r.Header.Set("X-Amz-Extra", "b") }
		}, "InvalidSignatureException", "SignatureDoesNotMatch", "*"},
		{"query changed", func(c *rawCall) {
			c.after = func(r *rawRequest) { r.URL.RawQuery = "a=b" }
		}, "InvalidSignatureException", "SignatureDoesNotMatch", mismatch},
		{"UNSIGNED-PAYLOAD", func(c *rawCall) {
			c.payloadHash, c.header["X-Amz-Content-Sha256"] = "UNSIGNED-PAYLOAD", "UNSIGNED-PAYLOAD"
		}, "InvalidSignatureException", "SignatureDoesNotMatch", mismatch},
		{"scope of another service", func(c *rawCall) { c.service = "s3" }, "InvalidSignatureException", "SignatureDoesNotMatch", "*"},
		{"scope of another region", func(c *rawCall) { c.region = "mars-north-1" }, "InvalidSignatureException", "SignatureDoesNotMatch", "*"},
	}
}

// TestWireSignatures: whatever is wrong with a signature, the answer is AWS's for the protocol, and there is a record of it.
func TestWireSignatures(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]protocol{"JSON": inJSON, "Query": inXML} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			var cases []hostile
			for _, one := range authCases(s) {
				h := hostile{one.name, jsonCall("ListKeys", "{}"), wireError{http.StatusBadRequest, inJSON, one.json, one.message}}
				if p == inXML {
					h.call = queryCall("Action=GetCallerIdentity&Version=2011-06-15")
					h.want = wireError{http.StatusForbidden, inXML, one.query, one.message}
					if one.query == "IncompleteSignature" {
						h.want.status = http.StatusBadRequest
					}
				}
				one.change(&h.call)
				cases = append(cases, h)
			}
			attack(t, s, cases)
		})
	}
}

// TestWireScopeMismatch: the service of the scope must be the one that the request is addressed to.
func TestWireScopeMismatch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	kmsAsSTS := jsonCall("ListKeys", "{}")
	kmsAsSTS.service = "sts"
	stsAsKMS := queryCall("Action=GetCallerIdentity&Version=2011-06-15")
	stsAsKMS.service = "kms"
	attack(t, s, []hostile{
		{"KMS target, STS scope", kmsAsSTS, wireError{http.StatusBadRequest, inJSON, "InvalidSignatureException", "Credential should be scoped to correct service: 'kms'. "}},
		{"STS action, KMS scope", stsAsKMS, wireError{http.StatusForbidden, inXML, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'. "}},
	})
}

// TestWirePresigned: a presigned GetCallerIdentity, as identity tokens are made of, works within its time and unchanged only.
func TestWirePresigned(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	presign := func(who aws.Credentials, at time.Time) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.env["AWS_ENDPOINT_URL"]+"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
		if err != nil {
			t.Fatal(err)
		}
		const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		url, _, err := v4.NewSigner().PresignHTTP(t.Context(), who, r, emptyHash, "sts", "us-east-1", at)
		if err != nil {
			t.Fatal(err)
		}
		return url
	}
	client := s.http()
	get := func(t *testing.T, url string) answer {
		t.Helper()
		_, query, _ := strings.Cut(url, "?")
		return s.send(t, client, rawCall{method: http.MethodGet, query: query, unsigned: true})
	}
	good := presign(s.credentials(), time.Now())
	if a := get(t, good); a.status != http.StatusOK || !strings.Contains(string(a.body), "<Arn>arn:aws:iam::"+account+":user/admin</Arn>") {
		t.Errorf("presigned: %d %s", a.status, a.body)
	}
	get(t, strings.Replace(good, "Expires=60", "Expires=61", 1)).check(t, wireError{http.StatusForbidden, inXML, "SignatureDoesNotMatch", mismatch})
	get(t, presign(s.credentials(), time.Now().Add(-16*time.Minute))).check(t, wireError{http.StatusForbidden, inXML, "SignatureDoesNotMatch", "*"})
}
