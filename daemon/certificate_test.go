package daemon

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"
)

// connect makes a connection to the API. The client must trust the server.
func (d *running) connect() (*tls.Conn, error) {
	d.Helper()
	c, err := (&tls.Dialer{Config: d.tls()}).DialContext(d.Context(), "tcp", strings.TrimPrefix(d.env["AWS_ENDPOINT_URL"], "https://"))
	if err != nil {
		return nil, err
	}
	d.Cleanup(func() { c.Close() })
	return c.(*tls.Conn), nil
}

// certificate is the one that a new connection is shown.
func (d *running) certificate() *x509.Certificate {
	d.Helper()
	c := must(d.connect())(d)
	defer c.Close() // a stop would wait for its first request
	return c.ConnectionState().PeerCertificates[0]
}

// TestRenewal: the server's certificate is renewed when two thirds of its life are over, and when the clock says that it is
// not valid yet. Clients that are connected do not notice.
func TestRenewal(t *testing.T) {
	t.Parallel()
	d := newRunning(t, hurried)
	connected := d.kms()
	works := func() {
		t.Helper()
		must(connected.ListKeys(t.Context(), &kms.ListKeysInput{}))(t)
		must(d.kms().ListKeys(t.Context(), &kms.ListKeysInput{}))(t)
	}
	works()
	first := d.certificate()
	d.clock.set(leafLifetime*2/3 - time.Minute)
	time.Sleep(5 * hurried.every)
	if !d.certificate().Equal(first) {
		t.Error("renewed before its time")
	}
	works()

	d.clock.set(leafLifetime*2/3 + time.Minute)
	d.eventually("renewed in its time", func() bool { return !d.certificate().Equal(first) })
	works()
	second := d.certificate()
	if second.SerialNumber.Cmp(first.SerialNumber) == 0 || bytes.Equal(second.RawSubjectPublicKeyInfo, first.RawSubjectPublicKeyInfo) {
		t.Error("the new certificate has the serial number or the key of the old one")
	}
	if left := second.NotAfter.Sub(d.clock.now()); left < leafLifetime-time.Hour || left > leafLifetime {
		t.Errorf("the new certificate is good for %v", left)
	}

	d.clock.set(day) // it was wrong until now
	d.eventually("renewed on a clock that was set back", func() bool { _, err := d.connect(); return err == nil })
	works()
}

// TestCertificate: clients of this host find the name that they use, under a CA that stays.
func TestCertificate(t *testing.T) {
	t.Parallel()
	d := newRunning(t, hurried)
	leaf, ca := d.certificate(), d.read(caFile)
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil && dnsName.MatchString(host) {
		names = append(names, host)
	}
	for _, name := range names {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if leaf.VerifyHostname("kms.us-east-1.amazonaws.com") == nil || leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("the certificate is good for too much: %+v", leaf)
	}
	block, rest := pem.Decode(ca)
	if block == nil || len(rest) != 0 {
		t.Fatalf("CA file: %q", ca)
	}
	root := must(x509.ParseCertificate(block.Bytes))(t)
	if !root.IsCA || !root.MaxPathLenZero || root.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("CA: %+v", root)
	}

	d.restart()
	if !bytes.Equal(d.read(caFile), ca) {
		t.Error("another CA after a restart")
	}
	if again := d.certificate(); bytes.Equal(again.RawSubjectPublicKeyInfo, leaf.RawSubjectPublicKeyInfo) {
		t.Error("the server's key has outlived the process")
	}
}

func TestServerNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		listen, host string
		want         []string
	}{
		{"127.0.0.1:8443", "", nil},
		{"127.0.0.1:8443", "localhost", nil},
		{"[::1]:8443", "box", []string{"box"}},
		{"0.0.0.0:8443", "box", []string{"box"}},
		{"[::]:8443", "box", []string{"box"}},
		{":8443", "box", []string{"box"}},
		{"192.0.2.7:8443", "box.example.net", []string{"box.example.net", "192.0.2.7"}},
		{"[2001:db8::7]:8443", "my_box", []string{"my_box", "2001:db8::7"}},
		{"box:8443", "box", []string{"box"}},
		{"127.0.0.1:8443", "k\u00e4stchen", nil}, // no certificate can name it
		{"127.0.0.1:8443", "*", nil},             // nor should it this
		{"127.0.0.1:8443", "two words", nil},
		{"[fe80::1%eth0]:8443", "", nil},
		{"damaged", "", nil},
	} {
		want := append([]string{"localhost", "127.0.0.1", "::1"}, test.want...)
		if diff := cmp.Diff(want, serverNames(test.listen, test.host)); diff != "" {
			t.Errorf("%s on %s:\n%s", test.listen, test.host, diff)
		}
	}
}

func TestHostPort(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ ip, want string }{
		{"127.0.0.1", "127.0.0.1:8443"},
		{"::1", "[::1]:8443"},
		{"192.0.2.7", "192.0.2.7:8443"},
		{"0.0.0.0", "127.0.0.1:8443"},
		{"::", "127.0.0.1:8443"},
	} {
		if got := hostPort(&net.TCPAddr{IP: net.ParseIP(test.ip), Port: 8443}); got != test.want {
			t.Errorf("%s: %s, want %s", test.ip, got, test.want)
		}
	}
	if got := hostPort(&net.UnixAddr{Name: "/run/socket"}); got != "/run/socket" {
		t.Errorf("an address of another kind: %s", got)
	}
}
