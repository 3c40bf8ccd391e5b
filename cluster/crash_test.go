package cluster

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// crashDir makes the test binary the process that is to be killed, working in that folder.
const crashDir = "OSTIARY_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := proposeForEver(dir); err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// smallConfig makes snapshots and new log segments happen all the time.
func smallConfig(dir string) Config {
	cfg := config(dir)
	cfg.SnapshotEntries, cfg.SnapshotInterval, cfg.segment = 60, 20*time.Millisecond, 16<<10
	return cfg
}

// proposeForEver makes keys from several goroutines, says of each when it is acknowledged, and purges now and then.
func proposeForEver(dir string) error {
	n, err := Open(smallConfig(dir))
	if err != nil {
		return err
	}
	<-n.Ready()
	ctx := context.Background()
	view := n.store.View()
	if view.Account(account) == nil {
		for _, c := range found() {
			if _, err := n.Propose(ctx, c); err != nil && view.Cluster() == nil {
				return err
			}
		}
	}
	failed := make(chan error)
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				id := os.Getpid()*1_000_000 + w*100_000 + i
				if _, err := n.Propose(ctx, newKey(keyID(id))); err != nil {
					failed <- err
				}
				fmt.Printf("key %d\n", id) // one write
			}
		}()
	}
	go func() {
		for {
			time.Sleep(30 * time.Millisecond)
			if err := n.Purge(ctx); err != nil {
				failed <- err
			}
		}
	}()
	return <-failed
}

// A process is killed at random moments; every command that it had acknowledged is there after each restart.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[int]bool{}
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for round := range 25 {
		// The first rounds die while starting, the others while working.
		for _, id := range runAndKill(t, dir, time.Duration(rng.IntN(10+round*12))*time.Millisecond) {
			acknowledged[id] = true
		}
		n := open(t, smallConfig(dir))
		v := view(t, n)
		for id := range acknowledged {
			if v.Key(ref(keyID(id))) == nil {
				t.Fatalf("round %d: key %d of %d was acknowledged and is gone", round, id, len(acknowledged))
			}
		}
		closeNode(t, n)
	}
	if len(acknowledged) < 100 {
		t.Errorf("only %d commands were acknowledged", len(acknowledged))
	}
	t.Logf("%d commands", len(acknowledged))
}

// runAndKill lets the process work for a while after its first command, or after its start if that comes first, and gives what it
// acknowledged.
func runAndKill(t *testing.T, dir string, after time.Duration) []int {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	var timer *time.Timer
	arm := func(d time.Duration) {
		once.Do(func() { timer = time.AfterFunc(d, func() { _ = cmd.Process.Kill() }) })
	}
	if after < 20*time.Millisecond {
		arm(3 * after)
	}
	var ids []int
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		arm(after)
		text, ok := strings.CutPrefix(lines.Text(), "key ")
		id, err := strconv.Atoi(text)
		if !ok || err != nil {
			t.Errorf("process says %q", lines.Text())
			continue
		}
		ids = append(ids, id)
	}
	arm(0)
	_ = cmd.Wait()
	timer.Stop()
	return ids
}
