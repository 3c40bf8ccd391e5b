package sigv4

import (
	"net/http"
	"strings"
)

// FromHTTP returns what a server's request looks like to the signature. The path and query are taken from the request line as
// it came in, because http.Request.URL has been decoded and encoded again. body is the whole body, read by the caller.
func FromHTTP(r *http.Request, body []byte) Request {
	path, query, _ := strings.Cut(originForm(r.RequestURI), "?")
	return Request{
		Method: r.Method, Path: path, RawQuery: query, Host: r.Host,
		Header: r.Header, TransferEncoding: r.TransferEncoding, Body: body,
	}
}

// originForm takes scheme and authority away from a request target in absolute form (RFC 9112, section 3.2.2).
func originForm(target string) string {
	if strings.HasPrefix(target, "/") {
		return target
	}
	_, rest, ok := strings.Cut(target, "://")
	if !ok {
		return target
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		return rest[i:]
	}
	return "/"
}
