package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"ostiary.dev/hsm/worker"
)

// DevConfig is what `ostiary dev` was asked for.
type DevConfig struct {
	Dir         string   // data folder; everything is under it
	Listen      string   // host:port of the API
	Metrics     string   // host:port of /metrics, /healthz and /readyz; loopback
	Account     string   // 12 digits
	Regions     []string // served at the one endpoint, at least one
	Clean       bool     // start from nothing, removing what Dir holds
	HandleLimit int      // backing keys held in the device at most; 0 for the default
	SyncAudit   bool     // audit records reach the disk before a call is answered

	Worker string           // path of ostiary-hsm; "" finds it beside the running program or in PATH
	Out    io.Writer        // the banner
	Log    *slog.Logger     // everything else
	Now    func() time.Time // wall clock

	routine routine // the usual one, but for tests
}

// Problem is a failure that whoever starts the daemon can mend: what is wrong, and what to do about it. Its text is one
// line.
type Problem struct {
	What string
	Do   string
	Err  error // cause, may be nil
}

func (p *Problem) Error() string {
	s := p.What
	if p.Err != nil {
		s += ": " + oneLine(p.Err.Error())
	}
	if p.Do != "" {
		s += "; " + p.Do
	}
	return s
}

func (p *Problem) Unwrap() error { return p.Err }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$`)
)

// check refuses what cannot work before anything is touched, and fills defaults.
func (c *DevConfig) check() error {
	if !accountForm.MatchString(c.Account) {
		return &Problem{What: fmt.Sprintf("account %q is not an AWS account id", c.Account), Do: "give --account 12 digits"}
	}
	if len(c.Regions) == 0 {
		return &Problem{What: "no region is named", Do: "give --region at least once"}
	}
	for _, r := range c.Regions {
		if !regionForm.MatchString(r) {
			return &Problem{What: fmt.Sprintf("region %q has not the form of a region name", r), Do: "give a name such as eu-central-1"}
		}
	}
	c.Regions = distinct(c.Regions)
	if c.HandleLimit < 0 || c.HandleLimit > worker.MaxHandles {
		return &Problem{What: fmt.Sprintf("%d handles cannot be held", c.HandleLimit), Do: fmt.Sprintf("give --handles 1 to %d", worker.MaxHandles)}
	}
	for _, address := range []string{c.Listen, c.Metrics} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return &Problem{What: fmt.Sprintf("%q is not an address to listen on", address), Do: "give host:port, such as 127.0.0.1:8443"}
		}
	}
	if err := loopback(c.Metrics); err != nil {
		return err
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return &Problem{What: "data folder " + c.Dir + " has no absolute path", Err: err}
	}
	c.Dir = dir
	if c.routine == (routine{}) {
		c.routine = usual()
	}
	return nil
}

// distinct drops repetitions; the first region stays first, since clients get it as their default.
func distinct(list []string) []string {
	var once []string
	for _, s := range list {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// loopback demands that metrics, which tell what a cluster is used for, are not served to the network.
func loopback(address string) error {
	host, _, _ := net.SplitHostPort(address)
	if isLoopback(host) {
		return nil
	}
	return &Problem{What: "metrics address " + address + " is not on loopback", Do: "give --metrics 127.0.0.1:PORT"}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
