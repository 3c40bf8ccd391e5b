package sigv4

import "strings"

// fields are the parts of a signature as text, from either form.
type fields struct {
	algorithm     string
	credential    string
	signedHeaders string
	signature     string
	date          string
	httpDate      bool    // date comes from the Date header, which has formats of its own
	seen          [3]bool // what the Authorization header has had so far, be it empty
}

// parseHeaderForm reads a signature from the Authorization header and the headers that go with it. The order of the checks is
// that of AWS.
func parseHeaderForm(r *Request, authorization string) (*Signature, error) {
	if len(authorization) > maxAuthorization {
		return nil, incomplete("The 'Authorization' header is too long.")
	}
	f, err := parseAuthorization(authorization, hasDate(r))
	if err != nil {
		return nil, err
	}
	if err := f.setDate(r); err != nil {
		return nil, err
	}
	s, err := newSignature(f)
	if err != nil {
		return nil, err
	}
	s.SessionToken, err = single(r, "X-Amz-Security-Token")
	if err != nil {
		return nil, err
	}
	if len(s.SessionToken) > maxToken {
		return nil, incomplete("The 'X-Amz-Security-Token' header is too long.")
	}
	return s, nil
}

// parseAuthorization splits
//
//	AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...
//
// The three elements come in any order, with or without spaces around the commas. Each occurs once, and there are no others.
// dated says whether the request has a date, whose absence is part of the same complaint.
func parseAuthorization(value string, dated bool) (fields, error) {
	var f fields
	algorithm, rest, _ := strings.Cut(trim(value), " ")
	if !strings.HasPrefix(algorithm, "AWS4-") {
		return f, errMissing()
	}
	f.algorithm = algorithm
	var first error // something odd is told only if nothing is missing
	for more := trim(rest) != ""; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, ",")
		name, text, ok := strings.Cut(trim(pair), "=")
		if !ok || strings.IndexByte(text, ' ') >= 0 || strings.IndexByte(text, '\t') >= 0 {
			return f, errPair(value)
		}
		if err := f.set(name, text); first == nil {
			first = err
		}
	}
	if f.credential == "" || f.signature == "" || f.signedHeaders == "" || !dated {
		return f, errIncompleteHeader(&f, dated, value)
	}
	return f, first
}

// set takes one element of the Authorization header.
func (f *fields) set(name, text string) error {
	var field int
	switch name {
	case "Credential":
		field, f.credential = 0, text
	case "Signature":
		field, f.signature = 1, text
	case "SignedHeaders":
		field, f.signedHeaders = 2, text
	default:
		return incomplete("Found an unknown parameter in the 'Authorization' header.")
	}
	if f.seen[field] {
		return &Error{KindAmbiguous, "Found a parameter more than once in the 'Authorization' header."}
	}
	f.seen[field] = true
	return nil
}

func errIncompleteHeader(f *fields, dated bool, authorization string) error {
	var b strings.Builder
	for _, part := range []struct{ name, text string }{
		{"Credential", f.credential}, {"Signature", f.signature}, {"SignedHeaders", f.signedHeaders},
	} {
		if part.text == "" {
			b.WriteString("Authorization header requires '" + part.name + "' parameter. ")
		}
	}
	if !dated {
		b.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	return incomplete("%s(Hashed with SHA-256 and encoded with Base64) Authorization=%s", b.String(), fingerprint(authorization))
}

// hasDate reports whether the request has a header from which the time of signing can be taken.
func hasDate(r *Request) bool { return len(r.Header["X-Amz-Date"]) > 0 || len(r.Header["Date"]) > 0 }

// setDate takes the text that says when the request was signed: X-Amz-Date or, failing that, Date.
func (f *fields) setDate(r *Request) (err error) {
	name := "X-Amz-Date"
	if len(r.Header[name]) == 0 {
		name = "Date"
		f.httpDate = true
	}
	f.date, err = single(r, name)
	return err
}

// single returns the value of a header that may occur once. The name must be canonical.
func single(r *Request, name string) (string, error) {
	switch values := r.Header[name]; len(values) {
	case 0:
		return "", nil
	case 1:
		return trim(values[0]), nil
	}
	return "", errTwice(name)
}

func errTwice(name string) error {
	return &Error{KindAmbiguous, "Found more than one '" + echo(name) + "' as HTTP header."}
}

// trim removes the optional white space of RFC 9110, section 5.6.3.
func trim(s string) string { return strings.Trim(s, " \t") }

// newSignature checks what both forms have in common.
func newSignature(f fields) (*Signature, error) {
	at, stamp, err := parseDate(f.date, f.httpDate)
	if err != nil {
		return nil, err
	}
	if err := checkSignedHeaders(f.signedHeaders); err != nil {
		return nil, err
	}
	if f.algorithm != Algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '%s'.", echo(f.algorithm))
	}
	s := &Signature{Time: at, stamp: stamp, SignedHeaders: f.signedHeaders, signature: f.signature}
	if err := s.setCredential(f.credential); err != nil {
		return nil, err
	}
	return s, nil
}

// setCredential splits keyid/date/region/service/term.
func (s *Signature) setCredential(credential string) error {
	if len(credential) > maxCredential {
		return incomplete("The 'Credential' is too long.")
	}
	bad := false
	for i := range len(credential) {
		bad = bad || credential[i] <= ' ' || credential[i] > '~'
	}
	var ok [4]bool
	s.AccessKeyID, s.scope, ok[0] = strings.Cut(credential, "/")
	rest := s.scope
	s.Date, rest, ok[1] = strings.Cut(rest, "/")
	s.Region, rest, ok[2] = strings.Cut(rest, "/")
	s.Service, s.last, ok[3] = strings.Cut(rest, "/")
	bad = bad || ok != [4]bool{true, true, true, true} || strings.Contains(s.last, "/")
	if bad || s.AccessKeyID == "" || s.Date == "" || s.Region == "" || s.Service == "" || s.last == "" {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'",
			echo(credential))
	}
	return nil
}

// checkSignedHeaders holds a list of names to its form: lower-case tokens (RFC 9110, section 5.6.2), strictly ascending, host
// among them and authorization, which cannot sign itself, not.
func checkSignedHeaders(list string) error {
	if len(list) > maxSignedHeaders {
		return incomplete("The list of 'SignedHeaders' is too long.")
	}
	var host bool
	var last string
	for rest, more := list, true; more; {
		var name string
		name, rest, more = strings.Cut(rest, ";")
		if !isLowerToken(name) || name == "authorization" || name <= last {
			return &Error{KindSignedHeaders, "'SignedHeaders' must be a sorted list of distinct lower-case header names."}
		}
		host = host || name == "host"
		last = name
	}
	if !host {
		return errNotSigned("Host' or ':authority")
	}
	return nil
}

func isLowerToken(name string) bool {
	if name == "" || len(name) > maxHeaderName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && c != '-' && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+.^_`|~", rune(c)) {
			return false
		}
	}
	return true
}
