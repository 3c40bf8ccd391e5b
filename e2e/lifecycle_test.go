package e2e

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
)

// TestBanner: the banner comes within three seconds, once the server answers, and says what to do next.
func TestBanner(t *testing.T) {
	began := time.Now()
	s := newServer(t)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the banner came after %v", took)
	}
	for _, part := range []string{s.env["AWS_ENDPOINT_URL"], "source " + s.dir + "/env\n", "aws kms create-key\n", account, "us-east-1", s.metrics + "/metrics", "Ctrl-C"} {
		if !strings.Contains(s.banner, part) {
			t.Errorf("the banner does not say %q:\n%s", part, s.banner)
		}
	}
	if lines := strings.Count(s.banner, "\n"); lines > 10 {
		t.Errorf("the banner has %d lines", lines)
	}
	if log := s.stderr.String(); log != "" {
		t.Errorf("standard error: %s", log)
	}
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"} {
		if s.env[name] == "" {
			t.Errorf("the env file does not export %s", name)
		}
	}
}

// TestResume: a second start has the same keys, credentials and CA, after each way of ending.
func TestResume(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	key := newKey(t, s.kms())
	blob := encrypt(t, s.kms(), *key.KeyId, "text")
	first, ca := s.env, readFile(t, s.env["AWS_CA_BUNDLE"])
	for name, end := range map[string]func(){
		"SIGINT": s.stop, "SIGTERM": func() { s.signal(syscall.SIGTERM) }, "SIGHUP": func() { s.signal(syscall.SIGHUP) }, "SIGKILL": s.kill,
	} {
		worker := s.worker()
		began := time.Now()
		end()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s: it ended after %v", name, took)
		}
		wait(t, "the worker to end", func() bool { return !alive(worker) })
		s.start()
		if s.env["AWS_ACCESS_KEY_ID"] != first["AWS_ACCESS_KEY_ID"] || s.env["AWS_SECRET_ACCESS_KEY"] != first["AWS_SECRET_ACCESS_KEY"] {
			t.Errorf("%s: other credentials", name)
		}
		if readFile(t, s.env["AWS_CA_BUNDLE"]) != ca {
			t.Errorf("%s: another CA", name)
		}
		decrypts(t, s.kms(), blob, "text")
	}
}

// TestStopUnderLoad: Ctrl-C lets the calls on their way finish. Clients see right answers and then none, never an error.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.kms()
	id := newKey(t, c).KeyId
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			for {
				if _, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: id, Plaintext: []byte("text")}); err != nil {
					results <- err
					return
				}
			}
		}()
	}
	time.Sleep(200 * time.Millisecond)
	s.stop()
	for range cap(results) {
		err := <-results
		var answered smithy.APIError
		if errors.As(err, &answered) {
			t.Errorf("a client was told %v", err)
		}
	}
}

// TestClean starts anew on the same folder, and takes away only what is Ostiary's.
func TestClean(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	newKey(t, s.kms())
	first := s.env
	s.stop()
	mine := filepath.Join(s.dir, "my notes")
	if err := os.WriteFile(mine, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{"--clean", "--account", "444455556666"}
	s.start()
	if s.env["AWS_ACCESS_KEY_ID"] == first["AWS_ACCESS_KEY_ID"] {
		t.Error("the credentials are the old ones")
	}
	if keys := must(s.kms().ListKeys(t.Context(), &kms.ListKeysInput{}))(t).Keys; len(keys) != 0 {
		t.Errorf("%d keys are still there", len(keys))
	}
	if key := newKey(t, s.kms()); *key.AWSAccountId != "444455556666" {
		t.Errorf("the account is %s", *key.AWSAccountId)
	}
	if readFile(t, mine) != "keep" {
		t.Error("somebody else's file has changed")
	}
}

// TestListen: the endpoint in the env file and its certificate fit whatever address the server listens on.
func TestListen(t *testing.T) {
	t.Parallel()
	addresses := []string{"0.0.0.0:0", "localhost:0", ":0"}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil { // not every container has IPv6
		addresses = append(addresses, l.Addr().String())
		l.Close()
	}
	for _, address := range addresses {
		s := newServer(t, "--listen", address)
		if _, err := s.kms().ListKeys(t.Context(), &kms.ListKeysInput{}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		s.stop()
	}
}

// TestFolderNames: a folder may have a name that a shell or a URL would stumble over.
func TestFolderNames(t *testing.T) {
	t.Parallel()
	s := &server{t: t, dir: filepath.Join(t.TempDir(), "it's a $HOME of %41 ünïcode")}
	t.Cleanup(s.end)
	s.start()
	env := bash(t, "source "+shellQuote(s.dir+"/env")+` && printf %s "$AWS_CA_BUNDLE"`)
	if want := filepath.Join(s.dir, "ca.pem"); env != want {
		t.Errorf("AWS_CA_BUNDLE = %s, want %s", env, want)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// bash runs a line of shell and gives what it prints.
func bash(t *testing.T, line string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", line)
	cmd.Env = cleanEnviron(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(out)
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
