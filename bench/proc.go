package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// family gives a process and all its descendants (proc(5), /proc/PID/stat).
func family(pid int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, err := parentOf(child); err == nil { // it may be gone by now
			children[parent] = append(children[parent], child)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

func parentOf(pid int) (int, error) {
	fields, err := statFields(pid)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(fields[1])
}

// statFields gives the fields of /proc/PID/stat from the third on, the process's state.
func statFields(pid int) ([]string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	// The name in brackets may hold anything, brackets too.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 15 {
		return nil, fmt.Errorf("short /proc/%d/stat", pid)
	}
	return fields, nil
}

// cpuTime gives the CPU time that a process and its descendants have used: of those that live from
// /proc/PID/task/TID/schedstat, of children that were replaced meanwhile, to 10 ms, from what their parent has reaped.
// (Threads that ended are missing; Go's practically never do.)
func cpuTime(root int) (time.Duration, error) {
	pids, err := family(root)
	if err != nil {
		return 0, err
	}
	sum, err := reaped(root)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		used, err := threadTime(pid)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// tick is the unit of times in /proc/PID/stat (USER_HZ, the same on all common machines).
const tick = 10 * time.Millisecond

// reaped gives the CPU time of the children that a process has waited for (cutime and cstime of proc(5)).
func reaped(pid int) (time.Duration, error) {
	fields, err := statFields(pid)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, field := range fields[13:15] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ticks) * tick
	}
	return sum, nil
}

// threadTime gives the CPU time of all threads of a process, 0 if it is gone.
func threadTime(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, name := range files {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return 0, err
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// resident gives the resident memory of the processes in bytes (VmRSS of /proc/PID/status).
func resident(pids ...int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		_, rest, ok := strings.Cut(string(status), "\nVmRSS:")
		line, _, _ := strings.Cut(rest, "kB\n")
		kib, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if !ok || err != nil {
			return 0, fmt.Errorf("no VmRSS in /proc/%d/status", pid)
		}
		sum += kib << 10
	}
	return sum, nil
}
