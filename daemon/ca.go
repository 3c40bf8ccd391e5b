package daemon

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"regexp"
	"sync/atomic"
	"time"

	"ostiary.dev/hsm"
)

// Lifetimes of certificates. Leaf keys live only in the daemon's memory, so a new one is made at every start.
const (
	caLifetime   = 10 * 365 * 24 * time.Hour
	leafLifetime = 30 * 24 * time.Hour
	backdated    = 10 * time.Minute // for clients whose clock is behind
)

// caSigner is the cluster's CA key, which stays in the device, as a crypto.Signer.
type caSigner struct {
	ctx    context.Context // of the one certificate that is being made
	device hsm.Backend
	token  []byte
	public crypto.PublicKey
}

func newCASigner(ctx context.Context, device hsm.Backend, token []byte) (*caSigner, error) {
	t, err := hsm.ParseToken(token)
	if err != nil {
		return nil, err
	}
	public, err := x509.ParsePKIXPublicKey(t.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("public key of the CA: %w", err)
	}
	return &caSigner{ctx: ctx, device: device, token: token, public: public}, nil
}

func (s *caSigner) Public() crypto.PublicKey { return s.public }

// Sign signs a digest in the device.
func (s *caSigner) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	key, err := s.device.Open(s.ctx, s.token)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	signer, ok := key.(hsm.Signer)
	if !ok {
		return nil, hsm.ErrUnsupported
	}
	return signer.SignDigest(s.ctx, digest)
}

// newCA makes the self-signed certificate of a new CA key (RFC 5280, section 4.2.1.9).
func newCA(signer *caSigner, clusterID string, now time.Time) ([]byte, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Ostiary cluster CA " + clusterID, Organization: []string{"Ostiary"}},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(caLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	return x509.CreateCertificate(rand.Reader, t, t, signer.public, signer)
}

// certificates holds the current server certificate and makes the next one in time.
type certificates struct {
	device  hsm.Backend
	caToken []byte
	ca      *x509.Certificate
	names   []string
	now     func() time.Time
	current atomic.Pointer[tls.Certificate]
}

func newCertificates(device hsm.Backend, caToken, caDER []byte, names []string, now func() time.Time) (*certificates, error) {
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		return nil, fmt.Errorf("certificate of the CA: %w", err)
	}
	return &certificates{device: device, caToken: caToken, ca: ca, names: names, now: now}, nil
}

// renew makes a certificate if there is none, a third of its life is left, or it is not valid yet because the clock was
// ahead when it was made.
func (c *certificates) renew(ctx context.Context) error {
	now := c.now()
	if old := c.current.Load(); old != nil && now.Before(old.Leaf.NotAfter.Add(-leafLifetime/3)) && !now.Before(old.Leaf.NotBefore) {
		return nil
	}
	signer, err := newCASigner(ctx, c.device, c.caToken)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: c.names[0], Organization: []string{"Ostiary"}},
		NotBefore:    now.Add(-backdated),
		NotAfter:     now.Add(leafLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range c.names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, c.ca, &key.PublicKey, signer)
	if err != nil {
		return fmt.Errorf("server certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	c.current.Store(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf})
	return nil
}

// config is the TLS configuration of the API: TLS 1.3 only, hybrid post-quantum key exchange first (Go's default
// order), HTTP/1.1 as AWS's endpoints speak it.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}

// dnsName is what a certificate may carry as the name of this host; the kernel allows any.
var dnsName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// serverNames are the names that a dev server answers to: those of loopback, of its host and of the listener.
func serverNames(listen, hostname string) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if dnsName.MatchString(hostname) {
		names = append(names, hostname)
	}
	if host, _, err := net.SplitHostPort(listen); err == nil {
		if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() || ip == nil && dnsName.MatchString(host) {
			names = append(names, host)
		}
	}
	return distinct(names)
}

// newSerial is a random positive 127-bit serial number (RFC 5280, section 4.1.2.2).
func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}
