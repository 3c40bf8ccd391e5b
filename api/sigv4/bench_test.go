package sigv4

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// typicalCall is a KMS Encrypt call as aws-sdk-go-v2 sends it, with a body of 300 bytes.
func typicalCall() *Request {
	return &Request{
		Method: "POST", Path: "/", Host: "kms.us-east-1.example.com:8443",
		Header: http.Header{
			"Accept-Encoding":       {"identity"},
			"Amz-Sdk-Invocation-Id": {"f2c1d1d4-3a0e-4d47-9d55-8a9c1c1bb5ab"},
			"Amz-Sdk-Request":       {"attempt=1; max=3"},
			"Content-Length":        {"300"},
			"Content-Type":          {"application/x-amz-json-1.1"},
			"User-Agent":            {"aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26 md/GOOS#linux md/GOARCH#amd64 api/kms#1.62.4"},
			"X-Amz-Date":            {"20250830T123600Z"},
			"X-Amz-Target":          {"TrentService.Encrypt"},
		},
		Body: fmt.Appendf(nil, "%-300s", `{"KeyId":"alias/app","Plaintext":"c2VjcmV0"}`),
	}
}

const typicalHeaders = "amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-date;x-amz-target"

func BenchmarkParseVerify(b *testing.B) {
	now := time.Date(2025, 8, 30, 12, 36, 0, 0, time.UTC)
	key := DeriveKey([]byte("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), "20250830", "us-east-1", "kms")
	r := typicalCall()
	sign(b, r, "kms", typicalHeaders, key)
	rules := Rules{Service: "kms", Regions: []string{"eu-west-1", "us-east-1"}}
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Verify(r, key, now, rules); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeriveKey(b *testing.B) {
	secret := []byte("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
	b.ReportAllocs()
	for b.Loop() {
		DeriveKey(secret, "20250830", "us-east-1", "kms")
	}
}
