package main

import (
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestUsageErrors: a command line that makes no sense is told from one that failed, by the exit status.
func TestUsageErrors(t *testing.T) {
	for _, line := range []string{"no-such-command", "--no-such-flag", "dev extra", "dev --no-such-flag", "dev --handles many", "version extra"} {
		c := root()
		c.SetArgs(strings.Fields(line))
		c.SetOut(io.Discard)
		var usage *usageError
		if err := c.ExecuteContext(t.Context()); !errors.As(err, &usage) {
			t.Errorf("ostiary %s: %v", line, err)
		}
	}
}

// TestFlagsInREADME: the table of flags has every flag that is not hidden, with its default.
func TestFlagsInREADME(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `--?([a-z-]+)[^`]*` \\| ([^|]*) \\|").FindAllStringSubmatch(string(text), -1) {
		listed[row[1]] = strings.Trim(row[2], "`")
	}
	dev().Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name, want := f.Name, strings.Trim(f.DefValue, "[]")
		if f.Shorthand != "" {
			name = f.Shorthand
		}
		if want == "false" {
			want = "off"
		}
		if got, ok := listed[name]; !ok || got != want {
			t.Errorf("--%s: README says %q, the default is %q", f.Name, got, want)
		}
		delete(listed, name)
	})
	if len(listed) > 0 {
		t.Errorf("README lists what does not exist: %v", listed)
	}
}
