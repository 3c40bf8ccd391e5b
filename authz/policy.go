package authz

// Kind says what a policy document is for, which decides the elements it must and must not have.
type Kind uint8

// The kinds of documents.
const (
	// IdentityPolicy belongs to a user, group or role, or limits one (boundary, session policy, SCP). It has no
	// Principal.
	IdentityPolicy Kind = iota + 1
	// ResourcePolicy belongs to a resource, such as a KMS key. Each statement has Principal or NotPrincipal.
	ResourcePolicy
	// TrustPolicy belongs to a role and says who may assume it. It has principals and no Resource.
	TrustPolicy
)

// The versions of the policy language.
const (
	Version2008 = "2008-10-17" // also meant where a document has no Version; has no policy variables
	Version2012 = "2012-10-17"
)

// Policy is a parsed and compiled document. It never changes and may be shared by any number of goroutines. It
// refers to parts of the text that it was parsed from; equal documents are best parsed once and shared.
type Policy struct {
	name       string
	kind       Kind
	version    string
	id         string
	services   []string // those that Action entries name, for statement.services; nil where there are too many
	statements []statement
}

// Name is what WithName set: the source that a Match tells of.
func (p *Policy) Name() string { return p.name }

// WithName gives the same policy under a name, such as a managed policy's ARN or an inline policy's name. The
// compiled statements are shared.
func (p *Policy) WithName(name string) *Policy {
	named := *p
	named.name = name
	return &named
}

// Kind is what the document was parsed as.
func (p *Policy) Kind() Kind { return p.kind }

// Version is the version of the language that the document is in.
func (p *Policy) Version() string { return p.version }

// ID is the document's Id, "" where it has none.
func (p *Policy) ID() string { return p.id }

// Len is the number of statements.
func (p *Policy) Len() int { return len(p.statements) }

// statement is one compiled statement.
type statement struct {
	services     uint64 // the bits of Policy.services that its actions may be of, so that most are passed over at once
	sid          string
	deny         bool
	notPrincipal bool
	notAction    bool
	notResource  bool
	principals   []principalMatcher // empty in an identity policy
	actions      []actionMatcher
	resources    []arnPattern // empty in a trust policy
	conditions   []condition
}
