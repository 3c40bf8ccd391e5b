package sigv4

import (
	"bytes"
	"slices"
	"strings"
)

// appendPath appends the canonical URI: the path as on the request line, normalised unless raw is set, with each segment
// escaped once more. (It was escaped once for the request line; these services sign a doubly escaped path.)
//
// Normalising drops empty and "." segments, lets ".." take away the segment before it, stops at the root, and keeps a slash
// at the end, as AWS's own signers do.
func appendPath(dst []byte, path string, raw bool) []byte {
	if path == "" || path == "/" {
		return append(dst, '/')
	}
	if raw {
		return appendEscaped(dst, path, true)
	}
	root := len(dst)
	for rest, more := path, true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		switch segment {
		case "", ".":
		case "..":
			if cut := bytes.LastIndexByte(dst[root:], '/'); cut >= 0 {
				dst = dst[:root+cut]
			}
		default:
			dst = append(dst, '/')
			dst = appendEscaped(dst, segment, false)
		}
	}
	if len(dst) == root || path[len(path)-1] == '/' {
		dst = append(dst, '/')
	}
	return dst
}

// appendEscaped appends s with every byte escaped that RFC 3986 does not call unreserved.
func appendEscaped(dst []byte, s string, keepSlash bool) []byte {
	for i := range len(s) {
		dst = appendEscapedByte(dst, s[i], keepSlash)
	}
	return dst
}

func appendEscapedByte(dst []byte, c byte, keepSlash bool) []byte {
	if isUnreserved(c) || keepSlash && c == '/' {
		return append(dst, c)
	}
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

func isUnreserved(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '-' || c == '.' || c == '_' || c == '~'
}

// param is a query parameter in canonical escapes.
type param struct{ name, value []byte }

// appendQuery appends the canonical query: every parameter decoded and escaped again, sorted by name and then by value. For a
// presigned request, the signature itself is left out, and so is the token if unsignedToken is set. Duplicate X-Amz-*
// parameters are an error: which of them counts is a matter of the reader.
func appendQuery(dst []byte, raw string, presigned, unsignedToken bool) ([]byte, error) {
	if raw == "" {
		return dst, nil
	}
	params, err := canonicalParams(raw)
	if err != nil {
		return dst, err
	}
	if !slices.IsSortedFunc(params, compareParams) {
		slices.SortFunc(params, compareParams)
	}
	first := true
	for i, p := range params {
		if i > 0 && bytes.HasPrefix(p.name, []byte("X-Amz-")) && bytes.Equal(p.name, params[i-1].name) {
			return dst, errTwiceInQuery(string(p.name))
		}
		if presigned && (string(p.name) == "X-Amz-Signature" || unsignedToken && string(p.name) == "X-Amz-Security-Token") {
			continue
		}
		if !first {
			dst = append(dst, '&')
		}
		first = false
		dst = append(append(append(dst, p.name...), '='), p.value...)
	}
	return dst, nil
}

func compareParams(a, b param) int {
	if c := bytes.Compare(a.name, b.name); c != 0 {
		return c
	}
	return bytes.Compare(a.value, b.value)
}

func canonicalParams(raw string) ([]param, error) {
	params := make([]param, 0, strings.Count(raw, "&")+1)
	// One buffer holds all of them; at most every byte of raw becomes an escape of three.
	buf := make([]byte, 0, 3*len(raw))
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		start := len(buf)
		var err error
		if buf, err = appendCanonical(buf, name); err != nil {
			return nil, err
		}
		middle := len(buf)
		if buf, err = appendCanonical(buf, value); err != nil {
			return nil, err
		}
		params = append(params, param{name: buf[start:middle:middle], value: buf[middle:len(buf):len(buf)]})
	}
	return params, nil
}

// appendCanonical decodes s and escapes it again.
func appendCanonical(dst []byte, s string) ([]byte, error) {
	for i := 0; i < len(s); {
		c, n, err := unescapeByte(s[i:])
		if err != nil {
			return dst, err
		}
		dst = appendEscapedByte(dst, c, false)
		i += n
	}
	return dst, nil
}
