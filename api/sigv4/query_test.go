package sigv4

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseQueryForm(t *testing.T) {
	want := &Signature{
		AccessKeyID: "AKIDEXAMPLE", Date: "20150830", Region: "us-east-1", Service: "sts", SignedHeaders: "host;x-k8s-aws-id",
		Time: time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC), stamp: "20150830T123600Z", SessionToken: "to+ken",
		scope: "20150830/us-east-1/sts/aws4_request", last: "aws4_request", signature: testSignature,
		Presigned: true, ExpiresIn: time.Minute,
	}
	for name, query := range map[string]string{
		"plain":             presignedQuery(),
		"list not escaped":  presignedQuery("%3B", ";", "%2F", "/"),
		"lower-case escape": presignedQuery("%2F", "%2f"),
		"escaped name":      presignedQuery("X-Amz-Algorithm", "X%2DAmz-Algorithm"),
		"empty parameters":  "&&" + presignedQuery() + "&",
	} {
		got, err := Parse(queryRequest(query))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Signature{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseQueryFormErrors(t *testing.T) {
	must := func(name string) string { return "AWS query-string parameters must include '" + name + "'. " }
	const again = "Re-examine the query-string parameters."
	week := "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"
	tests := []struct {
		name, query string
		kind        Kind
		message     string
	}{
		{"none", "Action=GetCallerIdentity", KindMissing, "Request is missing Authentication Token"},
		{"no algorithm", presignedQuery("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""), KindMissing, "Request is missing Authentication Token"},
		{"lower-case name", presignedQuery("X-Amz-Algorithm", "x-amz-algorithm"), KindMissing, "Request is missing Authentication Token"},
		{"algorithm only", "X-Amz-Algorithm", KindIncomplete, must("X-Amz-Algorithm") + must("X-Amz-Credential") +
			must("X-Amz-Signature") + must("X-Amz-SignedHeaders") + must("X-Amz-Date") + again},
		{"no date", presignedQuery("X-Amz-Date", "X-Amz-Dat"), KindIncomplete, must("X-Amz-Date") + again},
		{"empty signature", presignedQuery(testSignature, ""), KindIncomplete, must("X-Amz-Signature") + again},
		{"other algorithm", presignedQuery("SHA256", "SHA1"), KindIncomplete, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'."},
		{"HTTP date is for headers", presignedQuery("20150830T123600Z", "Sun,+30+Aug+2015+12:36:00+GMT"), KindIncomplete,
			"Date must be in ISO-8601 'basic format'. Got 'Sun, 30 Aug 2015 12:36:00 GMT'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"host not signed", presignedQuery("host%3B", ""), KindSignedHeaders, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"duplicate", presignedQuery() + "&X-Amz-Date=20150830T123600Z", KindAmbiguous, "Found more than one 'X-Amz-Date' as a query-string param."},
		{"duplicate, escaped", presignedQuery() + "&X%2dAmz%2DSignature=x", KindAmbiguous, "Found more than one 'X-Amz-Signature' as a query-string param."},
		{"bad escape", presignedQuery("%3B", "%3"), KindIncomplete, "Illegal hex character in escape % pattern: %3x"},
		{"cut escape", presignedQuery() + "%3", KindIncomplete, "Incomplete trailing escape % sequence"},
		{"expires 0", presignedQuery("Expires=60", "Expires=0"), KindIncomplete, "X-Amz-Expires must be positive"},
		{"expires negative", presignedQuery("Expires=60", "Expires=-1"), KindIncomplete, "X-Amz-Expires should be a number"},
		{"expires plus", presignedQuery("Expires=60", "Expires=%2B60"), KindIncomplete, "X-Amz-Expires should be a number"},
		{"expires zeros", presignedQuery("Expires=60", "Expires=060"), KindIncomplete, "X-Amz-Expires should be a number"},
		{"expires empty", presignedQuery("Expires=60", "Expires="), KindIncomplete, "X-Amz-Expires should be a number"},
		{"expires after a week", presignedQuery("Expires=60", "Expires=604801"), KindIncomplete, week},
		{"expires huge", presignedQuery("Expires=60", "Expires=99999999999999999999"), KindIncomplete, "X-Amz-Expires should be a number"},
		{"long token", presignedQuery("to%2Bken", strings.Repeat("t", maxToken+1)), KindIncomplete, "The 'X-Amz-Security-Token' parameter is too long."},
	}
	for _, tt := range tests {
		wantError(t, tt.name, queryRequest(tt.query), &Error{tt.kind, tt.message})
	}
}

func TestParseExpires(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"&X-Amz-Expires=1": time.Second, "&X-Amz-Expires=604800": MaxExpires, "": MaxSkew,
	} {
		s, err := Parse(queryRequest(presignedQuery("&X-Amz-Expires=60", text)))
		if err != nil || s.ExpiresIn != want {
			t.Errorf("%q: %v, %v, want %v", text, s, err, want)
		}
	}
}

func TestParseBothForms(t *testing.T) {
	r := queryRequest(presignedQuery())
	r.Header.Set("Authorization", "Basic eDp5")
	wantError(t, "both forms", r, &Error{KindAmbiguous, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."})

	r = queryRequest(presignedQuery())
	r.Header.Set("X-Amz-Security-Token", "token")
	wantError(t, "token as a header", r, &Error{KindAmbiguous, "Found 'X-Amz-Security-Token' as HTTP header of a presigned request."})
}

func TestCanonicalQuery(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"", ""},
		{"a=b", "a=b"},
		{"a", "a="},
		{"=b", "=b"},
		{"&&", ""},
		{"b=1&a=2", "a=2&b=1"},
		{"a=2&a=1&a", "a=&a=1&a=2"},
		{"a-b=1&a=1&a.b=1", "a=1&a-b=1&a.b=1"}, // by name, not by what follows it
		{"a=b=c", "a=b%3Dc"},
		{"a=%7e%2F%2f", "a=~%2F%2F"},
		{"a=x+y%20z", "a=x%20y%20z"},
		{"a=\u1234;b", "a=%E1%88%B4%3Bb"},
		{"B=1&a=1&%41=1", "A=1&B=1&a=1"},
	}
	for _, tt := range tests {
		got, err := appendQuery(nil, tt.raw, false, false)
		if err != nil || string(got) != tt.want {
			t.Errorf("%q: %q, %v, want %q", tt.raw, got, err, tt.want)
		}
	}
	got, err := appendQuery(nil, "X-Amz-Signature=s&a=b&X-Amz-Security-Token=t", true, false)
	if want := "X-Amz-Security-Token=t&a=b"; err != nil || string(got) != want {
		t.Errorf("presigned: %q, %v, want %q", got, err, want)
	}
	for _, raw := range []string{"X-Amz-Foo=1&b&X-Amz-Foo=1", "X-Amz-Foo=1&X%2DAmz-Foo=2"} {
		if got, err := appendQuery(nil, raw, false, false); err == nil {
			t.Errorf("%q: %q, want an error", raw, got)
		}
	}
}

func TestCanonicalPath(t *testing.T) {
	tests := []struct{ path, want string }{
		{"", "/"},
		{"/", "/"},
		{"//", "/"},
		{"/a", "/a"},
		{"/a/", "/a/"},
		{"//a///b//", "/a/b/"},
		{"/./a/./", "/a/"},
		{"/a/..", "/"},
		{"/a/../", "/"},
		{"/a/b/../c", "/a/c"},
		{"/../../a", "/a"},
		{"/...", "/..."},
		{"/a%2Fb", "/a%252Fb"},
		{"/a b", "/a%20b"},
		{"/%2E%2E/a", "/%252E%252E/a"},
	}
	for _, tt := range tests {
		if got := string(appendPath(nil, tt.path, false)); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.path, got, tt.want)
		}
		// What precedes the path in the buffer must stay.
		if got := string(appendPath([]byte("GET/x\n"), tt.path, false)); got != "GET/x\n"+tt.want {
			t.Errorf("%q after a method: %q", tt.path, got)
		}
	}
	if got := string(appendPath(nil, "//a/../b%20", true)); got != "//a/../b%2520" {
		t.Errorf("raw path: %q", got)
	}
}
