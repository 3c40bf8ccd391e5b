package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Content types of the two protocols.
const (
	jsonType = "application/x-amz-json-1.1"
	formType = "application/x-www-form-urlencoded; charset=utf-8"
)

// userAgent has the length and look of an SDK's.
const userAgent = "aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26 md/GOOS#linux md/GOARCH#amd64 api/kms#1.62.4 m/E"

// request is a call to be signed.
type request struct {
	Service string // such as kms
	Target  string // X-Amz-Target; empty for the Query protocol
	Body    string
}

// identity is whoever signs.
type identity struct {
	AccessKeyID, Secret, Region string
}

// sign gives the bytes of an HTTP/1.1 request to host, signed by Signature Version 4 in headers.
func sign(r request, id identity, host string, now time.Time) []byte {
	stamp := now.UTC().Format("20060102T150405Z")
	date := stamp[:8]
	type header struct{ name, value string }
	headers := []header{ // in the order of signing
		{"amz-sdk-invocation-id", "5a1b2c3d-0000-1111-2222-333344445555"},
		{"amz-sdk-request", "attempt=1; max=3"},
		{"content-length", fmt.Sprint(len(r.Body))},
		{"content-type", formType},
		{"host", host},
		{"x-amz-date", stamp},
	}
	if r.Target != "" {
		headers[3].value = jsonType
		headers = append(headers, header{"x-amz-target", r.Target})
	}
	var canonical, wire strings.Builder
	names := make([]string, len(headers))
	canonical.WriteString("POST\n/\n\n")
	wire.WriteString("POST / HTTP/1.1\r\nUser-Agent: " + userAgent + "\r\nAccept-Encoding: identity\r\n")
	for i, h := range headers {
		names[i] = h.name
		canonical.WriteString(h.name + ":" + h.value + "\n")
		wire.WriteString(h.name + ": " + h.value + "\r\n")
	}
	signed := strings.Join(names, ";")
	canonical.WriteString("\n" + signed + "\n" + hexHash(r.Body))

	scope := date + "/" + id.Region + "/" + r.Service + "/aws4_request"
	key := []byte("AWS4" + id.Secret)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	signature := mac(key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hexHash(canonical.String()))
	fmt.Fprintf(&wire, "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s\r\n\r\n%s",
		id.AccessKeyID, scope, signed, hex.EncodeToString(signature), r.Body)
	return []byte(wire.String())
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

func hexHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
