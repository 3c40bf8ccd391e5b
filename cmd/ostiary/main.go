// Command ostiary is the key-management appliance and its operators' tool.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"ostiary.dev/daemon"
)

// Exit statuses.
const (
	exitFailure = 1 // something went wrong
	exitUsage   = 2 // the command line makes no sense
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := root().ExecuteContext(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "ostiary: %s\n", usage)
		return exitUsage
	}
	var p *daemon.Problem
	if errors.As(err, &p) {
		err = p // one line, without the context that only developers need
	}
	fmt.Fprintf(os.Stderr, "ostiary: %s\n", err)
	return exitFailure
}

// usageError is a command line that makes no sense.
type usageError struct {
	err  error
	path string
}

func (e *usageError) Error() string {
	return fmt.Sprintf("%s (see %s --help)", e.err, e.path)
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:           "ostiary",
		Short:         "AWS KMS on your own HSM",
		Long:          "Ostiary serves the AWS KMS and STS APIs from keys that live in your own HSM, so that every AWS client works against it unchanged.",
		Args:          noArguments, // what is no command is a usage error
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return &usageError{err, c.CommandPath()} })
	c.AddCommand(dev(), version())
	return c
}

// noArguments refuses arguments as a usage error.
func noArguments(c *cobra.Command, args []string) error {
	if err := cobra.NoArgs(c, args); err != nil {
		return &usageError{err, c.CommandPath()}
	}
	return nil
}
