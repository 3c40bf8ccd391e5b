package audit

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
)

// checkFull checks a log that was full, given the ids that were acknowledged.
func checkFull(t *testing.T, dir, acknowledged string) {
	t.Helper()
	ids := strings.Fields(acknowledged)
	if len(ids) < 20 || ids[len(ids)-1] != "after" {
		t.Fatalf("acknowledged: %v", ids)
	}
	found := requestIDs(t, dir)
	for _, id := range ids {
		if found[id] != 1 {
			t.Errorf("acknowledged record %s is %d times in the log", id, found[id])
		}
	}
	resumed := named(records(t, dir), "AuditLogResumed")
	if len(resumed) == 0 {
		t.Fatal("no record says that records were refused")
	}
	if d := string(resumed[0].ServiceEventDetails); !strings.Contains(d, `"refusedRecords":`) || strings.Contains(d, `"refusedRecords":0}`) {
		t.Errorf("details of the outage: %s", d)
	}
}

func TestFileSizeLimit(t *testing.T) {
	dir := t.TempDir()
	cmd := child(t, "small", dir)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	checkFull(t, dir, out.String())
}

// TestFullDisk needs the right to mount; without it, TestFileSizeLimit is what there is.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k,mode=0700"); err != nil {
		t.Logf("cannot mount: %v", err)
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	l, err := Open(Config{Dir: dir + "/log", MaxFileBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/ballast", make([]byte, 50_000), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := fillUp(l, out); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir + "/ballast"); err != nil {
		t.Fatal(err)
	}
	if err := recoverAndClose(l, out); err != nil {
		t.Fatal(err)
	}
	acknowledged, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	checkFull(t, dir+"/log", string(acknowledged))
}
