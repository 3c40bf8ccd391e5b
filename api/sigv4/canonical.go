package sigv4

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
)

// appendRequest appends the canonical request that the signature covers:
//
//	method \n path \n query \n headers \n \n names of headers \n hash of the body
//
// It refuses what cannot be put in that form without ambiguity.
func (s *Signature) appendRequest(dst []byte, r *Request, bodyHash *[32]byte, rules *Rules) ([]byte, error) {
	if strings.ContainsFunc(r.Method, unicode.IsControl) {
		return dst, errMismatch()
	}
	dst = append(append(dst, r.Method...), '\n')
	dst = append(appendPath(dst, r.Path, rules.RawPath), '\n')
	dst, err := appendQuery(dst, r.RawQuery, s.Presigned, rules.UnsignedToken)
	if err != nil {
		return dst, err
	}
	dst = append(dst, '\n')
	if dst, err = s.appendHeaders(dst, r, rules); err != nil {
		return dst, err
	}
	dst = append(dst, '\n')
	dst = append(append(dst, s.SignedHeaders...), '\n')
	return hex.AppendEncode(dst, bodyHash[:]), nil
}

// appendHeaders appends the signed headers, and makes sure that each is there and that no x-amz-* header is left out.
func (s *Signature) appendHeaders(dst []byte, r *Request, rules *Rules) ([]byte, error) {
	amazon := 0
	for rest, more := s.SignedHeaders, true; more; {
		var name string
		name, rest, more = strings.Cut(rest, ";")
		if strings.HasPrefix(name, "x-amz-") {
			amazon++
		}
		dst = append(append(dst, name...), ':')
		var ok bool
		if dst, ok = appendHeader(dst, r, name); !ok {
			return dst, &Error{KindSignedHeaders, "The 'SignedHeader' '" + name + "' is absent from the request or malformed."}
		}
		dst = append(dst, '\n')
	}
	return dst, s.checkAmazonHeaders(r, amazon, rules)
}

// appendHeader appends the value of the header with the lower-case name, and reports whether the request has it.
func appendHeader(dst []byte, r *Request, name string) ([]byte, bool) {
	if name == "host" {
		return appendValue(dst, r.Host)
	}
	var key [maxHeaderName]byte
	values := r.Header[string(appendCanonicalKey(key[:0], name))]
	if len(values) == 0 {
		switch {
		case name == "content-length":
			return strconv.AppendInt(dst, int64(len(r.Body)), 10), true
		case name == "transfer-encoding":
			values = r.TransferEncoding
		}
	}
	ok := len(values) > 0
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		var good bool
		dst, good = appendValue(dst, value)
		ok = ok && good
	}
	return dst, ok
}

// appendValue appends a header value without white space at its ends and with a single space for each run of it inside. It
// reports whether the value is free of control characters, which could otherwise pose as the end of a line.
func appendValue(dst []byte, value string) ([]byte, bool) {
	value = trim(value)
	if isPlainValue(value) {
		return append(dst, value...), true
	}
	var space bool
	for i := range len(value) {
		c := value[i]
		if c == ' ' || c == '\t' {
			space = true
			continue
		}
		if isControl(c) {
			return dst, false
		}
		if space {
			dst = append(dst, ' ')
			space = false
		}
		dst = append(dst, c)
	}
	return dst, true
}

// isPlainValue reports whether a trimmed value is in canonical form already, as nearly all are.
func isPlainValue(value string) bool {
	var last byte
	for i := range len(value) {
		c := value[i]
		if isControl(c) || c == ' ' && last == ' ' {
			return false
		}
		last = c
	}
	return true
}

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

// appendCanonicalKey appends a lower-case header name as net/http spells it: capitals at the start and after each hyphen.
func appendCanonicalKey(dst []byte, name string) []byte {
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper = c == '-'
		dst = append(dst, c)
	}
	return dst
}

// checkAmazonHeaders makes sure that every x-amz-* header of the request is signed and occurs once, in whatever spelling. As
// the signed ones are distinct and present, it is enough to count them all.
func (s *Signature) checkAmazonHeaders(r *Request, signed int, rules *Rules) error {
	if rules.UnsignedToken && len(r.Header["X-Amz-Security-Token"]) > 0 && !s.Signed("x-amz-security-token") {
		signed++
	}
	present := 0
	for name, values := range r.Header {
		if !isAmazonHeader(name) {
			continue
		}
		present++
		if len(values) != 1 {
			return errTwice(name)
		}
	}
	if present == signed {
		return nil
	}
	return s.errAmazonHeaders(r)
}

// errAmazonHeaders names the first x-amz-* header that is not signed.
func (s *Signature) errAmazonHeaders(r *Request) error {
	var first string
	for name := range r.Header {
		lower := strings.ToLower(name)
		if isAmazonHeader(lower) && !s.Signed(lower) && (first == "" || lower < first) {
			first = lower
		}
	}
	if first == "" { // one header in two spellings, which no HTTP parser leaves standing
		return errMismatch()
	}
	return errNotSigned(echo(first))
}

// isAmazonHeader reports whether the name begins with x-amz-, in any case.
func isAmazonHeader(name string) bool {
	const prefix = "x-amz-"
	return len(name) > len(prefix) && (name[0]|0x20) == 'x' && strings.EqualFold(name[:len(prefix)], prefix)
}
