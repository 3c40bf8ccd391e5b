package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// TestSecrets: after use, and after a restart, nothing that must stay secret is in any file but those that say they hold it.
func TestSecrets(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.kms(), t.Context()
	id := newKey(t, c).KeyId
	secrets := map[string][]byte{"secret access key": []byte(s.env["AWS_SECRET_ACCESS_KEY"])}

	plain := []byte("the plaintext that nobody may find 0123456789")
	secrets["plaintext"] = plain
	encryptionContext := map[string]string{"tenant": "acme-in-clear"}
	sealed := must(c.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: plain, EncryptionContext: encryptionContext}))(t)
	must(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: encryptionContext}))(t)
	must(c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: encryptionContext, DestinationKeyId: id}))(t)
	secrets["data key"] = must(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: id, KeySpec: types.DataKeySpecAes256, EncryptionContext: encryptionContext}))(t).Plaintext
	secrets["random bytes"] = must(c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(32)}))(t).Plaintext
	// Refused calls have plaintexts too.
	refused := []byte("a plaintext in a call that is refused 987654321")
	secrets["refused plaintext"] = refused
	if _, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String("nonsense"), Plaintext: refused}); err == nil {
		t.Error("Encrypt under nonsense")
	}
	s.send(t, s.http(), jsonCall("Encrypt", `{"KeyId":"k","Plaintext":"`+base64.StdEncoding.EncodeToString(refused)+`","Plaintext":1}`))

	searchFolder(t, s, secrets)
	s.stop()
	s.start()
	decrypts(t, s.kms(), encrypt(t, s.kms(), *id, string(plain)), string(plain))
	s.stop()
	searchFolder(t, s, secrets)
	for name, value := range secrets {
		if found(value, []byte(s.stderr.String())) != "" {
			t.Errorf("the log has the %s", name)
		}
	}
	var log strings.Builder
	for _, r := range s.records() {
		log.Write(r.members["requestParameters"])
	}
	if n := strings.Count(log.String(), `"encryptionContext":{"tenant":"acme-in-clear"}`); n < 3 {
		t.Errorf("the audit log has the encryption context %d times, want 3", n)
	}
}

// searchFolder searches all files for all secrets, in every form in which they could have been written, and checks who may
// read the files.
func searchFolder(t *testing.T, s *server, secrets map[string][]byte) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(s.dir, path) // path begins with s.dir
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if mode := info.Mode().Perm(); mode != want && (name != "ca.pem" || mode != 0o644) {
			t.Errorf("%s has permissions %v", name, mode)
		}
		if e.IsDir() {
			return nil
		}
		files++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for what, value := range secrets {
			if form := found(value, content); form != "" && (name != "env" || what != "secret access key") {
				t.Errorf("%s has the %s, %s", name, what, form)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if files < 8 {
		t.Errorf("only %d files were searched", files)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "so-pin")); err == nil {
		t.Error("the security officer's PIN is still there")
	}
}

// found says in which form a secret is in a text, or nothing.
func found(value, text []byte) string {
	forms := map[string]string{"raw": string(value), "in hexadecimal": hex.EncodeToString(value), "in capital hexadecimal": strings.ToUpper(hex.EncodeToString(value))}
	// Base64 of a part: without the first bytes, for each of the three alignments that it may have in longer data.
	for skip := range 3 {
		part := value[skip : skip+(len(value)-skip)/3*3]
		forms["in base64"+strings.Repeat("'", skip)] = base64.StdEncoding.EncodeToString(part)
		forms["in URL base64"+strings.Repeat("'", skip)] = base64.URLEncoding.EncodeToString(part)
	}
	for form, v := range forms {
		if bytes.Contains(text, []byte(v)) {
			return form
		}
	}
	return ""
}

// TestSecretsOfDaemon: the daemon, which faces the network, has the PIN of its device nowhere in its memory.
func TestSecretsOfDaemon(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	pin, err := os.ReadFile(filepath.Join(s.dir, "pin"))
	if err != nil {
		t.Fatal(err)
	}
	pin = bytes.TrimSpace(pin)
	encrypt(t, s.kms(), *newKey(t, s.kms()).KeyId, "text")
	memory(t, s.cmd.Process.Pid, func(at uint64, content []byte) {
		if i := bytes.Index(content, pin); i >= 0 {
			t.Errorf("the daemon has the PIN in its memory at %#x", at+uint64(i))
		}
	})
}
