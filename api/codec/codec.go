// Package codec reads and writes the wire forms of the AWS JSON 1.1 and Query protocols, without reflection.
//
// It promises strictness and bounds. What it accepts is well formed in full: valid UTF-8, no member or parameter
// given twice, nothing after the end, canonical base64, and never deeper or wider than the limits below. Members that
// a shape does not have are skipped, as AWS skips them. Every refusal is an *Error that can be sent as it is.
//
// The types that are read and written are generated (package api/model/gen); they meet the small interfaces of this
// file. Readers keep the first error and then return zero values, so generated code needs no error checks.
package codec

// Limits of what the readers accept. The caller bounds the body itself (1 MiB at the front door).
const (
	MaxDepth  = 64     // nested objects and lists of a JSON body
	MaxParams = 10_000 // parameters of a Query body
	MaxParts  = 32     // dot-separated parts of one Query parameter's name
)

// Protocol is the wire protocol of a service.
type Protocol string

// The protocols.
const (
	JSON11 Protocol = "json"  // AWS JSON 1.1: X-Amz-Target, a JSON object each way
	Query  Protocol = "query" // AWS Query: a form in, XML out
)

// Input is a decoded request.
type Input interface {
	// Validate reports every violated constraint of the model to v.
	Validate(v *Validator)
	// AppendAudit appends the input as a JSON object for the audit record: member names as CloudTrail writes them,
	// blobs and sensitive members left out, of bounded length (see MaxAudit).
	AppendAudit(b []byte) []byte
}

// JSONInput is an input that can come as JSON. DecodeJSON reads one object; errors stay in r.
type JSONInput interface {
	Input
	DecodeJSON(r *JSON)
}

// QueryInput is an input that can come as a form. DecodeQuery reads the parameters below f; errors stay in f.
type QueryInput interface {
	Input
	DecodeQuery(f Form)
}

// JSONOutput is an answer that can be sent as JSON.
type JSONOutput interface {
	AppendJSON(b []byte) []byte
}

// XMLOutput is an answer that can be sent as XML: AppendXML writes the members, without an element around them.
type XMLOutput interface {
	AppendXML(x *XML)
}

// Operation is one row of a service's operation table. Rows are constants: do not change them.
type Operation struct {
	Name          string
	NewInput      func() Input
	Errors        []string // wire codes of the modelled errors, in the model's order
	ResultWrapper string   // Query: the element around the output, "" when there is no output
	NoAuth        bool     // the call is not signed (AssumeRoleWithSAML and the like)
	ReadOnly      bool     // changes nothing that is stored, as CloudTrail's readOnly has it
}

// Service is what the wire layer must know of a service. It is a constant: do not change it.
type Service struct {
	Name         string // endpoint prefix and credential scope, e.g. "kms"
	Protocol     Protocol
	APIVersion   string // Query: the Version parameter
	TargetPrefix string // JSON: the part of X-Amz-Target before the dot
	Namespace    string // Query: xmlns of every response
	Operations   []Operation
	Lookup       func(name string) *Operation // nil when there is no such operation
}

// Empty is the input or output of an operation that the model gives none. As JSON it is an empty body.
type Empty struct{}

// DecodeJSON skips whatever object was sent.
func (*Empty) DecodeJSON(r *JSON) {
	for ok := r.Object(); ok; ok = r.Next() {
		r.Skip()
	}
}

// DecodeQuery reads nothing.
func (*Empty) DecodeQuery(Form) {}

// Validate finds nothing wrong.
func (*Empty) Validate(*Validator) {}

// AppendAudit appends an empty object.
func (*Empty) AppendAudit(b []byte) []byte { return append(b, "{}"...) }

// AppendJSON appends nothing: the body of such an answer is empty.
func (*Empty) AppendJSON(b []byte) []byte { return b }

// AppendXML writes nothing.
func (*Empty) AppendXML(*XML) {}
