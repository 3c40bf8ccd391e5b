package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
)

// TestMain lets the test binary play the program's roles, since it is what startSelf starts here.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && (os.Args[1] == echoRole || os.Args[1] == loadRole) {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestSignatureIsAWSs compares with the signature that AWS's own SDK makes.
func TestSignatureIsAWSs(t *testing.T) {
	now := time.Date(2026, 11, 22, 2, 45, 45, 0, time.UTC)
	id := identity{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-central-1"}
	for _, r := range []request{encrypt("1234abcd-12ab-34cd-56ef-1234567890ab"), getCallerIdentity(), listKeys("")} {
		raw := sign(r, id, "127.0.0.1:8443", now)
		got, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil || string(body) != r.Body {
			t.Fatalf("body %q, %v", body, err)
		}
		want := got.Clone(t.Context())
		want.URL.Host = got.Host
		want.Header.Del("Authorization")
		for _, unsigned := range []string{"User-Agent", "Accept-Encoding"} {
			want.Header.Del(unsigned)
		}
		sum := sha256.Sum256(body)
		creds := aws.Credentials{AccessKeyID: id.AccessKeyID, SecretAccessKey: id.Secret}
		if err := v4.NewSigner().SignHTTP(t.Context(), creds, want, hex.EncodeToString(sum[:]), r.Service, id.Region, now); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Header.Get("Authorization"), got.Header.Get("Authorization")); diff != "" {
			t.Error(diff)
		}
	}
}

func TestLoadOnEchoServer(t *testing.T) {
	echo, err := startEcho(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pid := echo.pid()
	s, err := echo.drive(t.Context(), job{Requests: []request{echoed()}, Connections: 4, WarmUp: 50 * time.Millisecond, Length: 300 * time.Millisecond})
	if err != nil {
		t.Error(err)
	}
	if s.Calls < 10 || s.Errors != 0 || s.cpu <= 0 || s.cpu > 100*time.Millisecond || s.P50 <= 0 || s.P99 < s.P50 || s.rate() <= 0 {
		t.Errorf("sample: %+v", s)
	}
	s, err = echo.drive(t.Context(), job{Requests: []request{echoed()}, Connections: 4, Length: time.Minute, Count: 40})
	if err != nil || s.Calls != 40 {
		t.Errorf("counted: %+v, %v", s, err)
	}
	if m, err := resident(pid); err != nil || m < 1<<20 {
		t.Errorf("resident: %d, %v", m, err)
	}
	if err := echo.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); !os.IsNotExist(err) {
		t.Errorf("the echo server is still there: %v", err)
	}
	if _, err := echo.drive(t.Context(), job{Requests: []request{echoed()}, Connections: 1}); err == nil {
		t.Error("load on a server that is gone succeeds")
	}
}

func TestEndsWhenTold(t *testing.T) {
	echo, err := startEcho(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := echo.drive(ctx, job{Requests: []request{echoed()}, Connections: 2, Length: time.Minute}); err == nil {
		t.Error("a load that was cut off gives a result")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v to end", took)
	}
	if err := echo.stop(); err != nil {
		t.Error(err)
	}
}

func TestFailedCallsAreCounted(t *testing.T) {
	w := &worker{}
	l := &load{job: job{Addr: "127.0.0.1:1", Length: time.Second}}
	w.call(t.Context(), l, nil)
	l.workers = []worker{*w}
	if r := l.collect(time.Second); r.Errors != 1 || r.Calls != 0 || r.FirstError == "" {
		t.Errorf("result: %+v", r)
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct{ name, answer, body, err string }{
		{"good", "HTTP/1.1 200 OK\r\nDate: x\r\ncontent-length: 3\r\n\r\nabc", "abc", ""},
		{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", ""},
		{"an AWS error", "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}", "", "HTTP/1.1 400 Bad Request: {}"},
		{"no length", "HTTP/1.1 200 OK\r\n\r\n", "", "answer without Content-Length"},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "", `Content-Length "-1"`},
		{"cut off", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "", "unexpected EOF"},
		{"closed", "", "", "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			answered := make(chan error, 1)
			go func() {
				if _, err := io.ReadFull(theirs, make([]byte, 4)); err != nil {
					answered <- err
					return
				}
				_, err := io.WriteString(theirs, c.answer)
				theirs.Close()
				answered <- err
			}()
			conn := &connection{conn: ours, in: bufio.NewReader(ours)}
			body, err := conn.call([]byte("POST"), true)
			if string(body) != c.body || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Errorf("body %q, error %v", body, err)
			}
			if err := <-answered; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEnvFile(t *testing.T) {
	var o ostiary
	err := o.configure("# x\nexport AWS_ENDPOINT_URL=https://127.0.0.1:8443\nexport AWS_CA_BUNDLE='/tmp/a b/ca.pem'\nexport AWS_ACCESS_KEY_ID=A\nexport AWS_SECRET_ACCESS_KEY=S=\nexport AWS_REGION=r\nunset X\n")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{o.addr, o.caFile, o.AccessKeyID, o.Secret, o.Region}
	if diff := cmp.Diff([]string{"127.0.0.1:8443", "/tmp/a b/ca.pem", "A", "S=", "r"}, got); diff != "" {
		t.Error(diff)
	}
	if err := o.configure("export AWS_ENDPOINT_URL=http://x:1"); err == nil {
		t.Error("an endpoint without TLS is accepted")
	}
}

func TestTable(t *testing.T) {
	sampleOf := func(calls, errors int, cpu, p50 time.Duration) sample {
		return sample{result{Calls: calls, Errors: errors, FirstError: strings.Repeat("x", errors), Took: time.Second, P50: p50, P99: 2 * p50}, cpu}
	}
	echoes := []sample{sampleOf(9, 0, 10*time.Microsecond, time.Millisecond), sampleOf(9, 0, 20*time.Microsecond, time.Millisecond), sampleOf(9, 0, 10*time.Microsecond, time.Millisecond)}
	samples := []sample{sampleOf(7, 0, 30*time.Microsecond, 3*time.Millisecond), sampleOf(8, 2, 42*time.Microsecond, 4*time.Millisecond), sampleOf(1, 0, 21*time.Microsecond, 5*time.Millisecond)}
	var out strings.Builder
	r := &report{out: &out}
	r.table([]row{summarise("echo", echoes, nil), summarise("Encrypt", samples, echoes)})
	want := `                               req/s        p50        p99      CPU/req   vs echo
  echo                             9    1.00 ms    2.00 ms      10.0 us
  Encrypt                          7    4.00 ms    8.00 ms      30.0 us      2.1x
  Encrypt: 2 calls FAILED, the first one: xx
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	if err := r.verdict(); err == nil {
		t.Error("failed calls are no failure")
	}
}

func TestCommandLine(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"extra", "more"}, {"-keys", "x"}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
	if err := run(t.Context(), []string{"-quick", "-ostiary", t.TempDir() + "/none"}); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("without the program: %v", err)
	}
	p := thorough()
	if p.handles() != 10_000 {
		t.Errorf("%d handles", p.handles())
	}
	p.hurry()
	if p.handles() != 1000 {
		t.Errorf("%d handles in a hurry", p.handles())
	}
}
