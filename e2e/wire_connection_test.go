package e2e

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a connection to the API's port, without TLS.
func (s *server) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.env["AWS_ENDPOINT_URL"], "https://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(45 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *server) dialTLS(t *testing.T) *tls.Conn {
	t.Helper()
	cfg := s.tls()
	cfg.ServerName = "localhost"
	c := tls.Client(s.dial(t), cfg)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, c io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// serves demands that the server answers others meanwhile.
func (s *server) serves(t *testing.T) {
	t.Helper()
	began := time.Now()
	if a := s.send(t, s.http(), jsonCall("ListKeys", "{}")); a.status != http.StatusOK {
		t.Errorf("ListKeys: %d %s", a.status, a.body)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("ListKeys took %v", took)
	}
}

const head = "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: TrentService.ListKeys\r\nContent-Type: " + jsonType + "\r\n"

// TestConnectionGarbage: what is no TLS, and what is no HTTP in it, ends its own connection and nothing else.
func TestConnectionGarbage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, text := range map[string]string{
		"plain HTTP": "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "zeros": strings.Repeat("\x00", 4096), "half a hello": "\x16\x03\x01\x02\x00\x01", "text": "HELO\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial(t)
			write(t, c, text)
			_ = c.(*net.TCPConn).CloseWrite() // the server may have hung up already
			if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the connection did not end: %v", err)
			}
		})
	}
	for name, text := range map[string]string{
		"no HTTP in TLS": "\x00\x01\x02\r\n\r\n", "no host": "POST / HTTP/1.1\r\n\r\n", "two lengths": head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"header without end": head + "X: " + strings.Repeat("x", 256<<10), "many headers": head + strings.Repeat("X: y\r\n", 100_000) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dialTLS(t)
			_, _ = io.WriteString(c, text) // the server may hang up before the end
			_ = c.CloseWrite()
			if a, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && (a.StatusCode < 400 || a.StatusCode >= 500) {
				t.Errorf("answer %s", a.Status)
			}
		})
	}
	s.serves(t)
}

// TestConnectionOldTLS: nothing below TLS 1.3 is spoken.
func TestConnectionOldTLS(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cfg := s.tls()
	cfg.ServerName, cfg.MaxVersion = "localhost", tls.VersionTLS12
	if err := tls.Client(s.dial(t), cfg).Handshake(); err == nil {
		t.Error("TLS 1.2 was accepted")
	}
	s.serves(t)
}

// TestConnectionHalf: requests that stop half-way cost others nothing, and are ended in time.
func TestConnectionHalf(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for range 200 {
		write(t, s.dialTLS(t), head)
	}
	s.serves(t)

	t.Run("half a head", func(t *testing.T) {
		t.Parallel()
		c := s.dialTLS(t)
		write(t, c, head)
		began := time.Now()
		if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("the connection did not end: %v", err)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("half a body", func(t *testing.T) {
		t.Parallel()
		c := s.dialTLS(t)
		write(t, c, head+"Content-Length: 100\r\n\r\n{")
		readError(t, c).check(t, wireError{http.StatusBadRequest, inJSON, "RequestTimeout", "The request body could not be read."})
	})
	t.Run("client hangs up", func(t *testing.T) {
		t.Parallel()
		c := s.dialTLS(t)
		write(t, c, head+"Content-Length: 100\r\n\r\n{")
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		readError(t, c).check(t, wireError{http.StatusBadRequest, inJSON, "RequestTimeout", "The request body could not be read."})
	})
	t.Run("chunks over 1 MiB", func(t *testing.T) {
		t.Parallel()
		c := s.dialTLS(t)
		chunk := "10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n"
		write(t, c, head+"Transfer-Encoding: chunked\r\n\r\n"+strings.Repeat(chunk, 16)+"1\r\nx\r\n0\r\n\r\n")
		readError(t, c).check(t, wireError{http.StatusRequestEntityTooLarge, inJSON, "RequestEntityTooLargeException", "*"})
	})
}

// readError reads one response.
func readError(t *testing.T, c io.Reader) answer {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{r.StatusCode, r.Header, body}
}

// TestConnectionOptions: the pipeline sees every method, also the one that Go's HTTP server likes to answer itself.
func TestConnectionOptions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.dialTLS(t)
	write(t, c, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n")
	a := readError(t, c)
	if a.status < 400 {
		t.Errorf("OPTIONS *: %d", a.status)
	}
	if id := a.header.Get("X-Amzn-Requestid"); len(s.recordsOf(id)) != 1 {
		t.Error("OPTIONS * has no record")
	}
}
