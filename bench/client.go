package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

// callTimeout bounds one call.
const callTimeout = 30 * time.Second

// connection is a keep-alive connection with just enough HTTP/1.1 for servers that send Content-Length.
type connection struct {
	conn net.Conn
	in   *bufio.Reader
	last bool // the server said that it closes
}

// clientConfig trusts exactly the certificates in caFile.
func clientConfig(caFile string) (*tls.Config, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", caFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}, nil
}

func dial(ctx context.Context, addr string, cfg *tls.Config) (*connection, error) {
	d := tls.Dialer{Config: cfg}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, in: bufio.NewReader(conn)}, nil
}

func (c *connection) close() error { return c.conn.Close() }

// statusError is an answer other than 200.
type statusError struct {
	status string
	body   []byte
}

func (e *statusError) Error() string { return fmt.Sprintf("%s: %.200s", e.status, e.body) }

// call sends the bytes of a request and reads the answer. If keep is false, the answer's body is thrown away.
func (c *connection) call(raw []byte, keep bool) ([]byte, error) {
	if _, err := c.conn.Write(raw); err != nil {
		return nil, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	ok := bytes.HasPrefix(line, []byte("HTTP/1.1 200 "))
	status := ""
	if !ok {
		status = string(bytes.TrimSpace(line))
	}
	length, err := c.headers()
	if err != nil {
		return nil, err
	}
	if ok && !keep {
		_, err := c.in.Discard(length)
		return nil, err
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return nil, err
	}
	if !ok {
		return nil, &statusError{status, body}
	}
	return body, nil
}

// headers reads the header and gives the length of the body.
func (c *connection) headers() (length int, err error) {
	length = -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 || length > 1<<24 {
				return 0, fmt.Errorf("Content-Length %q", value)
			}
		case bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")):
			c.last = true
		}
	}
	if length < 0 {
		return 0, errors.New("answer without Content-Length")
	}
	return length, nil
}
