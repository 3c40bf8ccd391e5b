package audit

import "time"

// Bounds of what one record holds, in bytes before escaping. Longer text is cut and says how much is missing; parameters
// and responses that are too long are replaced by an object that says so. No line is longer than MaxLine.
const (
	maxName      = 256       // names, ids and addresses
	maxText      = 1024      // user agent, error message, host header, decision
	maxARN       = 2048      // an ARN (IAM's own bound)
	maxObject    = 128 << 10 // request parameters, response elements
	maxResources = 16        // resources of one record
	maxDetails   = 16        // details of one record

	// MaxLine is the length in bytes that no line of the log exceeds, its newline included.
	MaxLine = 1 << 20
)

// Types of [Identity].
const (
	IAMUser     = "IAMUser"
	Root        = "Root"
	AssumedRole = "AssumedRole"
	AWSAccount  = "AWSAccount"
	Unknown     = "Unknown"

	AWSService = "AWSService" // the service itself, without anybody asking
)

// Phases of a call that changes state. A call that changes none has one record, without a phase.
const (
	Intent  = "intent"  // written before the change is proposed
	Outcome = "outcome" // written after it, before the answer
)

// Identity is who called, as far as it is known; a member that is not known is empty and is left out.
type Identity struct {
	Type        string // one of the constants above; empty counts as Unknown
	PrincipalID string
	ARN         string
	Account     string // 12 digits
	AccessKeyID string
	UserName    string
}

// Resource is something that a call worked on.
type Resource struct {
	Account string // 12 digits
	Type    string // CloudFormation's name of the type, such as AWS::KMS::Key
	ARN     string
}

// Detail is a named remark of the writer's own, beside what CloudTrail knows. Names within one record differ.
type Detail struct {
	Name, Value string
}

// Record is one call, or one phase of it. Strings may hold anything a client sent.
type Record struct {
	Time      time.Time // when the call arrived; written in UTC, in whole seconds
	Phase     string    // empty for a whole call, else Intent or Outcome
	RequestID string    // as answered in x-amzn-RequestId; joins the phases of one call
	EventID   string    // empty for a new random UUID

	EventSource string // such as kms.amazonaws.com
	EventName   string // the operation, such as Encrypt
	Region      string
	SourceIP    string // address of the client, without port
	UserAgent   string
	Identity    Identity

	Params   []byte // the request's parameters as one JSON object on one line, or nil
	Response []byte // what was answered, likewise

	ErrorCode    string // AWS's name of the error that was answered; empty for success
	ErrorMessage string

	ReadOnly         bool
	Resources        []Resource
	RecipientAccount string // 12 digits

	TLSVersion string // such as TLSv1.3
	TLSCipher  string // IANA's name of the cipher suite
	Host       string // the Host header as the client sent it

	Decision string   // why the call was allowed or denied
	Detail   []Detail // more for whoever looks into this call

	Event []byte // details, a JSON object, of an event of the service itself; the record is then no API call
}
