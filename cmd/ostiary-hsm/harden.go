package main

import "C" // for harden.c

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"ostiary.dev/hsm/worker"
)

// hardened checks what harden.c has done before the first thread of Go.
func hardened() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return os.NewSyscallError("prctl", err)
	}
	noNewPrivileges, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil {
		return os.NewSyscallError("prctl", err)
	}
	if limit.Max != 0 || dumpable != 0 || noNewPrivileges != 1 {
		return fmt.Errorf("core limit %d, dumpable %d, no new privileges %d; want 0, 0, 1", limit.Max, dumpable, noNewPrivileges)
	}
	return nil
}

// lockMemory keeps all memory of the process, now and later, out of swap. Pages are locked when they are first used
// (MCL_ONFAULT): the address space that Go reserves is far larger than what it uses. It changes nothing where the limit on
// locked memory would later make an allocation fail.
func lockMemory() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	if limit.Cur != unix.RLIM_INFINITY && !mayLock() {
		return fmt.Errorf("RLIMIT_MEMLOCK is %d KiB: set LimitMEMLOCK=infinity in the unit, or grant CAP_IPC_LOCK", limit.Cur>>10)
	}
	return os.NewSyscallError("mlockall", unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT))
}

// mayLock reports whether the process has CAP_IPC_LOCK, which sets it free of the limit.
func mayLock() bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData // 64 capabilities, 32 in each
	if err := unix.Capget(&head, &sets[0]); err != nil {
		return false
	}
	return sets[unix.CAP_IPC_LOCK/32].Effective&(1<<(unix.CAP_IPC_LOCK%32)) != 0
}

// isSocket reports whether fd is an open socket.
func isSocket(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK
}

// closeInherited closes every descriptor above the socket's that the daemon had open when it started us, and keeps the
// socket's from being inherited further. What this process has opened itself is marked close-on-exec, which no inherited
// descriptor can be.
func closeInherited() error {
	unix.CloseOnExec(worker.SocketFD)
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	var failed error
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= worker.SocketFD {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			failed = errors.Join(failed, os.NewSyscallError("close", syscall.Close(fd)))
		}
	}
	return failed
}
