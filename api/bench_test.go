package api

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"ostiary.dev/audit"
)

// sink is the least that a ResponseWriter can be.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

func benchWorld(b *testing.B) *world {
	w := newWorld(b)
	w.Server.log = slog.New(slog.DiscardHandler)
	return w
}

// benchmark measures a signed call through ServeHTTP, with a device in software and records that go nowhere.
func benchmark(b *testing.B, w *world, r *http.Request) {
	b.Helper()
	service := "kms"
	if r.Header.Get("X-Amz-Target") == "" {
		service = "sts"
	}
	wire := raw(b, w.sign(r, service, home))
	in, err := received(wire)
	if err != nil {
		b.Fatal(err)
	}
	payload, err := io.ReadAll(in.Body)
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.NewReader(payload)
	in.Body = io.NopCloser(body)
	w.Server.audit, w.Server.observer = nowhere{}, nowhere{}
	out := &sink{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(payload)
		clear(out.header)
		w.ServeHTTP(out, in)
	}
	if out.status != http.StatusOK {
		b.Fatalf("status %d", out.status)
	}
}

func BenchmarkEncrypt(b *testing.B) {
	w := benchWorld(b)
	benchmark(b, w, jsonRequest("Encrypt", `{"KeyId":"`+w.key()+`","Plaintext":"`+plaintext+`","EncryptionContext":{"app":"bench","id":"1"}}`))
}

func BenchmarkDecrypt(b *testing.B) {
	w := benchWorld(b)
	blob := field(b, w.call("Encrypt", encryptBody(w.key())).Body.String(), "CiphertextBlob")
	benchmark(b, w, jsonRequest("Decrypt", `{"CiphertextBlob":"`+blob+`"}`))
}

func BenchmarkGenerateDataKey(b *testing.B) {
	w := benchWorld(b)
	benchmark(b, w, jsonRequest("GenerateDataKey", `{"KeyId":"`+w.key()+`","KeySpec":"AES_256"}`))
}

func BenchmarkDescribeKey(b *testing.B) {
	w := benchWorld(b)
	benchmark(b, w, jsonRequest("DescribeKey", `{"KeyId":"`+w.key()+`"}`))
}

func BenchmarkGetCallerIdentity(b *testing.B) { benchmark(b, benchWorld(b), formRequest(whoAmI)) }

// nowhere is an audit log and an observer that forget.
type nowhere struct{}

func (nowhere) Write(context.Context, *audit.Record) error           { return nil }
func (nowhere) Unauthenticated(context.Context, *audit.Record) error { return nil }
func (nowhere) Request(string, string, string, time.Duration)        {}
