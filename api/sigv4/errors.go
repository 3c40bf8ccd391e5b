package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Kind says what is wrong with a signature. Package api maps it to the error code of the protocol.
type Kind uint8

const (
	// KindMissing: the request carries no signature.
	KindMissing Kind = iota + 1
	// KindIncomplete: the signature's fields are missing, malformed or too long.
	KindIncomplete
	// KindAmbiguous: a field occurs twice, or both forms do.
	KindAmbiguous
	// KindSignedHeaders: a header that must be signed is not, or a signed one is absent.
	KindSignedHeaders
	// KindExpired: signed too long ago, or the presigned request's life is over.
	KindExpired
	// KindNotYetCurrent: signed in the future.
	KindNotYetCurrent
	// KindScope: the credential scope names another region, service, day or terminator.
	KindScope
	// KindUnsignedPayload: the client left the body out of the signature, which only some other services permit.
	KindUnsignedPayload
	// KindBodyHash: x-amz-content-sha256 is not the body's hash.
	KindBodyHash
	// KindMismatch: the signature is not the one calculated.
	KindMismatch
)

// String returns the kind as a label for logs and metrics.
func (k Kind) String() string {
	switch k {
	case KindMissing:
		return "missing"
	case KindIncomplete:
		return "incomplete"
	case KindAmbiguous:
		return "ambiguous"
	case KindSignedHeaders:
		return "signed-headers"
	case KindExpired:
		return "expired"
	case KindNotYetCurrent:
		return "not-yet-current"
	case KindScope:
		return "scope"
	case KindUnsignedPayload:
		return "unsigned-payload"
	case KindBodyHash:
		return "body-hash"
	case KindMismatch:
		return "mismatch"
	}
	return "unknown"
}

// Error is why a request was refused. The message is AWS's where AWS is known to answer one, and safe to return to the
// client: it repeats nothing of the Authorization header but its hash, the credential and dates.
type Error struct {
	Kind    Kind
	Message string
}

func (e *Error) Error() string { return "sigv4: " + e.Kind.String() + ": " + e.Message }

// mismatchText is AWS's answer to a wrong signature, whatever made it wrong.
const mismatchText = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

func errMissing() error { return &Error{KindMissing, "Request is missing Authentication Token"} }

func errMismatch() error { return &Error{KindMismatch, mismatchText} }

func incomplete(format string, args ...any) error {
	return &Error{KindIncomplete, fmt.Sprintf(format, args...)}
}

func errNotSigned(name string) error {
	return &Error{KindSignedHeaders, fmt.Sprintf("'%s' must be a 'SignedHeader' in the AWS Authorization.", name)}
}

// errPair is AWS's answer to a malformed element of the Authorization header. AWS used to repeat the header; since clients
// put all sorts of secrets there, it now shows a hash by which the client can recognise what it sent.
func errPair(authorization string) error {
	return incomplete("Invalid key=value pair (missing equal-sign) in Authorization header "+
		"(hashed with SHA-256 and encoded with Base64): '%s'.", fingerprint(authorization))
}

func fingerprint(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// echo makes client input fit to be repeated in a message: bounded, and printable ASCII only.
func echo(s string) string {
	const most = 128
	if len(s) > most {
		s = s[:most]
	}
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
