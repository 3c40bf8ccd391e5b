package daemon

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// fill writes a file until its file system is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f := must(os.Create(path))(t)
	defer f.Close()
	for b := make([]byte, 4096); ; {
		if _, err := f.Write(b); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// unavailable demands the error that clients try again after, elsewhere if they can.
func unavailable(t *testing.T, err error) {
	t.Helper()
	var r *awshttp.ResponseError
	if !errors.As(err, &r) {
		t.Fatalf("not an answer: %v", err)
	}
	if r.HTTPStatusCode() != http.StatusServiceUnavailable || !r.Response.Close || code(err) != "DependencyTimeoutException" {
		t.Errorf("answer: %v; close %v", err, r.Response.Close)
	}
}

// TestAuditFull: while the audit log cannot be written there is no answer without a record, nothing is changed, and load
// balancers are told; once there is space again everything goes on by itself. It needs the right to mount.
func TestAuditFull(t *testing.T) {
	d := newRunning(t, hurried)
	key := d.newKey(d.kms(), "")
	blob := d.encrypt(d.kms(), key)
	d.stop()
	if err := syscall.Mount("tmpfs", d.file(auditDir), "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		t.Logf("cannot mount: %v", err)
		d.start()
		return
	}
	t.Cleanup(func() {
		d.stop()
		if err := syscall.Unmount(d.file(auditDir), 0); err != nil {
			t.Error(err)
		}
	})
	d.start()
	if status, body := d.get("/readyz"); status != http.StatusOK {
		t.Errorf("readyz before: %d %s", status, body)
	}
	ballast := d.file(auditDir) + "/ballast"
	fill(t, ballast)

	var refusal error
	d.eventually("calls are refused", func() bool {
		refusal = decrypt(t, d.kms(), blob)
		return refusal != nil
	})
	unavailable(t, refusal)
	_, err := d.kms().CreateKey(t.Context(), &kms.CreateKeyInput{})
	unavailable(t, err)
	unavailable(t, decrypt(t, d.kms(), []byte("damaged")))
	if status, body := d.get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no space left") || strings.Count(body, "\n") != 1 {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, _ := d.get("/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	d.eventually("it is ready again", func() bool { status, _ := d.get("/readyz"); return status == http.StatusOK })
	if err := decrypt(t, d.kms(), blob); err != nil {
		t.Errorf("Decrypt after: %v", err)
	}
	if ids := d.keys(d.kms()); len(ids) != 1 {
		t.Errorf("%d keys: one was made without a record", len(ids))
	}
	d.newKey(d.kms(), "")
}
