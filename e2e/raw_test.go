package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	jsonType = "application/x-amz-json-1.1"
	formType = "application/x-www-form-urlencoded; charset=utf-8"
)

// rawCall is a request in all its parts. Its zero value is a signed POST to / without body.
type rawCall struct {
	method, path, query string
	header              map[string]string
	body                string

	service, region string            // of the credential scope: kms and us-east-1 if empty
	credentials     *aws.Credentials  // the administrator's if nil
	signedAt        time.Duration     // from now
	payloadHash     string            // in place of the body's
	unsigned        bool              // no signature at all
	after           func(*rawRequest) // changes the request once it is signed
}

// rawRequest is a request that is ready to be sent.
type rawRequest struct {
	*http.Request
	body string
}

// jsonCall is a call of KMS.
func jsonCall(operation, body string) rawCall {
	return rawCall{body: body, header: map[string]string{"X-Amz-Target": "TrentService." + operation, "Content-Type": jsonType}}
}

// queryCall is a call of STS.
func queryCall(form string) rawCall {
	return rawCall{body: form, service: "sts", header: map[string]string{"Content-Type": formType}}
}

// sign makes the request of a call.
func (s *server) sign(ctx context.Context, c rawCall) *rawRequest {
	s.t.Helper()
	or := func(v, usual string) string {
		if v == "" {
			return usual
		}
		return v
	}
	url := s.env["AWS_ENDPOINT_URL"] + or(c.path, "/")
	if c.query != "" {
		url += "?" + c.query
	}
	r, err := http.NewRequestWithContext(ctx, or(c.method, http.MethodPost), url, strings.NewReader(c.body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	who := s.credentials()
	if c.credentials != nil {
		who = *c.credentials
	}
	sum := sha256.Sum256([]byte(c.body))
	hash := or(c.payloadHash, hex.EncodeToString(sum[:]))
	if !c.unsigned {
		if err := v4.NewSigner().SignHTTP(ctx, who, r, hash, or(c.service, "kms"), or(c.region, "us-east-1"), time.Now().Add(c.signedAt)); err != nil {
			s.t.Fatal(err)
		}
	}
	raw := &rawRequest{Request: r, body: c.body}
	if c.after != nil {
		c.after(raw)
	}
	raw.Body = io.NopCloser(strings.NewReader(raw.body))
	raw.ContentLength = int64(len(raw.body))
	return raw
}

// answer is a response as it came.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send signs and sends a call.
func (s *server) send(t testing.TB, client *http.Client, c rawCall) answer {
	t.Helper()
	out, err := client.Do(s.sign(t.Context(), c).Request)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{out.StatusCode, out.Header, body}
}

// protocol is how an error is written.
type protocol int

const (
	inJSON protocol = iota
	inXML
)

// wireError is an error as a client reads it.
type wireError struct {
	status   int
	protocol protocol
	code     string
	message  string // "*" stands for any that is not empty
}

var requestID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// check demands that the answer is the error, and whole: what every AWS answer has, in the right protocol. It returns the request id.
func (a answer) check(t *testing.T, want wireError) string {
	t.Helper()
	id := a.header.Get("X-Amzn-Requestid")
	if !requestID.MatchString(id) {
		t.Errorf("x-amzn-RequestId = %q", id)
	}
	if date, err := http.ParseTime(a.header.Get("Date")); err != nil || time.Since(date).Abs() > time.Minute {
		t.Errorf("Date = %q", a.header.Get("Date"))
	}
	if got := a.header.Get("X-Amzn-Errortype"); got != want.code {
		t.Errorf("X-Amzn-ErrorType = %q, want %q", got, want.code)
	}
	var code, message string
	if want.protocol == inJSON {
		code, message = a.readJSON(t)
	} else {
		code, message = a.readXML(t, id)
	}
	if a.status != want.status || code != want.code || message != want.message && (want.message != "*" || message == "") {
		t.Errorf("answer is %d %s: %s\nwant %d %s: %s", a.status, code, message, want.status, want.code, want.message)
	}
	return id
}

func (a answer) readJSON(t *testing.T) (code, message string) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != jsonType {
		t.Errorf("Content-Type = %q", got)
	}
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		t.Errorf("the body is no JSON error: %v: %q", err, a.body)
	}
	return e.Type, e.Message
}

func (a answer) readXML(t *testing.T, id string) (code, message string) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "text/xml" {
		t.Errorf("Content-Type = %q", got)
	}
	var e struct {
		XMLName xml.Name `xml:"ErrorResponse"`
		Error   struct {
			Type, Code, Message string
		}
		RequestID string `xml:"RequestId"`
	}
	if err := xml.Unmarshal(a.body, &e); err != nil {
		t.Errorf("the body is no XML error: %v: %q", err, a.body)
	}
	if e.RequestID != id {
		t.Errorf("RequestId in the body = %q, in the header %q", e.RequestID, id)
	}
	if kind := map[bool]string{true: "Sender", false: "Receiver"}[a.status < 500]; e.Error.Type != kind {
		t.Errorf("Type = %q, want %q", e.Error.Type, kind)
	}
	return e.Error.Code, e.Error.Message
}
