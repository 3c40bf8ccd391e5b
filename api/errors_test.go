package api

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"ostiary.dev/state"
)

// TestSignatureErrors has a row for each way in which a caller is not who it should be, in both protocols (AWS KMS and
// STS API references, "Common errors").
func TestSignatureErrors(t *testing.T) {
	good := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	with := func(edit func(*aws.Credentials)) aws.Credentials {
		c := good
		edit(&c)
		return c
	}
	for name, test := range map[string]struct {
		prepare     func(w *world)
		credentials aws.Credentials
		service     string // "" for the right one
		region      string
		edit        func(r *http.Request)
		json, query string
		status      int // Query; JSON answers 400
		message     string
	}{
		"unsigned": {edit: func(r *http.Request) { r.Header.Del("Authorization") },
			json: "MissingAuthenticationTokenException", query: "MissingAuthenticationToken", status: 403, message: "Request is missing Authentication Token"},
		"malformed": {edit: func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x") },
			json: "IncompleteSignatureException", query: "IncompleteSignature", status: 400},
		"other scheme": {edit: func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") },
			json: "MissingAuthenticationTokenException", query: "MissingAuthenticationToken", status: 403},
		"twice": {edit: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) },
			json: "IncompleteSignatureException", query: "IncompleteSignature", status: 400},
		"both forms": {edit: func(r *http.Request) { r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256" },
			json: "IncompleteSignatureException", query: "IncompleteSignature", status: 400},
		"unsigned header": {edit: func(r *http.Request) { r.Header.Set("X-Amz-More", "x") },
			json: "InvalidSignatureException", query: "SignatureDoesNotMatch", status: 403, message: "'x-amz-more' must be a 'SignedHeader' in the AWS Authorization."},
		"wrong secret": {credentials: with(func(c *aws.Credentials) { c.SecretAccessKey += "x" }),
			json: "InvalidSignatureException", query: "SignatureDoesNotMatch", status: 403, message: "The request signature we calculated does not match"},
		"early": {prepare: func(w *world) { w.clock = w.clock.Add(-15*time.Minute - time.Second) },
			json: "InvalidSignatureException", query: "SignatureDoesNotMatch", status: 403, message: "Signature not yet current: "},
		"late": {prepare: func(w *world) { w.clock = w.clock.Add(15*time.Minute + time.Second) },
			json: "InvalidSignatureException", query: "SignatureDoesNotMatch", status: 403, message: "Signature expired: "},
		"other region": {region: "us-west-2",
			json: "InvalidSignatureException", query: "SignatureDoesNotMatch", status: 403, message: "Credential should be scoped to a valid region"},
		"other service": {service: "s3",
			json: "InvalidSignatureException", query: "SignatureDoesNotMatch", status: 403, message: "Credential should be scoped to correct service"},
		"unknown key": {credentials: unknownCredentials,
			json: "UnrecognizedClientException", query: "InvalidClientTokenId", status: 403, message: unknownTokenText},
		"session token": {credentials: with(func(c *aws.Credentials) { c.SessionToken = "x" }),
			json: "UnrecognizedClientException", query: "InvalidClientTokenId", status: 403, message: unknownTokenText},
		"inactive key": {prepare: func(w *world) { w.putAccessKey(w.auth.box, false) },
			json: "UnrecognizedClientException", query: "InvalidClientTokenId", status: 403, message: unknownTokenText},
		"body hash": {edit: func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64)) },
			json: "InvalidSignatureException", query: "SignatureDoesNotMatch", status: 403},
		"unsigned payload": {edit: func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
			json: "InvalidSignatureException", query: "SignatureDoesNotMatch", status: 403},
		"no lease": {prepare: func(w *world) { w.readErr = ErrUnavailable },
			json: "DependencyTimeoutException", query: "ServiceUnavailable", status: 503},
		"damaged secret": {prepare: func(w *world) {
			w.must(state.PutAccessKey{AccessKey: state.AccessKey{ID: accessKey, Account: account, User: "alice", Sealed: []byte{1}, Active: true, Created: 1}})
		}, json: "KMSInternalException", query: "InternalFailure", status: 500},
	} {
		for _, service := range []string{"kms", "sts"} {
			w := newWorld(t)
			r, want, status := jsonRequest("ListKeys", "{}"), test.json, http.StatusBadRequest
			if service == "sts" {
				r, want, status = formRequest(whoAmI), test.query, test.status
			}
			if test.status >= 500 {
				status = test.status
			}
			credentials := good
			if test.credentials != (aws.Credentials{}) {
				credentials = test.credentials
			}
			scope, region := service, home
			if test.service != "" {
				scope = test.service
			}
			if test.region != "" {
				region = test.region
			}
			w.signAs(r, scope, region, credentials)
			if test.edit != nil {
				test.edit(r)
			}
			if test.prepare != nil {
				test.prepare(w)
			}
			out := w.serve(r)
			wantError(t, service+" "+name, out, status, want)
			if !strings.Contains(unescaped(out.Body.String()), test.message) {
				t.Errorf("%s %s: %s\nwant %s", service, name, out.Body, test.message)
			}
			if len(w.records) != 0 || len(w.unauth) != 1 || w.unauth[0].ErrorCode != want {
				t.Errorf("%s %s: %d records, %+v", service, name, len(w.records), w.unauth)
			}
		}
	}
}

func unescaped(s string) string {
	return strings.NewReplacer("&#39;", "'", "&apos;", "'", "&quot;", `"`).Replace(s)
}

// TestGlobalRegion: STS and IAM accept us-east-1 beside the regions that are served, KMS does not.
func TestGlobalRegion(t *testing.T) {
	w := newWorld(t)
	for _, region := range []string{home, "eu-west-1", "us-east-1"} {
		if out := w.serve(w.sign(formRequest(whoAmI), "sts", region)); out.Code != http.StatusOK {
			t.Errorf("%s: %s", region, out.Body)
		}
	}
	wantError(t, "sts", w.serve(w.sign(formRequest(whoAmI), "sts", "us-west-2")), http.StatusForbidden, "SignatureDoesNotMatch")
	wantError(t, "kms", w.serve(w.sign(jsonRequest("ListKeys", "{}"), "kms", "us-east-1")), http.StatusBadRequest, "InvalidSignatureException")
	wantError(t, "iam", w.serve(w.sign(formRequest("Action=ListUsers&Version=2010-05-08"), "iam", "us-east-1")), http.StatusBadRequest, "UnsupportedOperationException")
}

// TestPresigned: the query form, as Kubernetes authenticators use it.
func TestPresigned(t *testing.T) {
	w := newWorld(t)
	r, err := http.NewRequest(http.MethodGet, "https://sts.example.org/?"+whoAmI, nil)
	if err != nil {
		t.Fatal(err)
	}
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	url, _, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, r, emptyHash, "sts", home, w.clock)
	if err != nil {
		t.Fatal(err)
	}
	get, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out := w.serve(get); out.Code != http.StatusOK || !strings.Contains(out.Body.String(), "user/alice") {
		t.Errorf("%d %s", out.Code, out.Body)
	}
	w.clock = w.clock.Add(15*time.Minute + time.Second)
	wantError(t, "late", w.serve(get), http.StatusForbidden, "SignatureDoesNotMatch")
}

// TestModelledErrors: KMS answers 400 for all that the client did, and the message of an exception is its own.
func TestModelledErrors(t *testing.T) {
	w := newWorld(t)
	key := w.key()
	none := "12345678-1234-1234-1234-123456789012"
	for _, test := range []struct {
		operation, body, want string
	}{
		{"DescribeKey", `{"KeyId":"` + none + `"}`, `{"__type":"NotFoundException","message":"Key 'arn:aws:kms:` + home + `:` + account + `:key/` + none + `' does not exist"}`},
		{"Decrypt", `{"CiphertextBlob":"eA=="}`, `{"__type":"InvalidCiphertextException"}`},
		{"CreateAlias", `{"AliasName":"alias/aws/x","TargetKeyId":"` + key + `"}`, `{"__type":"NotAuthorizedException"}`},
		{"CancelKeyDeletion", `{"KeyId":"` + key + `"}`, `{"__type":"KMSInvalidStateException","message":"arn:aws:kms:` + home + `:` + account + `:key/` + key + ` is not pending deletion."}`},
		{"Encrypt", `{"KeyId":"` + key + `"}`, `{"__type":"ValidationException","message":"1 validation error detected: Value null at 'plaintext' failed to satisfy constraint: Member must not be null"}`},
		{"Encrypt", `{"KeyId":`, `{"__type":"SerializationException","message":"Unexpected end of input"}`},
		{"Sign", `{}`, `{"__type":"UnsupportedOperationException","message":"The operation Sign is not supported by this service."}`},
	} {
		out := w.call(test.operation, test.body)
		if out.Code != http.StatusBadRequest || out.Body.String() != test.want || out.Result().Header["Connection"] != nil {
			t.Errorf("%s %s: %d %s\nwant %s", test.operation, test.body, out.Code, out.Body, test.want)
		}
	}
}

// TestQueryAnswers: outputs and errors of Query services are XML in the service's namespace, with the request id.
func TestQueryAnswers(t *testing.T) {
	type answer struct {
		XMLName   xml.Name
		Account   string `xml:"GetCallerIdentityResult>Account"`
		OK        string `xml:"ResponseMetadata>RequestId"`
		Type      string `xml:"Error>Type"`
		Code      string `xml:"Error>Code"`
		RequestID string `xml:"RequestId"`
	}
	w := newWorld(t)
	for _, test := range []struct {
		body string
		want answer
	}{
		{want: answer{XMLName: xml.Name{Space: "https://sts.amazonaws.com/doc/2011-06-15/", Local: "GetCallerIdentityResponse"}, Account: account}, body: whoAmI},
		{want: answer{XMLName: xml.Name{Space: "https://sts.amazonaws.com/doc/2011-06-15/", Local: "ErrorResponse"}, Type: "Sender", Code: "UnsupportedOperationException"}, body: "Action=GetSessionToken&Version=2011-06-15"},
		{want: answer{XMLName: xml.Name{Space: "https://sts.amazonaws.com/doc/2011-06-15/", Local: "ErrorResponse"}, Type: "Sender", Code: "InvalidAction"}, body: "Action=No%00Such&Version=2011-06-15"},
		{want: answer{XMLName: xml.Name{Local: "ErrorResponse"}, Type: "Sender", Code: "MissingAction"}, body: "a=b"},
	} {
		out := w.serve(w.sign(formRequest(test.body), "sts", home))
		var got answer
		if err := xml.Unmarshal(out.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", out.Body, err)
		}
		id := requestID(out)
		if test.want.Code == "" {
			test.want.OK = id
		} else {
			test.want.RequestID = id
		}
		if got != test.want || out.Result().Header.Get("Content-Type") != "text/xml" {
			t.Errorf("%s\ngot  %+v\nwant %+v", out.Body, got, test.want)
		}
	}
}
