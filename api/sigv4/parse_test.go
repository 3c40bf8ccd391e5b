package sigv4

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	testCredential = "AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request"
	testSignature  = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
)

// headerRequest is a request in the header form whose signature is well-formed.
func headerRequest(authorization ...string) *Request {
	h := http.Header{"X-Amz-Date": {"20150830T123600Z"}}
	if len(authorization) > 0 {
		h["Authorization"] = authorization
	}
	return &Request{Method: "POST", Path: "/", Host: "kms.example.com", Header: h}
}

func queryRequest(query string) *Request {
	return &Request{Method: "GET", Path: "/", Host: "sts.example.com", RawQuery: query, Header: http.Header{}}
}

// presignedQuery is a well-formed presigned query; edits are pairs of what to replace and with what.
func presignedQuery(edits ...string) string {
	return strings.NewReplacer(edits...).Replace("Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256" +
		"&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60" +
		"&X-Amz-Security-Token=to%2Bken&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=" + testSignature)
}

func TestParseHeaderForm(t *testing.T) {
	want := &Signature{
		AccessKeyID: "AKIDEXAMPLE", Date: "20150830", Region: "us-east-1", Service: "kms", SignedHeaders: "host;x-amz-date",
		Time: time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC), stamp: "20150830T123600Z",
		scope: "20150830/us-east-1/kms/aws4_request", last: "aws4_request", signature: testSignature,
	}
	const c, h, s = "Credential=" + testCredential, "SignedHeaders=host;x-amz-date", "Signature=" + testSignature
	for _, authorization := range []string{
		"AWS4-HMAC-SHA256 " + c + ", " + h + ", " + s,
		"AWS4-HMAC-SHA256 " + c + "," + h + "," + s,
		"AWS4-HMAC-SHA256   " + s + " ,\t" + h + "   ,  " + c + "  ",
		" AWS4-HMAC-SHA256 " + h + "," + c + ", " + s,
	} {
		got, err := Parse(headerRequest(authorization))
		if err != nil {
			t.Errorf("%q: %v", authorization, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Signature{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", authorization, diff)
		}
	}
}

func TestParseHeaderFormErrors(t *testing.T) {
	const c, h, s = "Credential=" + testCredential, "SignedHeaders=host;x-amz-date", "Signature=" + testSignature
	pairs := func(p ...string) string { return "AWS4-HMAC-SHA256 " + strings.Join(p, ", ") }
	hashed := func(a string) string {
		return "(Hashed with SHA-256 and encoded with Base64) Authorization=" + fingerprint(a)
	}
	const missing = "Request is missing Authentication Token"
	pair := func(a string) string {
		return "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '" +
			fingerprint(a) + "'."
	}
	const list = "'SignedHeaders' must be a sorted list of distinct lower-case header names."
	const host = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
	five := func(credential string) string {
		return "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + credential + "'"
	}
	tests := []struct {
		authorization string
		kind          Kind
		message       string
	}{
		{"", KindMissing, missing},
		{"Basic dXNlcjpwYXNz", KindMissing, missing},
		{"AWS AKIDEXAMPLE:c2lnbmF0dXJl", KindMissing, missing},
		{"aws4-hmac-sha256 " + c, KindMissing, missing},
		{"AWS4-HMAC-SHA256", KindIncomplete, "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
			"Authorization header requires 'SignedHeaders' parameter. " + hashed("AWS4-HMAC-SHA256")},
		{pairs("Foo=Bar", c, h), KindIncomplete, "Authorization header requires 'Signature' parameter. " + hashed(pairs("Foo=Bar", c, h))},
		{pairs("Credential=", h, s), KindIncomplete, "Authorization header requires 'Credential' parameter. " + hashed(pairs("Credential=", h, s))},
		{pairs(c, h, s, "Foo=Bar"), KindIncomplete, "Found an unknown parameter in the 'Authorization' header."},
		{pairs(c, h, s, s), KindAmbiguous, "Found a parameter more than once in the 'Authorization' header."},
		{pairs("Credential=", c, h, s), KindAmbiguous, "Found a parameter more than once in the 'Authorization' header."},
		{pairs(c, h, s, ""), KindIncomplete, pair(pairs(c, h, s, ""))},
		{pairs(c, h, "Signature"), KindIncomplete, pair(pairs(c, h, "Signature"))},
		{pairs("Credential= " + testCredential), KindIncomplete, pair(pairs("Credential= " + testCredential))},
		{"AWS4-HMAC-SHA256 " + c + " " + h + " " + s, KindIncomplete, pair("AWS4-HMAC-SHA256 " + c + " " + h + " " + s)},
		{"AWS4-HMAC-SHA512 " + c + "," + h + "," + s, KindIncomplete, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'."},
		{pairs("Credential=AKIDEXAMPLE", h, s), KindIncomplete, five("AKIDEXAMPLE")},
		{pairs(c+"/", h, s), KindIncomplete, five(testCredential + "/")},
		{pairs("Credential=/20150830/us-east-1/kms/aws4_request", h, s), KindIncomplete, five("/20150830/us-east-1/kms/aws4_request")},
		{pairs("Credential=A/20150830//kms/aws4_request", h, s), KindIncomplete, five("A/20150830//kms/aws4_request")},
		{pairs("Credential=A\xff/20150830/r/kms/aws4_request", h, s), KindIncomplete, five("A?/20150830/r/kms/aws4_request")},
		{pairs(c, "SignedHeaders=x-amz-date", s), KindSignedHeaders, host},
		{pairs(c, "SignedHeaders=x-amz-date;host", s), KindSignedHeaders, list},
		{pairs(c, "SignedHeaders=host;host", s), KindSignedHeaders, list},
		{pairs(c, "SignedHeaders=host;", s), KindSignedHeaders, list},
		{pairs(c, "SignedHeaders=;host", s), KindSignedHeaders, list},
		{pairs(c, "SignedHeaders=Host", s), KindSignedHeaders, list},
		{pairs(c, "SignedHeaders=authorization;host", s), KindSignedHeaders, list},
		{pairs(c, "SignedHeaders=host;x:y", s), KindSignedHeaders, list},
		{pairs(c, "SignedHeaders=a"+strings.Repeat("b", maxHeaderName)+";host", s), KindSignedHeaders, list},
		{pairs(c, h+strings.Repeat(";x-amz-e", maxSignedHeaders/8), s), KindIncomplete, "The list of 'SignedHeaders' is too long."},
		{pairs("Credential="+strings.Repeat("A", maxCredential)+testCredential, h, s), KindIncomplete, "The 'Credential' is too long."},
		{pairs(c, h, s+strings.Repeat("a", maxAuthorization)), KindIncomplete, "The 'Authorization' header is too long."},
	}
	for _, tt := range tests {
		wantError(t, tt.authorization, headerRequest(tt.authorization), &Error{tt.kind, tt.message})
	}
	wantError(t, "no header", headerRequest(), &Error{KindMissing, missing})
	wantError(t, "two headers", headerRequest(pairs(c, h, s), pairs(c, h, s)),
		&Error{KindAmbiguous, "Found more than one 'Authorization' as HTTP header."})
}

func wantError(t *testing.T, what string, r *Request, want *Error) {
	t.Helper()
	s, err := Parse(r)
	var got *Error
	if !errors.As(err, &got) {
		t.Errorf("%.200s: error = %v (%T), want %v", what, err, err, want)
		return
	}
	if s != nil {
		t.Errorf("%.200s: Parse returned a signature beside the error", what)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%.200s (-want +got):\n%s", what, diff)
	}
}

func TestParseDates(t *testing.T) {
	const authorization = "AWS4-HMAC-SHA256 Credential=" + testCredential + ", SignedHeaders=date;host, Signature=" + testSignature
	bad := func(text string) string {
		return "Date must be in ISO-8601 'basic format'. Got '" + text + "'. See http://en.wikipedia.org/wiki/ISO_8601"
	}
	tests := []struct {
		name        string
		amzDate     []string
		date        []string
		wantStamp   string
		wantMessage string
	}{
		{"X-Amz-Date", []string{"20150830T123600Z"}, nil, "20150830T123600Z", ""},
		{"X-Amz-Date before Date", []string{"20150830T123600Z"}, []string{"Mon, 31 Aug 2015 12:36:00 GMT"}, "20150830T123600Z", ""},
		{"Date, basic format", nil, []string{"20150830T123600Z"}, "20150830T123600Z", ""},
		{"Date, RFC 9110", nil, []string{"Sun, 30 Aug 2015 12:36:00 GMT"}, "20150830T123600Z", ""},
		{"Date, RFC 850", nil, []string{"Sunday, 30-Aug-15 12:36:00 GMT"}, "20150830T123600Z", ""},
		{"none", nil, nil, "", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. " +
			"(Hashed with SHA-256 and encoded with Base64) Authorization=" + fingerprint(authorization)},
		{"empty", []string{""}, nil, "", bad("")},
		{"extended format", []string{"2015-08-30T12:36:00Z"}, nil, "", bad("2015-08-30T12:36:00Z")},
		{"X-Amz-Date, RFC 9110", []string{"Sun, 30 Aug 2015 12:36:00 GMT"}, nil, "", bad("Sun, 30 Aug 2015 12:36:00 GMT")},
		{"zone", []string{"20150830T123600+0000"}, nil, "", bad("20150830T123600+0000")},
		{"no such day", []string{"20150231T123600Z"}, nil, "", bad("20150231T123600Z")},
		{"no such hour", []string{"20150830T243600Z"}, nil, "", bad("20150830T243600Z")},
		{"fraction", []string{"20150830T123600.5Z"}, nil, "", bad("20150830T123600.5Z")},
		{"long", []string{strings.Repeat("2", 500)}, nil, "", bad(strings.Repeat("2", 128))},
		{"two", []string{"20150830T123600Z", "20150830T123600Z"}, nil, "", "Found more than one 'X-Amz-Date' as HTTP header."},
		{"two Date", nil, []string{"20150830T123600Z", "20150830T123600Z"}, "", "Found more than one 'Date' as HTTP header."},
	}
	for _, tt := range tests {
		r := headerRequest(authorization)
		r.Header["X-Amz-Date"], r.Header["Date"] = tt.amzDate, tt.date
		s, err := Parse(r)
		var e *Error
		if errors.As(err, &e); err != nil && e.Message != tt.wantMessage || err == nil && tt.wantMessage != "" {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.wantMessage)
		}
		if err == nil && (s.stamp != tt.wantStamp || s.Time.Format(stampLayout) != tt.wantStamp) {
			t.Errorf("%s: time = %s, %v, want %s", tt.name, s.stamp, s.Time, tt.wantStamp)
		}
	}
}

func TestParseSessionTokenHeader(t *testing.T) {
	const authorization = "AWS4-HMAC-SHA256 Credential=" + testCredential + ", SignedHeaders=host, Signature=" + testSignature
	r := headerRequest(authorization)
	r.Header.Set("X-Amz-Security-Token", "token")
	s, err := Parse(r)
	if err != nil || s.SessionToken != "token" {
		t.Errorf("Parse = %+v, %v", s, err)
	}
	r.Header.Add("X-Amz-Security-Token", "token")
	wantError(t, "two tokens", r, &Error{KindAmbiguous, "Found more than one 'X-Amz-Security-Token' as HTTP header."})
	r.Header.Set("X-Amz-Security-Token", strings.Repeat("t", maxToken+1))
	wantError(t, "long token", r, &Error{KindIncomplete, "The 'X-Amz-Security-Token' header is too long."})
}

func TestParseSizes(t *testing.T) {
	for _, r := range []*Request{
		{Method: strings.Repeat("M", maxMethod+1)},
		{Host: strings.Repeat("h", maxHost+1)},
		{Path: "/" + strings.Repeat("p", maxPath)},
		{Path: "*"},
		{RawQuery: strings.Repeat("q", maxQuery+1)},
	} {
		var e *Error
		if _, err := Parse(r); !errors.As(err, &e) || e.Kind != KindIncomplete {
			t.Errorf("error = %v, want KindIncomplete", err)
		}
	}
}

func TestSigned(t *testing.T) {
	s := &Signature{SignedHeaders: "host;x-amz-date"}
	for name, want := range map[string]bool{"host": true, "x-amz-date": true, "x-amz": false, "date": false, "": false, "host;x-amz-date": false} {
		if got := s.Signed(name); got != want {
			t.Errorf("Signed(%q) = %v", name, got)
		}
	}
}
