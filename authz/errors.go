package authz

import (
	"fmt"
	"strconv"
)

// Error says why a policy document was refused. Message is AWS's wording where it is known, fit for a
// MalformedPolicyDocument answer; Detail and the place are this package's own.
type Error struct {
	Message string
	Detail  string // what exactly; may be empty
	Offset  int    // in bytes from the start of the text
	Line    int    // from 1
	Column  int    // from 1, in bytes
	rank    rank
}

// Error gives AWS's wording, then the place and the detail in parentheses.
func (e *Error) Error() string {
	place := fmt.Sprintf("line %d, column %d", e.Line, e.Column)
	if e.Detail != "" {
		place += ": " + e.Detail
	}
	return e.Message + " (" + place + ")"
}

// rank orders what can be wrong with a document as AWS reports it: of several mistakes the first by rank, then by
// place, is the one in the answer.
type rank uint8

const (
	rankSyntax rank = iota
	rankLegacy
	rankSid
	rankPrincipal
	rankAction
	rankResource
	rankResourceForm
	rankActionForm
)

// AWS's words.
const (
	msgSyntax      = "Syntax errors in policy."
	msgJSON        = "This policy contains invalid Json" // of trust policies
	msgLegacy      = "The policy failed legacy parsing"
	msgSidUnique   = "Statement IDs (SID) in a single policy must be unique."
	msgSidForm     = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	msgNoAction    = "Policy statement must contain actions."
	msgNoResource  = "Policy statement must contain resources."
	msgNoPrincipal = "Missing required field Principal"
	msgPrincipal   = "Policy document should not specify a principal."
	msgPrincipals  = "Policy contains a statement with one or more invalid principals." // of key policies
	msgHasResource = "Has prohibited field Resource"
	msgVendor      = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	msgColon       = "Actions/Condition can contain only one colon."
	msgFullVendor  = "Resource vendor must be fully qualified and cannot contain regexes."
)

// syntaxError is an error of the document's form. Its line and column are filled in by Parse.
func syntaxError(offset int, detail string) *Error {
	return &Error{Message: msgSyntax, Detail: detail, Offset: offset}
}

// locate fills in the line and column of an error.
func (e *Error) locate(text string) *Error {
	e.Offset = min(e.Offset, len(text))
	e.Line, e.Column = 1, 1
	for i := range e.Offset {
		e.Column++
		if text[i] == '\n' {
			e.Line++
			e.Column = 1
		}
	}
	return e
}

// quote shows a short piece of the document in a message.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.Quote(s)
}
