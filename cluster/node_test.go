package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"ostiary.dev/cluster/lease"
	"ostiary.dev/cluster/wal"
	"ostiary.dev/state"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
	policy  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}`
	created = int64(1_700_000_000_000)
)

func config(dir string) Config {
	return Config{
		Dir: dir, NodeID: "n1", Store: state.New(), Bootstrap: true, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// open opens a node and waits until it is ready. It is closed with the test.
func open(t testing.TB, cfg Config) *Node {
	t.Helper()
	n, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close(context.Background()) })
	select {
	case <-n.Ready():
	case <-n.Done():
		t.Fatal(n.Err())
	case <-time.After(20 * time.Second):
		t.Fatal("not ready")
	}
	return n
}

// founded opens a node with a cluster and an account.
func founded(t testing.TB, cfg Config) *Node {
	t.Helper()
	n := open(t, cfg)
	propose(t, n, found()...)
	return n
}

func found() []state.Command {
	return []state.Command{
		state.Bootstrap{Cluster: state.Cluster{
			ID: "c-1", Regions: []string{region}, Created: created, HostRoot: []byte("r"), SealingKey: []byte("s"), CA: []byte("c"),
			CACertificate: []byte("cc"), DomainKey: 1,
		}},
		state.PutAccount{Account: state.Account{ID: account, Name: "test", Created: created}},
	}
}

func propose(t testing.TB, n *Node, commands ...state.Command) {
	t.Helper()
	for _, c := range commands {
		if _, err := n.Propose(t.Context(), c); err != nil {
			t.Fatalf("%T: %v", c, err)
		}
	}
}

func ref(id string) state.KeyRef { return state.KeyRef{Account: account, Region: region, ID: id} }

func newKey(id string) state.CreateKey {
	material := sha256.Sum256([]byte(id))
	return state.CreateKey{Key: state.Key{
		Ref: ref(id), Created: created, State: state.Enabled, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS",
		Policy:   state.NewDocument(policy),
		Versions: []state.Version{{MaterialID: material, Token: bytes.Repeat(material[:], 8), Created: created}},
	}}
}

func keyID(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// view reads the state as a call would.
func view(t testing.TB, n *Node) *state.View {
	t.Helper()
	r, err := n.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return r.View()
}

func closeNode(t testing.TB, n *Node) {
	t.Helper()
	if err := n.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestNodeKeepsState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	n := founded(t, config(dir))
	propose(t, n, newKey(keyID(1)))
	for i := range 3 {
		closeNode(t, n)
		n = open(t, config(dir))
		if view(t, n).Key(ref(keyID(1+i))) == nil {
			t.Fatalf("key %d is gone", 1+i)
		}
		propose(t, n, newKey(keyID(2+i)))
	}
	s := n.Stats()
	if !s.Leader || s.Voters != 1 || s.Term < 2 || s.AppliedIndex < 6 || s.LastIndex < s.AppliedIndex || s.CommitIndex < s.AppliedIndex {
		t.Errorf("stats are %+v", s)
	}
}

func TestProposeErrors(t *testing.T) {
	n := open(t, config(t.TempDir()))
	var refusal *state.Refusal
	if result, err := n.Propose(t.Context(), newKey(keyID(1))); !errors.As(err, &refusal) || refusal.Code != state.CodeNotBootstrapped || result.Index == 0 {
		t.Errorf("refused by the state: %v, %v", result, err)
	}
	if result, err := n.Propose(t.Context(), state.Bootstrap{}); !errors.As(err, &refusal) || refusal.Code != state.CodeInvalid || result.Index != 0 {
		t.Errorf("refused before the log: %v, %v", result, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Propose(ended, found()[0]); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	if _, err := n.Read(ended); !errors.Is(err, ErrUnavailable) {
		t.Errorf("read with an ended context: %v", err)
	}
	propose(t, n, found()...)
	r, err := n.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	if err := r.Check(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("check after close: %v", err)
	}
	if _, err := n.Read(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("read after close: %v", err)
	}
	if _, err := n.Propose(t.Context(), newKey(keyID(1))); !errors.Is(err, ErrUnavailable) {
		t.Errorf("propose after close: %v", err)
	}
	if err := n.Purge(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("purge after close: %v", err)
	}
}

// Whoever reads after an acknowledgement sees what was acknowledged, on whichever goroutine.
func TestReadSeesWhatWasAcknowledged(t *testing.T) {
	commits := make(chan time.Duration, 1000)
	cfg := config(t.TempDir())
	cfg.Committed = func(d time.Duration) { commits <- d }
	n := founded(t, cfg)
	var wg sync.WaitGroup
	acknowledged := make(chan int, 400)
	for w := range 8 {
		wg.Go(func() {
			for i := range 25 {
				id := w*100 + i
				if _, err := n.Propose(t.Context(), newKey(keyID(id))); err != nil {
					t.Error(err)
					return
				}
				acknowledged <- id
			}
		})
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			last := uint64(0)
			for id := range acknowledged {
				r, err := n.Read(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if r.View().Key(ref(keyID(id))) == nil {
					t.Errorf("key %d was acknowledged and is not there", id)
				}
				if r.View().Index() < last {
					t.Errorf("state went back from %d to %d", last, r.View().Index())
				}
				last = r.View().Index()
			}
		})
	}
	wg.Wait()
	close(acknowledged)
	readers.Wait()
	if len(commits) != 202 {
		t.Errorf("told of %d commits", len(commits))
	}
}

// Everything that was deleted before a purge is in no file afterwards, and the state is the same after a restart.
func TestPurge(t *testing.T) {
	const marker = "MARKER-THAT-MUST-GO"
	dir := t.TempDir()
	n := founded(t, config(dir))
	marked := newKey(keyID(1))
	marked.Key.Description = marker
	propose(t, n, marked, newKey(keyID(2)))
	if err := n.Purge(t.Context()); err != nil { // the marker is in a snapshot too
		t.Fatal(err)
	}
	propose(t, n,
		state.SetDescription{Ref: ref(keyID(2)), Description: marker + "-2"},
		state.SetDescription{Ref: ref(keyID(2)), Description: "harmless"},
		state.ScheduleDeletion{Ref: ref(keyID(1)), Days: 7, Due: created, Time: created},
		state.DeleteKey{Ref: ref(keyID(1)), Time: created},
	)
	if !contains(t, dir, marker) {
		t.Fatal("the test looks for the wrong thing")
	}
	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() { // entries keep coming
		for i := 10; ; i++ {
			select {
			case <-stop:
				return
			default:
				propose(t, n, newKey(keyID(i)))
			}
		}
	})
	for range 3 {
		if err := n.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		if contains(t, dir, marker) {
			t.Fatal("the marker is still there")
		}
	}
	close(stop)
	busy.Wait()
	want, err := view(t, n).Hash()
	if err != nil {
		t.Fatal(err)
	}
	if n.Stats().SnapshotIndex == 0 || n.Stats().SnapshotAt.IsZero() {
		t.Errorf("stats are %+v", n.Stats())
	}
	closeNode(t, n)
	n = open(t, config(dir))
	if got, err := view(t, n).Hash(); err != nil || got != want {
		t.Errorf("the state is another after the restart: %v", err)
	}
	if contains(t, dir, marker) {
		t.Error("the marker has come back")
	}
}

func contains(t testing.TB, dir, marker string) bool {
	t.Helper()
	found := false
	for path, data := range tree(t, dir) {
		if bytes.Contains(data, []byte(marker)) {
			t.Logf("marker in %s", path)
			found = true
		}
	}
	return found
}

// tree reads all files below a folder. Files that go away meanwhile are left out.
func tree(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		name, _ := filepath.Rel(dir, path)
		out[name] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// An orderly end leaves a snapshot if there is much to replay, and only then.
func TestCloseLeavesSnapshot(t *testing.T) {
	dir := t.TempDir()
	closeNode(t, founded(t, config(dir)))
	n := open(t, config(dir))
	if at := n.Stats().SnapshotIndex; at != 0 {
		t.Errorf("snapshot at %d", at)
	}
	for i := range closeSnapshot {
		propose(t, n, newKey(keyID(i)))
	}
	want := view(t, n).Index()
	closeNode(t, n)
	n = open(t, config(dir))
	if at := n.Stats().SnapshotIndex; at < want || view(t, n).Index() != want {
		t.Errorf("snapshot at %d, state at %d, want %d", at, view(t, n).Index(), want)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Purge(ended); !errors.Is(err, ErrUnavailable) {
		t.Errorf("purge with an ended context: %v", err)
	}
}

// A start after a crash in the middle of a snapshot from a leader finds a log that ends before the snapshot.
func TestLogBehindSnapshot(t *testing.T) {
	dir := t.TempDir()
	n := founded(t, config(dir))
	propose(t, n, newKey(keyID(1)), newKey(keyID(2)))
	if err := n.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	logDir := filepath.Join(dir, logName)
	if err := os.RemoveAll(logDir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(logDir, 0o700); err != nil {
		t.Fatal(err)
	}
	old, err := wal.Create(logDir, wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.StoreLog(&raft.Log{Index: 1, Term: 1, Type: raft.LogNoop}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(old.Stable().SetUint64([]byte("CurrentTerm"), 5), old.Close()); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		n = open(t, config(dir))
		propose(t, n, newKey(keyID(3+i)))
		closeNode(t, n)
	}
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	n := founded(t, config(dir))
	if err := n.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s: %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Snapshots are taken by themselves, while commands go on, and the log stays short.
func TestAutomaticSnapshots(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.SnapshotEntries, cfg.SnapshotInterval = 50, 10*time.Millisecond
	n := founded(t, cfg)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 100 {
				propose(t, n, newKey(keyID(w*100+i)))
			}
		})
	}
	wg.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for s := n.Stats(); s.SnapshotIndex+100 < s.LastIndex; s = n.Stats() {
		if time.Now().After(deadline) {
			t.Fatalf("no snapshot: %+v", s)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for first := uint64(0); first+100 < n.Stats().LastIndex; time.Sleep(10 * time.Millisecond) {
		var err error
		if first, err = n.disk.log.FirstIndex(); err != nil || time.Now().After(deadline) {
			t.Fatalf("log begins at %d, %v", first, err)
		}
		if first == 0 {
			break
		}
	}
}

// A log that cannot be written, and one that cannot be applied, stop the node.
func TestHalt(t *testing.T) {
	n := founded(t, config(t.TempDir()))
	n.halt(errors.New("the disk is gone"))
	select {
	case <-n.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("not done")
	}
	if _, err := n.Read(t.Context()); !errors.Is(err, ErrUnavailable) || !errors.Is(err, n.Err()) {
		t.Errorf("read: %v", err)
	}
	if _, err := n.Propose(t.Context(), newKey(keyID(1))); !errors.Is(err, ErrUnavailable) {
		t.Errorf("propose: %v", err)
	}
	closeNode(t, n)
}

func TestCorruptEntryHalts(t *testing.T) {
	dir := t.TempDir()
	n := founded(t, config(dir))
	propose(t, n, newKey(keyID(1)))
	if err := n.raft.Apply([]byte("no command"), time.Second).Error(); err != nil {
		t.Fatal(err)
	}
	<-n.Done()
	var corrupt *state.Corrupt
	if !errors.As(n.Err(), &corrupt) {
		t.Errorf("reason is %v", n.Err())
	}
	if _, err := n.Read(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	closeNode(t, n)
	again, err := Open(config(dir)) // it meets the entry again
	if err != nil {
		t.Fatal(err)
	}
	<-again.Done()
	if !errors.As(again.Err(), &corrupt) {
		t.Errorf("reason is %v", again.Err())
	}
	closeNode(t, again)
}

func TestProposalError(t *testing.T) {
	for err, want := range map[error]error{
		raft.ErrNotLeader: ErrNotLeader, raft.ErrLeadershipTransferInProgress: ErrNotLeader,
		raft.ErrEnqueueTimeout: ErrUnavailable, raft.ErrAbortedByRestore: ErrUnavailable, syscall.ENOSPC: ErrUnavailable,
		raft.ErrLeadershipLost: ErrUncertain, raft.ErrRaftShutdown: ErrUncertain, wal.ErrFailed: ErrUncertain, io.ErrUnexpectedEOF: ErrUncertain,
	} {
		if got := proposalError(err); !errors.Is(got, want) || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// There is no protocol for leases of several members, so a node that is not alone must not read.
func TestNoLeaseBesideOthers(t *testing.T) {
	cfg := config(t.TempDir())
	_, cfg.Transport = raft.NewInmemTransport("here")
	n := founded(t, cfg)
	r, err := n.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.raft.AddNonvoter("n2", "there", 0, time.Second).Error(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); r.Check() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still reading")
		}
	}
	if _, err := n.Read(t.Context()); !errors.Is(err, lease.ErrNone) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	propose(t, n, newKey(keyID(1))) // proposing needs no lease
	if n.Stats().Voters != 1 {
		t.Errorf("%d voters", n.Stats().Voters)
	}
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no dir": func(c *Config) { c.Dir = "" }, "no store": func(c *Config) { c.Store = nil }, "no log": func(c *Config) { c.Log = nil },
		"no clock": func(c *Config) { c.Now = nil }, "no id": func(c *Config) { c.NodeID = "" }, "odd id": func(c *Config) { c.NodeID = "a/b" },
	} {
		cfg := config(t.TempDir())
		change(&cfg)
		if n, err := Open(cfg); err == nil {
			t.Errorf("%s: opened", name)
			closeNode(t, n)
		}
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	n := founded(t, config(t.TempDir()))
	ctx := t.Context()
	if allocs := testing.AllocsPerRun(1000, func() {
		r, err := n.Read(ctx)
		if err != nil || r.View() == nil || r.Check() != nil {
			t.Error(err)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkRead(b *testing.B) {
	n := founded(b, config(b.TempDir()))
	ctx := b.Context()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := n.Read(ctx)
			if err != nil || r.Check() != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPropose(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			n := founded(b, config(b.TempDir()))
			propose(b, n, newKey(keyID(1)))
			b.SetParallelism(max(1, writers/2))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := n.Propose(b.Context(), state.SetDescription{Ref: ref(keyID(1)), Description: "x"}); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkOpen is a start with 100,000 keys after an orderly end, until the node is ready.
func BenchmarkOpen(b *testing.B) {
	const keys = 100_000
	dir := b.TempDir()
	n := founded(b, config(dir))
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < keys; i += 64 {
				propose(b, n, newKey(keyID(i)))
			}
		})
	}
	wg.Wait()
	start := time.Now()
	if err := n.Purge(b.Context()); err != nil {
		b.Fatal(err)
	}
	took := time.Since(start)
	closeNode(b, n)
	for b.Loop() {
		n := open(b, config(dir))
		b.StopTimer()
		closeNode(b, n)
		b.StartTimer()
	}
	b.ReportMetric(float64(took.Milliseconds()), "purge-ms")
}
