package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const vectorFolder = "../../fixtures/sigv4/v4"

// vectorContext is a vector's context.json.
type vectorContext struct {
	Credentials struct {
		AccessKeyID     string `json:"access_key_id"`
		SecretAccessKey string `json:"secret_access_key"`
		Token           string `json:"token"`
	} `json:"credentials"`
	Expiration       int       `json:"expiration_in_seconds"`
	Normalize        bool      `json:"normalize"`
	Region           string    `json:"region"`
	Service          string    `json:"service"`
	SignBody         bool      `json:"sign_body"`
	Timestamp        time.Time `json:"timestamp"`
	OmitSessionToken bool      `json:"omit_session_token"`
}

func (c *vectorContext) rules() Rules {
	return Rules{Service: c.Service, Regions: []string{c.Region}, RawPath: !c.Normalize, UnsignedToken: c.OmitSessionToken}
}

func (c *vectorContext) key() [32]byte {
	return DeriveKey([]byte(c.Credentials.SecretAccessKey), c.Timestamp.Format("20060102"), c.Region, c.Service)
}

func TestVectors(t *testing.T) {
	folders, err := os.ReadDir(vectorFolder)
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) != 38 {
		t.Errorf("%d vectors, want 38", len(folders))
	}
	for _, folder := range folders {
		for _, form := range []string{"header", "query"} {
			t.Run(folder.Name()+"/"+form, func(t *testing.T) { testVector(t, filepath.Join(vectorFolder, folder.Name()), form) })
		}
	}
}

func testVector(t *testing.T, folder, form string) {
	c := readContext(t, folder)
	file := func(name string) string { return readFile(t, filepath.Join(folder, form+"-"+name+".txt")) }
	r := parseRaw(t, file("signed-request"))
	s, err := Parse(r)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	got := Signature{AccessKeyID: s.AccessKeyID, Date: s.Date, Region: s.Region, Service: s.Service, Time: s.Time,
		SessionToken: s.SessionToken, Presigned: s.Presigned, ExpiresIn: s.ExpiresIn}
	want := Signature{AccessKeyID: c.Credentials.AccessKeyID, Date: "20150830", Region: c.Region, Service: c.Service,
		Time: c.Timestamp, SessionToken: c.Credentials.Token, Presigned: form == "query"}
	if form == "query" {
		want.ExpiresIn = time.Duration(c.Expiration) * time.Second
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Signature{})); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}

	rules := c.rules()
	hash := sha256.Sum256(r.Body)
	canonical, err := s.appendRequest(nil, r, &hash, &rules)
	if err != nil {
		t.Fatalf("canonical request: %v", err)
	}
	if diff := cmp.Diff(file("canonical-request"), string(canonical)); diff != "" {
		t.Errorf("canonical request (-want +got):\n%s", diff)
	}
	hash = sha256.Sum256(canonical)
	if diff := cmp.Diff(file("string-to-sign"), string(s.appendStringToSign(nil, &hash))); diff != "" {
		t.Errorf("string to sign (-want +got):\n%s", diff)
	}
	key := c.key()
	if signature := s.sign(&key, &hash); file("signature") != string(signature[:]) {
		t.Errorf("signature = %s, want %s", signature, file("signature"))
	}
	if err := s.Verify(r, key, c.Timestamp, rules); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if s.Verify(r, DeriveKey([]byte("another secret"), "20150830", c.Region, c.Service), c.Timestamp, rules) == nil {
		t.Error("Verify accepts another key")
	}
	r.Body = append(r.Body, 'x')
	if s.Verify(r, key, c.Timestamp, rules) == nil {
		t.Error("Verify accepts another body")
	}
}

func readContext(t testing.TB, folder string) *vectorContext {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(readFile(t, filepath.Join(folder, "context.json"))))
	decoder.DisallowUnknownFields()
	var c vectorContext
	if err := decoder.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return &c
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// parseRaw reads a request as the vectors write it, with line feeds only. net/http would refuse some of them: they have
// spaces in the path.
func parseRaw(t testing.TB, raw string) *Request {
	t.Helper()
	line, rest, _ := strings.Cut(raw, "\n")
	method, target, ok := strings.Cut(line, " ")
	target, ok2 := strings.CutSuffix(target, " HTTP/1.1")
	if !ok || !ok2 {
		t.Fatalf("request line %q", line)
	}
	r := &Request{Method: method}
	r.Path, r.RawQuery, _ = strings.Cut(target, "?")
	head, body, _ := strings.Cut(rest, "\n\n")
	// textproto joins folded lines as HTTP/1.1 used to prescribe.
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(head + "\n\n"))).ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header(header)
	r.Host = r.Header.Get("Host")
	r.Header.Del("Host")
	r.Body = bytes.Clone([]byte(body))
	return r
}
