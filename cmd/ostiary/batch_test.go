package main

import (
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBeBatch: all threads have the policy, and so have those that are made later.
func TestBeBatch(t *testing.T) {
	if err := beBatch(); err != nil {
		t.Fatal(err)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range threads {
		id, err := strconv.Atoi(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		a, err := unix.SchedGetAttr(id, 0)
		if err != nil {
			continue // the thread has ended
		}
		if a.Policy != unix.SCHED_BATCH {
			t.Errorf("thread %d has policy %d", id, a.Policy)
		}
	}
}
