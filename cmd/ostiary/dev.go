package main

import (
	"errors"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"ostiary.dev/daemon"
)

func dev() *cobra.Command {
	cfg := daemon.DevConfig{Now: time.Now}
	var verbose bool
	var profile string
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run one node on a SoftHSM token, with everything under one folder",
		Long: `dev runs a whole Ostiary for trying it and for tests: a SoftHSM token as its HSM, a one-node cluster, a CA and
certificate, and an account with an administrator, all under one folder and without root. Source the folder's env
file and any AWS client works. A second start on the same folder resumes with the same keys.

The PIN of the token lies beside it, so the keys are as safe as the folder is.`,
		Example: "  ostiary dev\n  source .ostiary/env\n  aws kms create-key",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			level := slog.LevelWarn
			if verbose {
				level = slog.LevelDebug
			}
			if err := harden(); err != nil {
				return err
			}
			cfg.Out = c.OutOrStdout()
			cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
			if err := beBatch(); err != nil { // a sandbox may forbid it
				cfg.Log.Info("calls will cost more CPU time under load", "reason", err)
			}
			return profiled(profile, func() error { return daemon.Dev(c.Context(), cfg) })
		},
	}
	f := c.Flags()
	f.StringVar(&cfg.Dir, "data", ".ostiary", "folder that holds everything")
	f.StringVar(&cfg.Listen, "listen", "127.0.0.1:8443", "address of the API")
	f.StringVar(&cfg.Metrics, "metrics", "127.0.0.1:9443", "loopback address of /metrics, /healthz and /readyz")
	f.StringVar(&cfg.Account, "account", "111122223333", "account id of 12 digits")
	f.StringArrayVar(&cfg.Regions, "region", []string{"us-east-1"}, "region to serve; may be repeated, and adds to those that the folder serves already")
	f.BoolVar(&cfg.Clean, "clean", false, "destroy what the folder holds, keys included, and start anew")
	f.IntVar(&cfg.HandleLimit, "handles", 10_000, "backing keys held ready in the device at most")
	f.BoolVar(&cfg.SyncAudit, "audit-sync", false, "have audit records reach the disk before a call is answered")
	f.StringVar(&profile, "cpuprofile", "", "write a CPU profile to this file, for make pgo")
	_ = f.MarkHidden("cpuprofile") // it exists
	f.BoolVarP(&verbose, "verbose", "v", false, "log what happens inside")
	return c
}

// profiled runs f, under the CPU profiler if a file is named.
func profiled(path string, f func() error) error {
	if path == "" {
		return f()
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, file.Close())
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}
