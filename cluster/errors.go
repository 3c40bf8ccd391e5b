package cluster

import (
	"errors"
	"fmt"
	"strings"
)

// The outcomes of [Node.Propose] and [Node.Read] other than success and a *state.Refusal. They come wrapped with
// their cause.
var (
	// ErrNotLeader: the command was not taken and never will be; the leader may take it.
	ErrNotLeader = errors.New("this node is not the leader")
	// ErrUnavailable: the command was not taken and never will be; a later try may succeed.
	ErrUnavailable = errors.New("this node cannot serve now")
	// ErrUncertain: the command may have been applied, may be applied later, or may be lost. Only a read can tell.
	ErrUncertain = errors.New("outcome of the command is unknown")
)

// The kinds of a [*FolderError].
var (
	ErrDamaged       = errors.New("damaged")
	ErrForeign       = errors.New("belongs to another node")
	ErrTooNew        = errors.New("written by a newer version")
	ErrInUse         = errors.New("in use")
	ErrUninitialised = errors.New("not initialised")
)

// FolderError says why a data folder cannot be opened. Nothing in the folder has been changed. It matches its Kind.
type FolderError struct {
	Kind    error  // one of the five above
	Path    string // of the file or folder concerned
	Problem string // what is wrong with it
	Advice  string // what an operator can do
	Err     error  // the cause, may be nil
}

// Error gives one line.
func (e *FolderError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Path, e.Problem)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Advice != "" {
		fmt.Fprintf(&b, "; %s", e.Advice)
	}
	return b.String()
}

// Unwrap gives the kind and the cause.
func (e *FolderError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
