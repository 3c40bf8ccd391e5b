package main

import (
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// beBatch makes every thread of the process, and so its children, batch work to the kernel's scheduler (sched(7),
// SCHED_BATCH): a thread that wakes up waits for its turn instead of interrupting the one that runs. Daemon and device worker
// wake each other for every few calls; under load they then do more per turn, which saves a fifth of the CPU time of a call.
// An idle machine runs them as soon as ever. Needs no privilege.
func beBatch() error {
	// New threads have the policy of the one that made them. The second round finds those made during the first.
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				continue
			}
			policy := unix.SchedAttr{Size: uint32(unsafe.Sizeof(unix.SchedAttr{})), Policy: unix.SCHED_BATCH}
			if err := unix.SchedSetAttr(id, &policy, 0); err != nil && err != unix.ESRCH {
				return os.NewSyscallError("sched_setattr", err)
			}
		}
	}
	return nil
}
