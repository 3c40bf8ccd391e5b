package daemon

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"ostiary.dev/audit"
	"ostiary.dev/cluster"
	"ostiary.dev/hsm"
	"ostiary.dev/state"
)

// wrapped gives the wrapped bytes of a key's material out of the folder of a daemon that does not run.
func (d *running) wrapped(key *types.KeyMetadata) []byte {
	d.Helper()
	store := state.New()
	node := must(cluster.Open(cluster.Config{Dir: d.file(raftDir), NodeID: nodeID, Store: store, Log: slog.New(slog.DiscardHandler), Now: d.clock.now}))(d)
	defer func() {
		if err := node.Close(d.Context()); err != nil {
			d.Error(err)
		}
	}()
	<-node.Ready()
	k := store.View().Key(state.KeyRef{Account: account, Region: home, ID: *key.KeyId})
	if k == nil || len(k.Versions) != 1 {
		d.Fatalf("key in the state: %+v", k)
	}
	t := must(hsm.ParseToken(k.Versions[0].Token))(d)
	if len(t.Wrapped) < 32 {
		d.Fatalf("%d wrapped bytes", len(t.Wrapped))
	}
	return t.Wrapped
}

// holding gives the files of the data folder that contain some bytes, by their first folder. The audit log, which names
// keys for ever, is left out.
func (d *running) holding(b []byte) (found []string) {
	d.Helper()
	err := filepath.WalkDir(d.config.Dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err): // a snapshot that was removed meanwhile
			return nil
		case err != nil:
			return err
		case e.IsDir() && e.Name() == auditDir:
			return fs.SkipDir
		case !e.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if bytes.Contains(content, b) {
			name, _ := filepath.Rel(d.config.Dir, path) // it is below
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return found
}

// deletionRecords gives the phases of the audit records of a key's deletion by the service itself.
func (d *running) deletionRecords(arn string) (phases []string) {
	d.Helper()
	err := audit.Scan(filepath.Join(d.config.Dir, auditDir), func(line []byte) error {
		var r struct {
			EventType, EventName string
			ServiceEventDetails  struct{ KeyID string }
			Ostiary              struct{ Phase string }
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		if r.EventName == "DeleteKey" && r.EventType == "AwsServiceEvent" && r.ServiceEventDetails.KeyID == arn {
			phases = append(phases, r.Ostiary.Phase)
		}
		return nil
	})
	if err != nil {
		d.Fatal(err)
	}
	return phases
}

func (d *running) purgeOwed() bool {
	_, err := os.Lstat(d.file(purgeFile))
	return err == nil
}

// doomed is a key on its way out, and what must not be left of it.
type doomed struct {
	key    *types.KeyMetadata
	blob   []byte
	traces map[string][]byte
}

const doomedAlias = "alias/doomed"

// newDoomed makes a key with an alias and has it deleted after 7 days. Its handle is in the device.
func (d *running) newDoomed() *doomed {
	d.Helper()
	const description = "doomed: 5c2b7e19"
	c := d.kms()
	k := &doomed{key: d.newKey(c, description)}
	must(c.CreateAlias(d.Context(), &kms.CreateAliasInput{AliasName: aws.String(doomedAlias), TargetKeyId: k.key.KeyId}))(d)
	d.stop()
	k.traces = map[string][]byte{"wrapped bytes": d.wrapped(k.key), "description": []byte(description), "id": []byte(*k.key.KeyId)}
	d.start()
	c = d.kms()
	k.blob = d.encrypt(c, k.key)
	d.schedule(c, k.key)
	for what, b := range k.traces {
		if len(d.holding(b)) == 0 {
			d.Fatalf("%s of a key that is there are in no file", what)
		}
	}
	return k
}

// gone demands that to a client the key was never there.
func (d *running) gone(k *doomed) {
	d.Helper()
	c := d.kms()
	if s := d.state(c, k.key); s != "" {
		d.Errorf("the key is %s", s)
	}
	if _, err := c.DescribeKey(d.Context(), &kms.DescribeKeyInput{KeyId: aws.String(doomedAlias)}); code(err) != "NotFoundException" {
		d.Errorf("the alias: %v", err)
	}
	if all := must(c.ListAliases(d.Context(), &kms.ListAliasesInput{}))(d).Aliases; len(all) != 0 {
		d.Errorf("%d aliases", len(all))
	}
	missing := bytes.Clone(k.blob)
	missing[12] ^= 1 // of the key id
	got, want := decrypt(d, c, k.blob), decrypt(d, c, missing)
	if code(got) != "AccessDeniedException" || code(got) != code(want) || message(got) != message(want) {
		d.Errorf("Decrypt: %v\nand of a key that never was: %v", got, want)
	}
}

// leavesNothing demands that no file holds anything of the key.
func (d *running) leavesNothing(k *doomed) {
	d.Helper()
	for what, b := range k.traces {
		if files := d.holding(b); files != nil {
			d.Errorf("%s of the deleted key are still in %v", what, files)
		}
	}
}

// TestDeletion follows a key from its last use to the last of its bytes.
func TestDeletion(t *testing.T) {
	t.Parallel()
	d := newRunning(t, hurried)
	kept := d.newKey(d.kms(), "kept")
	k := d.newDoomed()
	c := d.kms()
	blob := d.encrypt(c, kept)
	handles := d.metric("ostiary_device_handles")

	d.clock.set(7*day - time.Minute)
	time.Sleep(5 * hurried.every)
	if s := d.state(c, k.key); s != types.KeyStatePendingDeletion {
		t.Fatalf("a minute before its time the key is %q", s)
	}
	d.clock.set(8 * day)
	d.eventually("the key is deleted", func() bool { return d.state(c, k.key) == "" })
	d.gone(k)
	if now := d.metric("ostiary_device_handles"); now != handles-1 {
		t.Errorf("%v handles in the device, %v before the deletion", now, handles)
	}
	if n, left := d.metric("ostiary_keys_deleted_total"), d.metric("ostiary_keys"); n != 1 || left != 1 {
		t.Errorf("%v keys deleted, %v left", n, left)
	}
	if got := d.deletionRecords(*k.key.Arn); !slices.Equal(got, []string{audit.Intent, audit.Outcome}) {
		t.Errorf("the audit log has the phases %v of the deletion", got)
	}
	d.eventually("the log is purged", func() bool { return !d.purgeOwed() })
	d.leavesNothing(k)

	for range 2 {
		if err := decrypt(t, d.kms(), blob); err != nil {
			t.Errorf("the other key: %v", err)
		}
		d.restart()
		d.gone(k)
	}
	d.leavesNothing(k)
}

// TestPurgeAfterStop: a purge that a stop prevented is made after the next start, at once.
func TestPurgeAfterStop(t *testing.T) {
	t.Parallel()
	slow := routine{every: hurried.every, purgeWithin: time.Hour, shutdown: hurried.shutdown}
	d := newRunning(t, slow)
	k := d.newDoomed()
	d.clock.set(8 * day)
	d.eventually("the key is deleted", func() bool { return d.state(d.kms(), k.key) == "" })
	if !d.purgeOwed() || len(d.holding(k.traces["wrapped bytes"])) == 0 {
		t.Fatal("the log was purged before its time")
	}
	d.stop()
	if !d.purgeOwed() {
		t.Fatal("the folder does not remember that a purge is owed")
	}
	d.start()
	d.eventually("the log is purged", func() bool { return !d.purgeOwed() })
	d.gone(k)
	d.leavesNothing(k)
	if slices.Contains(d.holding([]byte(*k.key.KeyId)), envFile) {
		t.Error("the env file names a key")
	}
}

// TestNoDeletion: a key whose deletion is cancelled stays, and so does one whose time has not come on a clock that was set
// back.
func TestNoDeletion(t *testing.T) {
	t.Parallel()
	d := newRunning(t, hurried)
	d.clock.set(10 * day)
	c := d.kms()
	var keys [3]*types.KeyMetadata
	for i := range keys {
		keys[i] = d.newKey(c, "")
	}
	cancelled, later, sooner := keys[0], keys[1], keys[2]
	blob := d.encrypt(c, cancelled)
	d.schedule(c, cancelled)
	d.schedule(c, later) // on day 17
	d.clock.set(3 * day)
	d.schedule(c, sooner) // on day 10
	must(c.CancelKeyDeletion(d.Context(), &kms.CancelKeyDeletionInput{KeyId: cancelled.KeyId}))(t)

	d.clock.set(12 * day)
	d.eventually("the key whose time has come is deleted", func() bool { return d.state(c, sooner) == "" })
	if s := d.state(c, later); s != types.KeyStatePendingDeletion {
		t.Errorf("before its time the key is %q", s)
	}
	d.clock.set(18 * day)
	d.eventually("the other one is deleted too", func() bool { return d.state(c, later) == "" })
	if s := d.state(c, cancelled); s != types.KeyStateDisabled {
		t.Errorf("the key whose deletion was cancelled is %q", s)
	}
	must(c.EnableKey(d.Context(), &kms.EnableKeyInput{KeyId: cancelled.KeyId}))(t)
	if err := decrypt(t, c, blob); err != nil {
		t.Errorf("the key whose deletion was cancelled: %v", err)
	}
}
