package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const testHeaders = "content-type;host;x-amz-date;x-amz-target"

var testTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func kmsKey() [32]byte { return DeriveKey([]byte(testSecret), "20150830", "us-east-1", "kms") }

// kmsCall is an unsigned KMS call of testTime.
func kmsCall() *Request {
	return &Request{
		Method: "POST", Path: "/", Host: "kms.example.com",
		Header: http.Header{
			"Content-Type": {"application/x-amz-json-1.1"},
			"User-Agent":   {"test/1.0"},
			"X-Amz-Date":   {"20150830T123600Z"},
			"X-Amz-Target": {"TrentService.ListKeys"},
		},
		Body: []byte(`{"Limit":10}`),
	}
}

// verify parses and verifies.
func verify(r *Request, now time.Time, rules Rules) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	return s.Verify(r, kmsKey(), now, rules)
}

func wantKind(t *testing.T, what string, err error, want Kind) {
	t.Helper()
	var got *Error
	if want == 0 && err == nil {
		return
	}
	if !errors.As(err, &got) || got.Kind != want {
		t.Errorf("%s: error = %v, want %v", what, err, want)
	}
}

func TestVerifyTime(t *testing.T) {
	tests := []struct {
		name    string
		age     time.Duration
		message string
	}{
		{"same time", 0, ""},
		{"15 minutes old", 15 * time.Minute, ""},
		{"15 minutes and a fraction old", 15*time.Minute + 999*time.Millisecond, ""},
		{"a second too old", 15*time.Minute + time.Second,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"},
		{"24 minutes old", 24 * time.Minute,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T124500Z (20150830T130000Z - 15 min.)"},
		{"15 minutes ahead", -15 * time.Minute, ""},
		{"a second too far ahead", -15*time.Minute - time.Second,
			"Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)"},
	}
	for _, tt := range tests {
		r := kmsCall()
		sign(t, r, "kms", testHeaders, kmsKey())
		// The clock's zone must not matter.
		err := verify(r, testTime.Add(tt.age).In(time.FixedZone("", 7200)), Rules{})
		var got string
		if e := (*Error)(nil); errors.As(err, &e) {
			got = e.Message
		}
		if got != tt.message || (err == nil) != (tt.message == "") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.message)
		}
	}
}

func TestCheckPresignedLife(t *testing.T) {
	tests := []struct {
		name      string
		expiresIn time.Duration
		age       time.Duration
		fixed     bool
		want      string
	}{
		{"within", time.Minute, time.Minute, false, ""},
		{"over", time.Minute, time.Minute + time.Second, false,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T123701Z - 60 sec.)"},
		{"a week", MaxExpires, MaxExpires, false, ""},
		{"over a week", MaxExpires, MaxExpires + time.Second, false,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150906T123601Z - 604800 sec.)"},
		{"default over", MaxSkew, MaxSkew + time.Second, false,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"},
		{"in the future", MaxExpires, -MaxSkew - time.Second, false,
			"Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)"},
		{"fixed, short", time.Minute, MaxSkew, true, ""},
		{"fixed, long", MaxExpires, MaxSkew + time.Second, true,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"},
	}
	for _, tt := range tests {
		s := &Signature{Time: testTime, stamp: "20150830T123600Z", Date: "20150830", last: terminator, Presigned: true, ExpiresIn: tt.expiresIn}
		var got string
		if e := (*Error)(nil); errors.As(s.Check(testTime.Add(tt.age), Rules{FixedLifetime: tt.fixed}), &e) {
			got = e.Message
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCheckScope(t *testing.T) {
	const region, service = "Credential should be scoped to a valid region, not 'c'. ", "Credential should be scoped to correct service: 'kms'. "
	const last = "Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. "
	const day = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: 'b' != '20150830', from '20150830T123600Z'."
	rules := Rules{Service: "kms", Regions: []string{"us-east-1", "eu-west-1"}}
	tests := []struct {
		credential string
		rules      Rules
		want       string
	}{
		{"A/20150830/us-east-1/kms/aws4_request", rules, ""},
		{"A/20150830/eu-west-1/kms/aws4_request", rules, ""},
		{"A/20150830/c/d/aws4_request", Rules{}, ""},
		{"A/20150830/c/kms/aws4_request", rules, region},
		{"A/20150830/us-east-1/sts/aws4_request", rules, service},
		{"A/20150830/us-east-1/KMS/aws4_request", rules, service},
		{"A/20150830/us-east-1/kms/e", rules, last},
		{"A/b/us-east-1/kms/aws4_request", rules, day},
		{"A/b/c/d/e", rules, region + service + last + day},
		{"A/b/c/d/e", Rules{}, last + day},
		{"A/20150830/c/kms/aws4_request", Rules{Regions: []string{}}, region},
	}
	for _, tt := range tests {
		s := &Signature{Time: testTime, stamp: "20150830T123600Z"}
		if err := s.setCredential(tt.credential); err != nil {
			t.Fatal(err)
		}
		err := s.Check(testTime, tt.rules)
		var want error
		if tt.want != "" {
			want = &Error{KindScope, tt.want}
		}
		if diff := cmp.Diff(want, err); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.credential, diff)
		}
	}
}

func TestVerifyChecksTheRules(t *testing.T) {
	r := kmsCall()
	sign(t, r, "kms", testHeaders, kmsKey())
	wantKind(t, "right service", verify(r, testTime, Rules{Service: "kms"}), 0)
	wantKind(t, "other service", verify(r, testTime, Rules{Service: "sts"}), KindScope)
	wantKind(t, "other region", verify(r, testTime, Rules{Regions: []string{"eu-west-1"}}), KindScope)
}

// A request may be changed after signing in each of these ways; the table says how Verify takes it.
func TestVerifyHeaders(t *testing.T) {
	tests := []struct {
		name   string
		change func(r *Request)
		want   Kind
	}{
		{"nothing", func(*Request) {}, 0},
		{"unsigned header changed", func(r *Request) { r.Header.Set("User-Agent", "x") }, 0},
		{"unsigned header added", func(r *Request) { r.Header.Set("X-Amzn-Trace-Id", "x") }, 0},
		{"signed header removed", func(r *Request) { r.Header.Del("Content-Type") }, KindSignedHeaders},
		{"signed header without a value", func(r *Request) { r.Header["Content-Type"] = []string{} }, KindSignedHeaders},
		{"signed header emptied", func(r *Request) { r.Header["Content-Type"] = []string{""} }, KindMismatch},
		{"signed header twice", func(r *Request) { r.Header.Add("Content-Type", "text/plain") }, KindMismatch},
		{"control character", func(r *Request) { r.Header.Set("Content-Type", "a\nhost:b") }, KindSignedHeaders},
		{"unsigned x-amz header", func(r *Request) { r.Header.Set("X-Amz-Extra", "x") }, KindSignedHeaders},
		{"unsigned token", func(r *Request) { r.Header.Set("X-Amz-Security-Token", "x") }, KindSignedHeaders},
		{"x-amz header twice", func(r *Request) { r.Header.Add("X-Amz-Target", "TrentService.Decrypt") }, KindAmbiguous},
		{"second spelling", func(r *Request) { r.Header["x-amz-target"] = []string{"TrentService.Decrypt"} }, KindMismatch},
		{"other spelling", func(r *Request) {
			r.Header["x-amz-target"] = r.Header["X-Amz-Target"]
			delete(r.Header, "X-Amz-Target")
		}, KindSignedHeaders},
		{"host", func(r *Request) { r.Host = "sts.example.com" }, KindMismatch},
		{"host with a line end", func(r *Request) { r.Host = "kms.example.com\n" }, KindSignedHeaders},
		{"method", func(r *Request) { r.Method = "GET" }, KindMismatch},
		{"method with a line end", func(r *Request) { r.Method = "POST\n/" }, KindMismatch},
		{"path", func(r *Request) { r.Path = "/x" }, KindMismatch},
		{"query", func(r *Request) { r.RawQuery = "a=b" }, KindMismatch},
		{"body", func(r *Request) { r.Body[3]++ }, KindMismatch},
		{"no body", func(r *Request) { r.Body = nil }, KindMismatch},
	}
	for _, tt := range tests {
		r := kmsCall()
		sign(t, r, "kms", testHeaders, kmsKey())
		tt.change(r)
		wantKind(t, tt.name, verify(r, testTime, Rules{}), tt.want)
	}
}

func TestVerifyNamesTheUnsignedHeader(t *testing.T) {
	r := kmsCall()
	sign(t, r, "kms", testHeaders, kmsKey())
	r.Header.Set("X-Amz-Zulu", "x")
	r.Header.Set("X-Amz-Extra", "x")
	want := &Error{KindSignedHeaders, "'x-amz-extra' must be a 'SignedHeader' in the AWS Authorization."}
	if diff := cmp.Diff(error(want), verify(r, testTime, Rules{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVerifyUnsignedTokenRule(t *testing.T) {
	r := kmsCall()
	sign(t, r, "kms", testHeaders, kmsKey())
	r.Header.Set("X-Amz-Security-Token", "x")
	wantKind(t, "token left out", verify(r, testTime, Rules{UnsignedToken: true}), 0)
	r.Header.Set("X-Amz-Extra", "x")
	wantKind(t, "another header too", verify(r, testTime, Rules{UnsignedToken: true}), KindSignedHeaders)
	r.Header.Del("X-Amz-Extra")
	sign(t, r, "kms", "content-type;host;x-amz-date;x-amz-security-token;x-amz-target", kmsKey())
	wantKind(t, "token signed", verify(r, testTime, Rules{UnsignedToken: true}), 0)
}

// net/http takes some headers out of the map, but clients may sign them.
func TestVerifyHeadersOutsideTheMap(t *testing.T) {
	r := kmsCall()
	r.Header.Set("Content-Length", "12")
	r.Header.Set("Transfer-Encoding", "chunked")
	sign(t, r, "kms", "content-length;content-type;host;transfer-encoding;x-amz-date;x-amz-target", kmsKey())
	wantKind(t, "in the map", verify(r, testTime, Rules{}), 0)
	r.Header.Del("Content-Length")
	wantKind(t, "transfer encoding only", verify(r, testTime, Rules{}), 0)
	r.Header.Del("Transfer-Encoding")
	wantKind(t, "neither", verify(r, testTime, Rules{}), KindSignedHeaders)
	r.TransferEncoding = []string{"chunked"}
	wantKind(t, "as net/http keeps it", verify(r, testTime, Rules{}), 0)
	r.Body = append(r.Body, ' ')
	wantKind(t, "longer body", verify(r, testTime, Rules{}), KindMismatch)
}

func TestVerifyPayloadHash(t *testing.T) {
	sum := sha256.Sum256(kmsCall().Body)
	right := hex.EncodeToString(sum[:])
	tests := []struct {
		claim string
		want  Kind
	}{
		{right, 0},
		{" " + right + " ", 0},
		{strings.ToUpper(right), KindBodyHash},
		{strings.Repeat("0", 64), KindBodyHash},
		{right[:63], KindBodyHash},
		{"UNSIGNED-PAYLOAD", KindUnsignedPayload},
		{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", KindUnsignedPayload},
		{"STREAMING-UNSIGNED-PAYLOAD-TRAILER", KindUnsignedPayload},
	}
	for _, tt := range tests {
		r := kmsCall()
		r.Header.Set("X-Amz-Content-Sha256", tt.claim)
		sign(t, r, "kms", "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target", kmsKey())
		wantKind(t, tt.claim, verify(r, testTime, Rules{}), tt.want)
	}
	r := kmsCall()
	r.Header["X-Amz-Content-Sha256"] = []string{right, right}
	s := &Signature{Time: testTime, stamp: "20150830T123600Z", Date: "20150830", last: terminator}
	wantKind(t, "twice", s.Verify(r, kmsKey(), testTime, Rules{}), KindAmbiguous)
	s.payload = "UNSIGNED-PAYLOAD"
	r.Header.Del("X-Amz-Content-Sha256")
	wantKind(t, "in the query", s.Verify(r, kmsKey(), testTime, Rules{}), KindUnsignedPayload)
}

func TestVerifySignatureText(t *testing.T) {
	r := kmsCall()
	sign(t, r, "kms", testHeaders, kmsKey())
	good := r.Header.Get("Authorization")
	before, signature, _ := strings.Cut(good, "Signature=")
	for _, text := range []string{
		strings.ToUpper(signature), signature[:63], signature + "0", signature + signature, "0", strings.Repeat("0", 64),
	} {
		r.Header.Set("Authorization", before+"Signature="+text)
		wantKind(t, text, verify(r, testTime, Rules{}), KindMismatch)
	}
}

func TestVerifyRefusesAKeyOfZeros(t *testing.T) {
	var zero [32]byte
	r := kmsCall()
	sign(t, r, "kms", testHeaders, zero)
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, "zero key", s.Verify(r, zero, testTime, Rules{}), KindMismatch)
}

// Requests that do not fit on the stack take another way through memory.
func TestVerifyLongRequest(t *testing.T) {
	r := kmsCall()
	r.Header.Set("X-Amz-Security-Token", strings.Repeat("t", 3*canonicalSize))
	r.Body = []byte(strings.Repeat("b", 100_000))
	sign(t, r, "kms", "host;x-amz-date;x-amz-security-token;x-amz-target", kmsKey())
	wantKind(t, "long", verify(r, testTime, Rules{}), 0)
	r.Body[99_999]++
	wantKind(t, "long, changed", verify(r, testTime, Rules{}), KindMismatch)
}

func TestErrorText(t *testing.T) {
	const want = "sigv4: missing: Request is missing Authentication Token"
	if got := errMissing().Error(); got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestKindNames(t *testing.T) {
	seen := map[string]Kind{}
	for k := KindMissing; k <= KindMismatch; k++ {
		if other, ok := seen[k.String()]; ok || k.String() == "unknown" {
			t.Errorf("kind %d is called %q, as is %d", k, k, other)
		}
		seen[k.String()] = k
	}
	if got := Kind(0).String(); got != "unknown" {
		t.Errorf("kind 0 is called %q", got)
	}
}
