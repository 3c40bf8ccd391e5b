package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// programs is the folder with ostiary and ostiary-hsm, set once by TestMain.
var programs string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds both programs as the Makefile does and runs the tests with them.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ostiary-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programs = dir
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, "building the programs:", err)
		return 1
	}
	code := m.Run()
	if left := running(dir); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "the tests have left processes behind:", left)
		return 1
	}
	return code
}

// running gives the processes that run a program of a folder.
func running(dir string) []string {
	links, _ := filepath.Glob("/proc/[0-9]*/exe") // the pattern is well-formed
	var left []string
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir+"/") {
			left = append(left, link+" -> "+target)
		}
	}
	return left
}

func build(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { // a test runs the programs as another user
		return err
	}
	for program, cgo := range map[string]string{"ostiary": "0", "ostiary-hsm": "1"} {
		cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, program), "ostiary.dev/cmd/"+program)
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
	}
	return nil
}

func ostiary() string { return filepath.Join(programs, "ostiary") }
