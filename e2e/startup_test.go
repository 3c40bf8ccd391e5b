package e2e

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// problem is a start that must fail.
type problem struct {
	name    string
	prepare func(t *testing.T, dir string) // on a folder that a server has used; nil for no folder at all
	args    []string
	env     []string
	status  int
	want    []string // parts of the one line on standard error
}

// TestStartProblems: what whoever starts the daemon can mend is told in one line, and nothing is left behind.
func TestStartProblems(t *testing.T) {
	t.Parallel()
	used := newServer(t)
	blob := encrypt(t, used.kms(), *newKey(t, used.kms()).KeyId, "text")
	used.stop()
	other := newServer(t)
	other.stop()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	port := taken.Addr().String()

	for _, p := range []problem{
		{name: "busy port", args: []string{"--listen", port}, want: []string{port + " is in use", "--listen"}},
		{name: "busy metrics port", args: []string{"--metrics", port}, want: []string{port + " is in use", "--metrics"}},
		{name: "foreign address", args: []string{"--listen", "192.0.2.1:0"}, want: []string{"cannot listen on 192.0.2.1:0", "--listen"}},
		{name: "metrics for all", args: []string{"--metrics", "0.0.0.0:0"}, want: []string{"not on loopback", "--metrics 127.0.0.1"}},
		{name: "no address", args: []string{"--listen", "here"}, want: []string{`"here" is not an address`, "host:port"}},
		{name: "no account id", args: []string{"--account", "12"}, want: []string{`account "12"`, "12 digits"}},
		{name: "no region name", args: []string{"--region", "Mars"}, want: []string{`region "Mars"`}},
		{name: "missing library", env: []string{"OSTIARY_SOFTHSM_LIBRARY=/nonexistent"}, want: []string{"OSTIARY_SOFTHSM_LIBRARY", `"/nonexistent"`}},
		{name: "library is none", env: []string{"OSTIARY_SOFTHSM_LIBRARY=/etc/passwd"}, want: []string{"/etc/passwd"}},
		{name: "unknown flag", args: []string{"--colour"}, status: 2, want: []string{"unknown flag: --colour", "--help"}},
		{name: "flag without value", args: []string{"--region"}, status: 2, want: []string{"--region", "--help"}},
		{name: "flag of another type", args: []string{"--handles", "many"}, status: 2, want: []string{"--handles", "--help"}},
		{name: "argument", args: []string{"now"}, status: 2, want: []string{`"now"`, "--help"}},
		{name: "no number of handles", args: []string{"--handles", "-5"}, want: []string{"--handles"}},

		{name: "marker damaged", prepare: overwrite("ostiary.json", "{"), want: []string{"ostiary.json", "damaged"}},
		{name: "marker empty", prepare: overwrite("ostiary.json", ""), want: []string{"ostiary.json", "damaged"}},
		{name: "newer format", prepare: overwrite("ostiary.json", `{"format":99,"kind":"dev"}`), want: []string{"format 99", "newer"}},
		{name: "folder is a file", prepare: func(t *testing.T, dir string) {
			remove(".")(t, dir)
			overwrite(".", "text")(t, dir)
		}, want: []string{"not a directory", "--data"}},
		{name: "foreign folder", prepare: remove("ostiary.json"), want: []string{"holds something else", "--data"}},
		{name: "PIN wrong", prepare: overwrite("pin", "12345678\n"), want: []string{"PIN", "--clean"}},
		{name: "PIN missing", prepare: remove("pin"), want: []string{"PIN file", "missing", "restore it"}},
		{name: "PIN empty", prepare: overwrite("pin", ""), want: []string{"PIN file", "--clean"}},
		{name: "PIN for all to read", prepare: chmod("pin", 0o644), want: []string{"PIN file", "open to all", "chmod"}},
		{name: "token missing", prepare: remove("softhsm"), want: []string{"restore", "softhsm", "--clean"}},
		{name: "token's files empty", prepare: truncateAll("softhsm/tokens"), want: []string{"softhsm", "--clean"}},
		{name: "token's objects gone", prepare: removeObjects, want: []string{"softhsm", "--clean"}},
		{name: "token of another folder", prepare: replace(other.dir, "softhsm", "pin"), want: []string{"softhsm", "raft", "put back"}},
		{name: "raft missing", prepare: remove("raft"), want: []string{"raft"}},
		{name: "raft's files empty", prepare: truncateAll("raft"), want: []string{"replicated state"}},
		{name: "raft's files overwritten", prepare: scribbleAll("raft"), want: []string{"replicated state"}},
	} {
		t.Run(p.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if p.prepare != nil {
				if err := os.CopyFS(dir, os.DirFS(used.dir)); err != nil {
					t.Fatal(err)
				}
				moved(t, dir)
				p.prepare(t, dir)
			}
			before := listing(t, dir)
			failsToStart(t, exec.Command(ostiary(), devArgs(dir, p.args...)...), p)
			if p.prepare == nil && p.status != 0 && len(listing(t, dir)) > 0 {
				t.Error("a folder was made for a command line that makes no sense")
			}
			if p.prepare != nil && !strings.HasPrefix(listing(t, dir), before) && p.name == "foreign folder" {
				t.Error("a foreign folder was changed")
			}
		})
	}
	used.start() // none of this has touched the folder that the copies were made of
	decrypts(t, used.kms(), blob, "text")
}

func devArgs(dir string, more ...string) []string {
	return append([]string{"dev", "--data", dir, "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"}, more...)
}

// failsToStart runs a command that must end by itself, with its status and one line.
func failsToStart(t *testing.T, cmd *exec.Cmd, p problem) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	bounded := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	bounded.Dir, bounded.SysProcAttr = cmd.Dir, cmd.SysProcAttr
	bounded.Env = append(os.Environ(), p.env...)
	bounded.WaitDelay = time.Second
	var out, stderr output
	bounded.Stdout, bounded.Stderr = &out, &stderr
	err := bounded.Run()
	text := stderr.String()
	if ctx.Err() != nil {
		t.Fatalf("it runs on\n%s%s", out.String(), text)
	}
	var exit *exec.ExitError
	status := max(p.status, 1)
	if !errors.As(err, &exit) || exit.ExitCode() != status {
		t.Errorf("it ended with %v, want status %d", err, status)
	}
	if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "ostiary: ") {
		t.Errorf("standard error is not one line:\n%s", text)
	}
	for _, part := range p.want {
		if !strings.Contains(text, part) {
			t.Errorf("standard error does not say %q:\n%s", part, text)
		}
	}
	if out.String() != "" {
		t.Errorf("standard output: %s", out.String())
	}
}

// moved gives a copied folder the permissions that copying loses.
func moved(t *testing.T, dir string) {
	t.Helper()
	walk(t, dir, func(path string, info os.FileInfo) error {
		if info.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
}

func walk(t *testing.T, dir string, visit func(path string, info os.FileInfo) error) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return visit(path, info)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	var names strings.Builder
	walk(t, dir, func(path string, _ os.FileInfo) error {
		names.WriteString(path + "\n")
		return nil
	})
	return names.String()
}

func overwrite(name, content string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// replace takes files and folders from another data folder.
func replace(from string, names ...string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		for _, name := range names {
			remove(name)(t, dir)
			if err := exec.CommandContext(t.Context(), "cp", "-a", filepath.Join(from, name), dir).Run(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func chmod(name string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// truncateAll leaves files without content, as some file systems do after a power loss.
func truncateAll(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		walk(t, filepath.Join(dir, name), func(path string, info os.FileInfo) error {
			if info.IsDir() {
				return nil
			}
			return os.Truncate(path, 0)
		})
	}
}

// scribbleAll overwrites the middle of every file.
func scribbleAll(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		walk(t, filepath.Join(dir, name), func(path string, info os.FileInfo) error {
			if info.IsDir() || info.Size() < 64 {
				return nil
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for i := len(content) / 4; i < len(content)*3/4; i++ {
				content[i] ^= 0x55
			}
			return os.WriteFile(path, content, 0o600)
		})
	}
}

// removeObjects takes the keys out of the token and leaves the token.
func removeObjects(t *testing.T, dir string) {
	t.Helper()
	walk(t, filepath.Join(dir, "softhsm", "tokens"), func(path string, info os.FileInfo) error {
		if !info.IsDir() && strings.HasSuffix(path, ".object") && filepath.Base(path) != "token.object" {
			return os.Remove(path)
		}
		return nil
	})
}

// TestStartInUse: one folder serves one daemon, which is none the worse for another that tries.
func TestStartInUse(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	failsToStart(t, exec.Command(ostiary(), devArgs(s.dir)...), problem{want: []string{s.dir, "in use", "--data"}})
	failsToStart(t, exec.Command(ostiary(), devArgs(s.dir, "--clean")...), problem{want: []string{s.dir, "in use", "--data"}})
	decrypts(t, s.kms(), encrypt(t, s.kms(), *newKey(t, s.kms()).KeyId, "text"), "text")
}

// TestStartAlone: ostiary without ostiary-hsm says what it misses.
func TestStartAlone(t *testing.T) {
	t.Parallel()
	program, err := os.ReadFile(ostiary())
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "ostiary")
	if err := os.WriteFile(alone, program, 0o700); err != nil {
		t.Fatal(err)
	}
	failsToStart(t, exec.Command(alone, devArgs(filepath.Join(t.TempDir(), "data"))...), problem{want: []string{"ostiary-hsm", "make build"}})
}

// TestStartUnwritable: a folder of another user is left alone.
func TestStartUnwritable(t *testing.T) {
	t.Parallel()
	dir, user := asNobody(t)
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if user.Credential != nil { // as root, the folder stays root's
		if err := os.Chown(dir, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(ostiary(), devArgs(filepath.Join(dir, "data"))...)
	cmd.SysProcAttr = user
	failsToStart(t, cmd, problem{want: []string{filepath.Join(dir, "data"), "permission denied", "--data"}})
}

// TestWithoutRoot: an ordinary user needs no more than the programs and a folder.
func TestWithoutRoot(t *testing.T) {
	t.Parallel()
	dir, user := asNobody(t)
	s := &server{t: t, dir: filepath.Join(dir, "data")}
	t.Cleanup(s.end)
	cmd := s.command()
	cmd.SysProcAttr, cmd.Dir = user, dir
	if err := s.startCommand(cmd); err != nil {
		t.Fatalf("%v\n%s", err, s.stderr.String())
	}
	decrypts(t, s.kms(), encrypt(t, s.kms(), *newKey(t, s.kms()).KeyId, "text"), "text")
}

// asNobody gives a folder and, to root, how to run a program as the user nobody, who owns the folder.
func asNobody(t *testing.T) (string, *syscall.SysProcAttr) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ostiary-nobody-") // not t.TempDir, which is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		const nobody = 65534
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return dir, attr
}
