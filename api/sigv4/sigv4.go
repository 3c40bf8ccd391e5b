// Package sigv4 verifies AWS Signature Version 4 on requests to KMS, STS and IAM, in the header form and the presigned-query
// form.
//
// What it promises: a request that [Signature.Verify] accepts was signed by a holder of the signing key, as a whole. Method,
// path, query, host, the signed headers, every x-amz-* header and every byte of the body are as they were signed, but for the
// spellings that the protocol itself declares equal (escapes in the query, repeated slashes and spaces, the order of query
// parameters). The time of signing is within bounds, and the scope names the expected service and an accepted region.
// Whatever is ambiguous is refused: both forms at once, duplicate fields, unsigned x-amz-* headers, unknown fields.
//
// [Parse] needs no key: it says who claims to have signed and with which scope. The caller finds the secret, derives the
// key with [DeriveKey] (or takes it from a [KeyCache]) and calls Verify. Parse and Verify must see the same request, raw as it came
// from the connection. Nothing that Parse returns may be trusted before Verify has returned nil.
//
// Sources: AWS IAM User Guide, "AWS Signature Version 4 for API requests"; the test vectors in fixtures/sigv4; texts of
// errors as AWS services are known to answer them.
package sigv4

import (
	"net/http"
	"strings"
	"time"
)

// Algorithm is the only algorithm that the package verifies.
const Algorithm = "AWS4-HMAC-SHA256"

// MaxSkew is how far the time of signing may lie from the verifier's clock, in either direction.
const MaxSkew = 15 * time.Minute

// MaxExpires is the longest life that a presigned request may ask for in X-Amz-Expires.
const MaxExpires = 7 * 24 * time.Hour

// terminator is the last part of a credential scope.
const terminator = "aws4_request"

// Bounds on what is parsed, in bytes. Clients stay far below them; they keep the work for a stranger's request small.
const (
	maxMethod        = 32
	maxHost          = 512
	maxPath          = 8 << 10
	maxQuery         = 64 << 10
	maxAuthorization = 8 << 10
	maxCredential    = 512
	maxSignedHeaders = 4 << 10
	maxHeaderName    = 128
	maxToken         = 16 << 10
	maxDate          = 64
)

// Request is an HTTP request as it came in, before anything was decoded.
type Request struct {
	Method string
	// Path is the path as on the request line, still escaped, without the query. Empty means "/".
	Path string
	// RawQuery is what follows the "?", still escaped.
	RawQuery string
	// Host is the Host header or :authority, which net/http keeps apart from the other headers.
	Host string
	// Header has canonical keys, as net/http makes them.
	Header http.Header
	// TransferEncoding is what net/http removed from Header, for the rare client that signs it.
	TransferEncoding []string
	// Body is the whole body.
	Body []byte
}

// Signature is what a request says about its signature. Strings share memory with the request. It is made by [Parse].
type Signature struct {
	// AccessKeyID, Date (YYYYMMDD), Region and Service are the credential's parts. They are printable ASCII without spaces
	// or slashes, at most 512 bytes together, and not empty. The header form does not sign the AccessKeyID: it selects the key,
	// so the caller must use the secret of exactly this id.
	AccessKeyID string
	Date        string
	Region      string
	Service     string
	// Time is when the request was signed, to the second, in UTC.
	Time time.Time
	// SessionToken is X-Amz-Security-Token, from where the form has it; empty for long-term credentials.
	SessionToken string
	// SignedHeaders are the names of the signed headers: lower-case, sorted, without duplicates, joined with ";".
	SignedHeaders string
	// Presigned says that the signature is in the query.
	Presigned bool
	// ExpiresIn is how long a presigned request is good for after Time: [MaxSkew] unless X-Amz-Expires says otherwise. Zero
	// for the header form.
	ExpiresIn time.Duration

	stamp     string // Time as YYYYMMDD'T'HHMMSS'Z', the second line of the string to sign
	scope     string // the credential without the access key id
	last      string // the last part of the scope, which should be the terminator
	signature string // as given, in hexadecimal if it is any good
	payload   string // X-Amz-Content-Sha256 from a presigned query
}

// Signed reports whether the header with this lower-case name is among the signed ones.
func (s *Signature) Signed(name string) bool {
	for rest := s.SignedHeaders; rest != ""; {
		var head string
		head, rest, _ = strings.Cut(rest, ";")
		if head == name {
			return true
		}
	}
	return false
}

// Rules are what a service demands of a signature. Those of KMS, STS and IAM set Service and Regions, and STS perhaps
// FixedLifetime; the last two are variants of the protocol that other services use.
type Rules struct {
	// Service is the service that the scope must name; empty accepts any, for a caller that routes by Signature.Service.
	Service string
	// Regions are the accepted regions; nil accepts any.
	Regions []string
	// FixedLifetime lets a presigned request live for MaxSkew whatever X-Amz-Expires says. AWS STS does so, and Kubernetes
	// authenticators rely on it: they sign for 60 s and use the URL for 14 minutes.
	FixedLifetime bool
	// RawPath takes the path as it is, with neither dot segments nor repeated slashes removed.
	RawPath bool
	// UnsignedToken leaves the session token out of what is signed, for services that have it added after signing. Neither
	// KMS, STS nor IAM does.
	UnsignedToken bool
}

// Parse reads the claim that a request carries, in whichever form. It checks everything that needs neither clock nor key:
// sizes, grammar, dates, and that the host is signed.
//
// All errors are of type *[Error], with the kinds KindMissing, KindIncomplete, KindAmbiguous and KindSignedHeaders.
func Parse(r *Request) (*Signature, error) {
	if err := checkSizes(r); err != nil {
		return nil, err
	}
	query, err := parseQuery(r.RawQuery)
	if err != nil {
		return nil, err
	}
	authorization := r.Header["Authorization"]
	switch {
	case len(authorization) > 0 && query.has(queryAlgorithm):
		return nil, &Error{KindAmbiguous, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."}
	case len(authorization) > 1:
		return nil, &Error{KindAmbiguous, "Found more than one 'Authorization' as HTTP header."}
	case len(authorization) == 1:
		return parseHeaderForm(r, authorization[0])
	case query.has(queryAlgorithm):
		return parseQueryForm(r, &query)
	}
	return nil, errMissing()
}

func checkSizes(r *Request) error {
	switch {
	case len(r.Method) > maxMethod:
		return incomplete("The request method is too long.")
	case len(r.Host) > maxHost:
		return incomplete("The 'Host' header is too long.")
	case len(r.Path) > maxPath:
		return incomplete("The request path is too long.")
	case r.Path != "" && r.Path[0] != '/':
		return incomplete("The request path must begin with a slash.")
	case len(r.RawQuery) > maxQuery:
		return incomplete("The query string is too long.")
	}
	return nil
}
