package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// workerPath is the device worker's program, set once by TestMain.
var workerPath string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the device worker as the Makefile does and runs the tests with it.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ostiary-daemon-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	workerPath = filepath.Join(dir, workerProgram)
	build := exec.Command("go", "build", "-trimpath", "-o", workerPath, "ostiary.dev/cmd/ostiary-hsm")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the device worker:", err)
		return 1
	}
	return m.Run()
}
