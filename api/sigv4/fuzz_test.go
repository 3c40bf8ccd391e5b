package sigv4

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// Whatever comes in, Parse and Verify answer with a typed error or with a signature that holds what its fields promise, and no
// request passes that was not signed with the key. What was parsed and is then signed passes.
func FuzzParseVerify(f *testing.F) {
	r := kmsCall()
	sign(f, r, "kms", testHeaders, kmsKey())
	f.Add("POST", "/", "", "kms.example.com", r.Header.Get("Authorization"), "20150830T123600Z", "", r.Body)
	f.Add("GET", "/a/../b", presignedQuery(), "sts.example.com", "", "", "", []byte(nil))
	f.Add("GET", "//", "a=%20&a=+&b", "h", "AWS4-HMAC-SHA256 Credential=a/20150830/c/d/e,Signature=s,SignedHeaders=host;x-extra",
		"Sun, 30 Aug 2015 12:36:00 GMT", " x  y ", []byte("b"))
	f.Fuzz(func(t *testing.T, method, path, query, host, authorization, date, extra string, body []byte) {
		h := http.Header{"X-Extra": {extra}, "X-Amz-Date": {date}}
		if authorization != "" {
			h.Set("Authorization", authorization)
		}
		r := &Request{Method: method, Path: path, RawQuery: query, Host: host, Header: h, Body: body}
		s, err := Parse(r)
		if err != nil {
			wantTyped(t, err)
			return
		}
		if !isSound(s) {
			t.Fatalf("Parse = %+v", s)
		}
		key := [32]byte{1, 2, 3}
		rules := Rules{}
		err = s.Verify(r, key, s.Time, rules)
		if err == nil {
			t.Fatalf("Verify accepts %+v", r)
		}
		wantTyped(t, err)

		hash := sha256.Sum256(body)
		canonical, canonicalErr := s.appendRequest(nil, r, &hash, &rules)
		if canonicalErr != nil || s.Check(s.Time, rules) != nil || s.checkPayload(r, &hash) != nil {
			return
		}
		hash = sha256.Sum256(canonical)
		signature := s.sign(&key, &hash)
		s.signature = string(signature[:])
		if err := s.Verify(r, key, s.Time, rules); err != nil {
			t.Fatalf("Verify of a right signature: %v", err)
		}
	})
}

func wantTyped(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind.String() == "unknown" || e.Message == "" || len(e.Message) > 2<<10 {
		t.Fatalf("error = %#v", err)
	}
}

func isSound(s *Signature) bool {
	parts := []string{s.AccessKeyID, s.Date, s.Region, s.Service}
	for _, part := range parts {
		if part == "" || strings.ContainsFunc(part, func(c rune) bool { return c <= ' ' || c > '~' || c == '/' }) {
			return false
		}
	}
	return len(strings.Join(parts, "/")) <= maxCredential && s.Signed("host") && !s.Time.IsZero() && len(s.SessionToken) <= maxToken &&
		s.ExpiresIn >= 0 && s.ExpiresIn <= MaxExpires && s.Presigned == (s.ExpiresIn > 0)
}

// The canonical forms are fixed points, sorted, and hold nothing but what a canonical request may hold.
func FuzzCanonical(f *testing.F) {
	f.Add("/a/./b/../c//", "b=1&a=%2f+&X-Amz-Signature=x&&c")
	f.Add("/../..", "a=b=c&a=%C3%BC")
	f.Fuzz(func(t *testing.T, path, query string) {
		if path == "" || path[0] != '/' {
			return
		}
		canonical := appendPath(nil, path, false)
		for _, bad := range []string{"//", "/./", "/../", "\n", " "} {
			if bytes.Contains(canonical, []byte(bad)) {
				t.Errorf("path %q: %q", path, canonical)
			}
		}
		if canonical[0] != '/' {
			t.Errorf("path %q: %q", path, canonical)
		}
		once, err := appendQuery(nil, query, false, false)
		if err != nil {
			return
		}
		twice, err := appendQuery(nil, string(once), false, false)
		if err != nil || !bytes.Equal(once, twice) || bytes.ContainsAny(once, "\n +") {
			t.Errorf("query %q: %q, then %q, %v", query, once, twice, err)
		}
	})
}
