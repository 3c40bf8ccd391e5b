package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// children gives the pids of a process's living children, from /proc (proc(5), stat).
func children(parent int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	var pids []int
	for _, path := range stats {
		state, ppid := stat(path)
		if ppid == parent && state != "Z" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// stat gives a process's state letter and parent, or "" if it is gone.
func stat(path string) (state string, parent int) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return "", 0
	}
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}

// alive says whether a process runs. One that has ended and waits for its parent does not.
func alive(pid int) bool {
	state, _ := stat(fmt.Sprintf("/proc/%d/stat", pid))
	return state != "" && state != "Z"
}

// worker gives the pid of the server's device worker, waiting until there is exactly one.
func (s *server) worker() int {
	s.t.Helper()
	var pids []int
	wait(s.t, "one device worker", func() bool {
		pids = children(s.cmd.Process.Pid)
		return len(pids) == 1
	})
	return pids[0]
}

// wait waits for what must come true within some seconds.
func wait(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// memory reads all that a process has written to its memory (proc_pid_maps(5), proc_pid_mem(5)), as far as we may.
func memory(t *testing.T, pid int, look func(at uint64, content []byte)) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return // a hardened process shows its memory to root alone
	}
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	var read uint64
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		var access string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(access, "rw") || strings.Contains(line, "[v") {
			continue
		}
		// What was never written reads as zeros, and costs nothing to skip.
		const step = 1 << 20
		for at := from; at < to; at += step {
			content := make([]byte, min(step, to-at))
			n, _ := mem.ReadAt(content, int64(at)) // a hole in the mapping is not our business
			look(at, content[:n])
			read += uint64(n)
		}
	}
	if read < 1<<20 {
		t.Errorf("only %d bytes of memory were read", read)
	}
}
