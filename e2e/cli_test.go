package e2e

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

//go:embed testdata/tour.sh
var tourSh string

//go:embed testdata/tour.py
var tourPy string

// TestAWSCLI: after `source env`, plain aws-cli commands do everything.
func TestAWSCLI(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cmd := exec.CommandContext(t.Context(), "bash", writeFile(t, "tour.sh", tourSh), filepath.Join(s.dir, "env"))
	cmd.Dir, cmd.Env = t.TempDir(), cleanEnviron(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestBoto3 runs every operation in one Python process.
func TestBoto3(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cmd := exec.CommandContext(t.Context(), python(t), writeFile(t, "tour.py", tourPy), s.env["AWS_ENDPOINT_URL"], s.env["AWS_CA_BUNDLE"], s.env["AWS_REGION"])
	cmd.Env = append(cleanEnviron(t), "AWS_ACCESS_KEY_ID="+s.env["AWS_ACCESS_KEY_ID"], "AWS_SECRET_ACCESS_KEY="+s.env["AWS_SECRET_ACCESS_KEY"])
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "ok" {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestEnvironment: the variables of the env file alone configure aws-sdk-go-v2.
func TestEnvironment(t *testing.T) {
	s := newServer(t)
	for name, value := range s.env {
		t.Setenv(name, value)
	}
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, os.DevNull)
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := kms.NewFromConfig(cfg)
	decrypts(t, c, encrypt(t, c, *newKey(t, c).KeyId, "text"), "text")
}

// cleanEnviron is the environment without what the developer has set for AWS.
func cleanEnviron(t *testing.T) []string {
	env := []string{"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_PAGER="}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			env = append(env, v)
		}
	}
	return env
}

// python gives an interpreter that has boto3: the user's own, else Debian's.
func python(t *testing.T) string {
	t.Helper()
	for _, p := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), p, "-c", "import boto3").Run() == nil {
			return p
		}
	}
	t.Fatal("no python3 has boto3: apt-get install python3-boto3")
	return ""
}

func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
