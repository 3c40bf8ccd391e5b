package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// receive starts a server that hands over each request as net/http gives it to a handler, and returns the server's URL and what
// the handler saw.
func receive(t *testing.T, http2 bool) (*httptest.Server, func(*http.Request) Request) {
	t.Helper()
	seen := make(chan Request, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		seen <- FromHTTP(r, body)
	}))
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, func(r *http.Request) Request {
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return <-seen
	}
}

func bodyHash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

var sdkCredentials = aws.Credentials{AccessKeyID: testKeyID, SecretAccessKey: testSecret, SessionToken: "session/to+ken=="}

// verifySDK checks a request that the SDK signed, and that the same request with one more byte of body is refused.
func verifySDK(t *testing.T, r Request, rules Rules, now time.Time) *Signature {
	t.Helper()
	s, err := Parse(&r)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	key := DeriveKey([]byte(testSecret), s.Date, s.Region, s.Service)
	if err := s.Verify(&r, key, now, rules); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if s.SessionToken != sdkCredentials.SessionToken {
		t.Errorf("token = %q", s.SessionToken)
	}
	r.Body = append(r.Body, ' ')
	wantKind(t, "changed body", s.Verify(&r, key, now, rules), KindMismatch)
	return s
}

func TestSDKHeaderForm(t *testing.T) {
	now := time.Now()
	for _, http2 := range []bool{false, true} {
		server, send := receive(t, http2)
		for _, target := range []string{"/", "", "/?b=2&a=x%20y&a=%2B&c", "/a%20b/c%2Fd/", "//double//slash", "/ü?ü=é;"} {
			body := `{"KeyId":"alias/app"}`
			r, err := http.NewRequest("POST", server.URL+target, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			r.Header.Set("X-Amz-Target", "TrentService.DescribeKey")
			r.Header.Set("X-Amz-Folded", "  several   spaces ")
			r.Header.Add("Several-Values", "b")
			r.Header.Add("Several-Values", "a")
			signer := v4.NewSigner()
			if err := signer.SignHTTP(context.Background(), sdkCredentials, r, bodyHash(body), "kms", "eu-west-1", now); err != nil {
				t.Fatal(err)
			}
			t.Run(r.Proto+target, func(t *testing.T) {
				got := send(r)
				if strings.Contains(target, "//") {
					// The SDK signs such a path as it is, whatever the service; AWS normalises it. Only the raw rule fits.
					verifySDK(t, got, Rules{RawPath: true}, now)
					return
				}
				s := verifySDK(t, got, Rules{Service: "kms", Regions: []string{"eu-west-1"}}, now)
				for _, name := range []string{"content-length", "content-type", "host", "several-values", "x-amz-security-token"} {
					if !s.Signed(name) {
						t.Errorf("the SDK did not sign %s, so that the test does not cover it", name)
					}
				}
			})
		}
	}
}

func TestSDKPresigned(t *testing.T) {
	now := time.Now()
	server, send := receive(t, false)
	r, err := http.NewRequest("GET", server.URL+"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	// As Kubernetes clients sign: a header of their own names the cluster.
	r.Header.Set("X-K8s-Aws-Id", "cluster")
	uri, header, err := v4.NewSigner().PresignHTTP(context.Background(), sdkCredentials, r, bodyHash(""), "sts", "us-east-1", now)
	if err != nil {
		t.Fatal(err)
	}
	presigned, err := http.NewRequest("GET", uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	presigned.Header = header
	presigned.Header.Del("Host")
	s := verifySDK(t, send(presigned), Rules{Service: "sts"}, now)
	if !s.Presigned || s.ExpiresIn != time.Minute || !s.Signed("x-k8s-aws-id") {
		t.Errorf("signature = %+v", s)
	}
	got := send(presigned)
	wantKind(t, "expired", s.Verify(&got, DeriveKey([]byte(testSecret), s.Date, s.Region, s.Service), now.Add(62*time.Second), Rules{}), KindExpired)
}

func TestSDKPresignedWithoutExpires(t *testing.T) {
	now := time.Now()
	server, send := receive(t, false)
	r, err := http.NewRequest("POST", server.URL+"/", strings.NewReader("Action=GetCallerIdentity&Version=2011-06-15"))
	if err != nil {
		t.Fatal(err)
	}
	uri, header, err := v4.NewSigner().PresignHTTP(context.Background(), sdkCredentials, r, bodyHash("Action=GetCallerIdentity&Version=2011-06-15"), "sts", "us-east-1", now)
	if err != nil {
		t.Fatal(err)
	}
	if r.URL, err = url.Parse(uri); err != nil {
		t.Fatal(err)
	}
	r.Header = header
	r.Header.Del("Host")
	if s := verifySDK(t, send(r), Rules{Service: "sts"}, now); s.ExpiresIn != MaxSkew {
		t.Errorf("life = %v, want %v", s.ExpiresIn, MaxSkew)
	}
}

func TestFromHTTP(t *testing.T) {
	tests := []struct{ target, path, query string }{
		{"/", "/", ""},
		{"/a%2fb?c=%20&d", "/a%2fb", "c=%20&d"},
		{"/a?b?c", "/a", "b?c"},
		{"http://kms.example.com/a?b", "/a", "b"},
		{"http://kms.example.com?b", "", "b"},
		{"http://kms.example.com", "/", ""},
		{"*", "*", ""},
	}
	for _, tt := range tests {
		raw := "POST " + tt.target + " HTTP/1.1\r\nHost: kms.example.com\r\nTransfer-Encoding: chunked\r\nX-Amz-Date: d\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			t.Fatal(err)
		}
		got := FromHTTP(r, []byte("hi"))
		if got.Method != "POST" || got.Path != tt.path || got.RawQuery != tt.query || got.Host != "kms.example.com" ||
			got.Header.Get("X-Amz-Date") != "d" || len(got.TransferEncoding) != 1 || !bytes.Equal(got.Body, []byte("hi")) {
			t.Errorf("%s: %+v", tt.target, got)
		}
	}
}
