package audit

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Children that this test binary can be, by the value of childEnv. Each gets the folder of its log as argument.
const childEnv = "OSTIARY_AUDIT_TEST_CHILD"

func TestMain(m *testing.M) {
	var err error
	switch kind := os.Getenv(childEnv); kind {
	case "":
		os.Exit(m.Run())
	case "writer":
		err = writeForever(os.Args[1])
	case "small":
		err = fillBelowLimit(os.Args[1])
	default:
		err = fmt.Errorf("unknown child %q", kind)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(t *testing.T, kind, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, dir)
	cmd.Env = append(os.Environ(), childEnv+"="+kind)
	cmd.Stderr = os.Stderr
	return cmd
}

// writeForever prints the id of each record once it was acknowledged.
func writeForever(dir string) error {
	l, err := Open(Config{Dir: dir, MaxFileBytes: 64 << 10})
	if err != nil {
		return err
	}
	errs := make(chan error)
	for writer := range 8 {
		go func() {
			for i := 0; ; i++ {
				r := sampleRecord()
				r.RequestID = fmt.Sprintf("%d-%d-%d", os.Getpid(), writer, i)
				if err := l.Write(context.Background(), r); err != nil {
					errs <- err
					return
				}
				if _, err := os.Stdout.WriteString(r.RequestID + "\n"); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	return <-errs
}

func TestAcknowledgedRecordsSurviveKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := make(map[string]bool)
	for round := range 8 {
		cmd := child(t, "writer", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for limit := 100 + 313*round; ; limit-- {
			id, err := lines.ReadString('\n')
			if err != nil {
				break // the last line may be torn as well, then it was not acknowledged to us
			}
			acknowledged[strings.TrimSuffix(id, "\n")] = true
			if limit == 0 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("child ended by itself")
		}
	}
	found := requestIDs(t, dir)
	for id := range acknowledged {
		if found[id] != 1 {
			t.Errorf("acknowledged record %s is %d times in the log", id, found[id])
		}
	}
	t.Logf("%d records acknowledged, %d in the log", len(acknowledged), len(found))
}

// fillBelowLimit writes under a file size limit until that refuses, raises the limit, and expects to be heard again.
func fillBelowLimit(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	l, err := Open(Config{Dir: dir})
	if err != nil {
		return err
	}
	const limit = 100_001
	raise := func(to uint64) error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: to, Max: ^uint64(0)})
	}
	if err := raise(limit); err != nil {
		return err
	}
	if err := fillUp(l, os.Stdout); err != nil {
		return err
	}
	if err := raise(^uint64(0)); err != nil {
		return err
	}
	return recoverAndClose(l, os.Stdout)
}

// fillUp writes records, with several writers, until each was refused, and prints those that were not.
func fillUp(l *Log, out *os.File) error {
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for writer := range cap(errs) {
		wg.Go(func() {
			for i := range 10_000 {
				r := sampleRecord()
				r.RequestID = fmt.Sprintf("full-%d-%d", writer, i)
				if l.Write(context.Background(), r) != nil {
					return
				}
				fmt.Fprintln(out, r.RequestID)
			}
			errs <- fmt.Errorf("writer %d was never refused", writer)
		})
	}
	wg.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return err
	}
	if l.Err() == nil {
		return fmt.Errorf("log is healthy after a refused write")
	}
	return nil
}

// recoverAndClose expects that the log finds out by itself that it can write again.
func recoverAndClose(l *Log, out *os.File) error {
	for range 100 {
		if l.Err() == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := l.Err(); err != nil {
		return fmt.Errorf("log did not recover: %w", err)
	}
	r := sampleRecord()
	r.RequestID = "after"
	if err := l.Write(context.Background(), r); err != nil {
		return err
	}
	fmt.Fprintln(out, r.RequestID)
	return l.Close()
}
