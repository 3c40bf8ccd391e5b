package state

import "fmt"

// RefusalCode says why a command was refused. Codes are not replicated: every node derives them.
type RefusalCode uint8

// The reasons for a refusal.
const (
	CodeInvalid             RefusalCode = iota + 1 // the command itself is malformed; Detail says where
	CodeNotBootstrapped                            // the cluster has not been begun
	CodeAlreadyBootstrapped                        // the cluster has been begun before
	CodeNotFound                                   // what the command names does not exist
	CodeAlreadyExists                              // what the command makes exists already
	CodePendingDeletion                            // Ref is pending deletion
	CodeNotPendingDeletion                         // Ref is not pending deletion
	CodeNotDue                                     // Ref is pending deletion, but its time has not come
	CodeLimitExceeded                              // too many tags or aliases on Ref
	CodeConflict                                   // the command contradicts what there is; Detail says how
	CodeMoved                                      // what the command was decided on has changed since
)

var codeNames = [...]string{
	CodeInvalid:             "invalid",
	CodeNotBootstrapped:     "not bootstrapped",
	CodeAlreadyBootstrapped: "already bootstrapped",
	CodeNotFound:            "not found",
	CodeAlreadyExists:       "already exists",
	CodePendingDeletion:     "pending deletion",
	CodeNotPendingDeletion:  "not pending deletion",
	CodeNotDue:              "not due",
	CodeLimitExceeded:       "limit exceeded",
	CodeConflict:            "conflict",
	CodeMoved:               "moved",
}

// String gives the reason in words.
func (c RefusalCode) String() string {
	if int(c) < len(codeNames) && codeNames[c] != "" {
		return codeNames[c]
	}
	return fmt.Sprintf("RefusalCode(%d)", uint8(c))
}

// Refusal is the outcome of a command that the domain does not allow. Nothing was changed. Every node refuses the
// same commands for the same reason.
type Refusal struct {
	Code   RefusalCode
	Ref    KeyRef // the key concerned, if there is one; with an empty ID, the account and region of what Name names
	Name   string // the alias, user, account or access key concerned, if it is not the key itself
	Detail string // for people
}

func (r *Refusal) Error() string {
	s := "refused: " + r.Code.String()
	if r.Ref.ID != "" {
		s += ": key " + r.Ref.String()
	}
	if r.Name != "" {
		s += ": " + r.Name
	}
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	return s
}

// Corrupt means that the log or a snapshot is not what a node of this version may have written. The state can no
// longer be known to equal that of the other nodes: the caller must stop applying.
type Corrupt struct {
	Index uint64 // of the log entry; 0 for a snapshot
	Err   error
}

func (c *Corrupt) Error() string {
	if c.Index == 0 {
		return fmt.Sprintf("snapshot is corrupt: %v", c.Err)
	}
	return fmt.Sprintf("log entry %d is corrupt: %v", c.Index, c.Err)
}

func (c *Corrupt) Unwrap() error { return c.Err }
