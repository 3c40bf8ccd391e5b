package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// harden keeps what the daemon has in memory (sealing key, signing keys, the server's key, plaintext on its way) from core
// files and from other processes of the same user: no core, no ptrace, no /proc/PID/mem. Root is not kept out.
func harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)) // for the whole process
}
