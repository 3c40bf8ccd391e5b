package sigv4

import (
	"strconv"
	"strings"
	"time"
)

// The parameters of a presigned query, as indexes into [presigned].
const (
	queryAlgorithm = iota
	queryCredential
	querySignature
	querySignedHeaders
	queryDate
	queryExpires
	queryToken
	queryPayload
	queryFields
)

// queryNames are the parameters' names, the required ones first and in the order in which AWS names missing ones.
func queryNames() [queryFields]string {
	return [queryFields]string{
		"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date",
		"X-Amz-Expires", "X-Amz-Security-Token", "X-Amz-Content-Sha256",
	}
}

// presigned holds the decoded parameters of a query that have to do with signing.
type presigned struct {
	values [queryFields]string
	seen   [queryFields]bool
}

func (p *presigned) has(field int) bool { return p.seen[field] }

// parseQuery finds the signing parameters among all others. A name is recognised by what it decodes to, in exact case.
func parseQuery(raw string) (presigned, error) {
	var p presigned
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		name, value, _ := strings.Cut(pair, "=")
		name, err := unescape(name)
		if err != nil {
			return p, err
		}
		if !strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		if err := p.set(name, value); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *presigned) set(name, escaped string) error {
	for field, known := range queryNames() {
		if name != known {
			continue
		}
		if p.seen[field] {
			return errTwiceInQuery(name)
		}
		value, err := unescape(escaped)
		if err != nil {
			return err
		}
		p.seen[field], p.values[field] = true, value
		return nil
	}
	return nil
}

func errTwiceInQuery(name string) error {
	return &Error{KindAmbiguous, "Found more than one '" + echo(name) + "' as a query-string param."}
}

// parseQueryForm reads a signature from the query.
func parseQueryForm(r *Request, p *presigned) (*Signature, error) {
	if err := p.checkComplete(); err != nil {
		return nil, err
	}
	expires, err := p.expires()
	if err != nil {
		return nil, err
	}
	if len(r.Header["X-Amz-Security-Token"]) > 0 {
		return nil, &Error{KindAmbiguous, "Found 'X-Amz-Security-Token' as HTTP header of a presigned request."}
	}
	if len(p.values[queryToken]) > maxToken {
		return nil, incomplete("The 'X-Amz-Security-Token' parameter is too long.")
	}
	s, err := newSignature(fields{
		algorithm: p.values[queryAlgorithm], credential: p.values[queryCredential], signature: p.values[querySignature],
		signedHeaders: p.values[querySignedHeaders], date: p.values[queryDate],
	})
	if err != nil {
		return nil, err
	}
	s.Presigned = true
	s.ExpiresIn = expires
	s.SessionToken = p.values[queryToken]
	s.payload = p.values[queryPayload]
	return s, nil
}

func (p *presigned) checkComplete() error {
	var missing strings.Builder
	for field, name := range queryNames() {
		if field <= queryDate && p.values[field] == "" {
			missing.WriteString("AWS query-string parameters must include '" + name + "'. ")
		}
	}
	if missing.Len() > 0 {
		return incomplete("%sRe-examine the query-string parameters.", missing.String())
	}
	return nil
}

// expires returns X-Amz-Expires: whole seconds in plain decimal, from 1 to a week.
func (p *presigned) expires() (time.Duration, error) {
	if !p.has(queryExpires) {
		return MaxSkew, nil
	}
	text := p.values[queryExpires]
	n, err := strconv.ParseUint(text, 10, 32)
	switch {
	case err != nil || strconv.FormatUint(n, 10) != text:
		return 0, incomplete("X-Amz-Expires should be a number")
	case n == 0:
		return 0, incomplete("X-Amz-Expires must be positive")
	case n > uint64(MaxExpires/time.Second):
		return 0, incomplete("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than %d seconds",
			MaxExpires/time.Second)
	}
	return time.Duration(n) * time.Second, nil
}

// unescape decodes the percent escapes of a query, and "+" as a space, as whoever reads the query will.
func unescape(s string) (string, error) {
	if !strings.ContainsAny(s, "%+") {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c, n, err := unescapeByte(s[i:])
		if err != nil {
			return "", err
		}
		b = append(b, c)
		i += n - 1
	}
	return string(b), nil
}

// unescapeByte decodes the first byte of s, which is not empty, and says how many bytes of s it took.
func unescapeByte(s string) (c byte, n int, err error) {
	switch s[0] {
	case '+':
		return ' ', 1, nil
	case '%':
		if len(s) < 3 {
			return 0, 0, incomplete("Incomplete trailing escape %% sequence")
		}
		high, low := unhex(s[1]), unhex(s[2])
		if high > 15 || low > 15 {
			return 0, 0, incomplete("Illegal hex character in escape %% pattern: %s", echo(s[:3]))
		}
		return high<<4 | low, 3, nil
	}
	return s[0], 1, nil
}

// unhex returns the value of a hexadecimal digit, or more than 15.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
