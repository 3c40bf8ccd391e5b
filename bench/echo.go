package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Sizes in bytes of what the echo server reads and answers; those of a typical Encrypt call.
const (
	echoRequest = 300
	echoAnswer  = 300
)

// serveEcho is the echo server: net/http as it comes, TLS 1.3, which reads a body and answers another. It tells its address
// and certificate on out, and ends with ctx.
func serveEcho(ctx context.Context, out io.Writer) error {
	cert, certPEM, err := selfSigned()
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(echo),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}},
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // no HTTP/2
		ReadHeaderTimeout: time.Minute,
	}
	if _, err := fmt.Fprintf(out, "%s\n%s\n", listener.Addr(), certPEM); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listener, "", "") }()
	select {
	case err = <-served:
		return err
	case <-ctx.Done():
		err = server.Close()
		if served := <-served; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, min(max(r.ContentLength, 0), 1<<20))
	if _, err := io.ReadFull(r.Body, body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := bytes.Repeat([]byte{'a'}, echoAnswer)
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	_, _ = w.Write(answer) // a client that is gone notices by itself
}

// selfSigned makes a certificate for 127.0.0.1.
func selfSigned() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// startEcho starts the echo server in a process of its own. Its certificate is put into dir.
func startEcho(ctx context.Context, dir string) (*target, error) {
	p, out, err := startSelf(ctx, echoRole, nil)
	if err != nil {
		return nil, err
	}
	addr, err := out.ReadString('\n')
	var cert strings.Builder
	for err == nil && !strings.HasSuffix(cert.String(), "-----END CERTIFICATE-----\n") {
		var line string
		line, err = out.ReadString('\n')
		cert.WriteString(line)
	}
	t := &target{process: p, name: "echo", addr: strings.TrimSpace(addr), caFile: dir + "/echo.pem"}
	if err == nil {
		err = os.WriteFile(t.caFile, []byte(cert.String()), 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("echo server: %w", err), p.stop())
	}
	return t, nil
}
