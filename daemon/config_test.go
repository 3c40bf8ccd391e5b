package daemon

import (
	"errors"
	"io/fs"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary.dev/hsm/worker"
)

func TestProblem(t *testing.T) {
	t.Parallel()
	cause := &fs.PathError{Op: "open", Path: "two\nlines", Err: fs.ErrPermission}
	for want, p := range map[string]*Problem{
		"it broke":          {What: "it broke"},
		"it broke; mend it": {What: "it broke", Do: "mend it"},
		"it broke: open two lines: permission denied":          {What: "it broke", Err: cause},
		"it broke: open two lines: permission denied; mend it": {What: "it broke", Err: cause, Do: "mend it"},
	} {
		if got := p.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if errors.Is(p, fs.ErrPermission) != (p.Err != nil) {
			t.Errorf("%q has not its cause", want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*DevConfig)
		want   string // "" if it is right
	}{
		"as it is":              {func(*DevConfig) {}, ""},
		"any address":           {func(c *DevConfig) { c.Listen = "0.0.0.0:8443" }, ""},
		"any address, IPv6":     {func(c *DevConfig) { c.Listen = "[::]:8443" }, ""},
		"metrics on localhost":  {func(c *DevConfig) { c.Metrics = "localhost:0" }, ""},
		"metrics on ::1":        {func(c *DevConfig) { c.Metrics = "[::1]:0" }, ""},
		"metrics for all":       {func(c *DevConfig) { c.Metrics = ":9443" }, "metrics address :9443 is not on loopback"},
		"metrics by name":       {func(c *DevConfig) { c.Metrics = "localhost.example.net:0" }, "is not on loopback"},
		"most handles":          {func(c *DevConfig) { c.HandleLimit = worker.MaxHandles }, ""},
		"too many handles":      {func(c *DevConfig) { c.HandleLimit = worker.MaxHandles + 1 }, "handles cannot be held"},
		"handles below nothing": {func(c *DevConfig) { c.HandleLimit = -1 }, "handles cannot be held"},
		"account of 11 digits":  {func(c *DevConfig) { c.Account = "11112222333" }, "not an AWS account id"},
		"account of 13 digits":  {func(c *DevConfig) { c.Account = "1111222233334" }, "not an AWS account id"},
		"account with newline":  {func(c *DevConfig) { c.Account += "\n" }, "not an AWS account id"},
		"other digits":          {func(c *DevConfig) { c.Account = "\u0661111222233" }, "not an AWS account id"},
		"region of three parts": {func(c *DevConfig) { c.Regions = []string{"us-gov-west-1"} }, ""},
		"no region":             {func(c *DevConfig) { c.Regions = nil }, "no region"},
		"empty region":          {func(c *DevConfig) { c.Regions = []string{home, ""} }, `region ""`},
		"region in capitals":    {func(c *DevConfig) { c.Regions = []string{"US-EAST-1"} }, `region "US-EAST-1"`},
		"region with a slash":   {func(c *DevConfig) { c.Regions = []string{"us-east-1/kms"} }, `region "us-east-1/kms"`},
		"region with newline":   {func(c *DevConfig) { c.Regions = []string{"us-east-1\n"} }, "region"},
		"no port":               {func(c *DevConfig) { c.Listen = "127.0.0.1" }, "not an address to listen on"},
	} {
		c := DevConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Metrics: "127.0.0.1:0", Account: account, Regions: []string{home}}
		test.change(&c)
		err := c.check()
		if test.want == "" {
			if err != nil || c.routine != usual() {
				t.Errorf("%s: %v, routine %v", name, err, c.routine)
			}
			continue
		}
		if p, ok := errors.AsType[*Problem](err); !ok || !strings.Contains(p.What, test.want) || p.Do == "" || strings.Contains(p.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDistinct(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{"a": {"a"}, "b a b": {"b", "a"}, "a a": {"a"}, "c b a b c": {"c", "b", "a"}, "": nil} {
		if diff := cmp.Diff(want, distinct(strings.Fields(list))); diff != "" {
			t.Errorf("%q:\n%s", list, diff)
		}
	}
}

// TestShellQuote asks a shell, and wants the plain words of most folders as they are.
func TestShellQuote(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", " ", "two words", "it's", "''", "'", `"`, "$HOME", "`id`", "$(id)", `\`, "a\nb", "~", "~/x", "*", "a;b", "a&b", "#", "!", "k\u00e4stchen", "-n", "\xff"} {
		out, err := exec.Command("sh", "-c", "printf %s. "+shellQuote(s)).Output()
		if err != nil || string(out) != s+"." {
			t.Errorf("%q as %s: %q, %v", s, shellQuote(s), out, err)
		}
	}
	for _, s := range []string{"/home/me/.ostiary/env", "https://127.0.0.1:8443", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY=", "eu-central-1"} {
		if shellQuote(s) != s {
			t.Errorf("%s as %s", s, shellQuote(s))
		}
	}
}
