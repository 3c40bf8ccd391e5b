package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"ostiary.dev/api/codec"
)

// maxBody is the size in bytes that a request body may have; AWS's limit for these services.
const maxBody = 1 << 20

const (
	jsonType = "application/x-amz-json-1.1"
	formType = "application/x-www-form-urlencoded"
)

// frame reads the body and finds which operation of which service is asked for: by X-Amz-Target for JSON services, by
// the parameters Action and Version for Query services. Nothing of the body is parsed as input yet, and nothing
// that is found here is believed before the signature was checked.
func (s services) frame(x *exchange) error {
	r := x.request
	_, isJSON := r.Header["X-Amz-Target"]
	contentType, err := mediaType(r.Header.Get("Content-Type"))
	if !isJSON && (contentType == formType || contentType == "" && err == nil) {
		x.protocol = codec.Query
	}
	if e := x.readBody(); e != nil {
		return e
	}
	if r.URL.Path != "/" && r.URL.Path != "" {
		return &codec.Error{Code: "UnknownOperationException", Status: http.StatusNotFound, Sender: true}
	}
	if x.protocol == codec.Query {
		return s.frameQuery(x)
	}
	if err != nil || contentType != jsonType || r.Method != http.MethodPost || len(r.Header["X-Amz-Target"]) != 1 {
		return unknownOperation()
	}
	if e := elsewhere(r.URL.RawQuery); e != nil {
		return e
	}
	prefix, name, _ := strings.Cut(r.Header["X-Amz-Target"][0], ".")
	return s.find(x, func(m *codec.Service) bool { return m.TargetPrefix == prefix && m.Protocol == codec.JSON11 }, name)
}

// mediaType is the media type of a Content-Type header without its parameters, in lower case; "" for none. SDKs send exactly
// one of two, which need no parsing.
func mediaType(header string) (string, error) {
	if header == jsonType || header == formType || header == "" {
		return header, nil
	}
	t, _, err := mime.ParseMediaType(header)
	return t, err
}

// frameQuery finds Action and Version in the form, or in the query string of a GET.
func (s services) frameQuery(x *exchange) error {
	text := string(*x.body)
	switch x.request.Method {
	case http.MethodGet:
		if text != "" {
			return &codec.Error{Code: "MalformedInput", Message: "a GET request has no body", Status: http.StatusBadRequest, Sender: true}
		}
		text = x.request.URL.RawQuery
	case http.MethodPost:
		if text == "" {
			text = x.request.URL.RawQuery
		} else if e := elsewhere(x.request.URL.RawQuery); e != nil {
			return e
		}
	default:
		return &codec.Error{Code: "MalformedInput", Message: "method must be GET or POST", Status: http.StatusBadRequest, Sender: true}
	}
	form, e := codec.ParseForm(text)
	if e != nil {
		return e
	}
	action, version := form.Value("Action"), form.Value("Version")
	if action == "" {
		return &codec.Error{Code: "MissingAction", Message: "The request is missing an action or a required parameter.", Status: http.StatusBadRequest, Sender: true}
	}
	x.form = form
	return s.find(x, func(m *codec.Service) bool { return m.APIVersion == version && m.Protocol == codec.Query }, action)
}

// elsewhere refuses a query string that names an operation too: whoever looks at a request from outside, a proxy or a
// reader of its log, must not take it for another one.
func elsewhere(query string) error {
	if query == "" {
		return nil
	}
	form, e := codec.ParseForm(query)
	if e != nil {
		return e
	}
	for _, name := range [...]string{"Action", "Version"} {
		if _, ok := form.At(name); ok {
			return &codec.Error{Code: "MalformedInput", Message: "the query string names an operation beside that of the request", Status: http.StatusBadRequest, Sender: true}
		}
	}
	return nil
}

// find looks an operation up by its exact name.
func (s services) find(x *exchange, isIt func(*codec.Service) bool, name string) error {
	i := slices.IndexFunc(s, func(one service) bool { return isIt(one.model) })
	if i >= 0 {
		x.service = s[i].model
		if x.operation = x.service.Lookup(name); x.operation != nil {
			x.handler = s[i].built[name]
			return nil
		}
	}
	if x.protocol == codec.JSON11 {
		return unknownOperation()
	}
	return &codec.Error{Code: "InvalidAction", Message: "Could not find operation " + printable(name) + " for version " + printable(x.form.Value("Version")),
		Status: http.StatusBadRequest, Sender: true}
}

func unknownOperation() error {
	return &codec.Error{Code: "UnknownOperationException", Status: http.StatusBadRequest, Sender: true}
}

// printable bounds a client's text for use in a message.
func printable(s string) string {
	if len(s) > 128 {
		s = s[:128]
	}
	return strings.ToValidUTF8(s, "?")
}

// readBody reads the whole body, at most maxBody.
func (x *exchange) readBody() error {
	x.body = bodies.Get().(*[]byte)
	r := x.request
	if r.ContentLength > maxBody {
		return tooLarge()
	}
	b := *x.body
	if n := int(r.ContentLength); n >= cap(b) {
		b = make([]byte, 0, n+1) // one more, so that the end is seen without growing
	}
	for {
		if len(b) == cap(b) {
			b = grown(b)
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		*x.body = b
		switch {
		case len(b) > maxBody:
			return tooLarge()
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &codec.Error{Code: "RequestTimeout", Message: "The request body could not be read.", Status: http.StatusBadRequest, Sender: true}
		}
	}
}

// grown gives b twice the room and leaves nothing of the body behind.
func grown(b []byte) []byte {
	wider := append(make([]byte, 0, 2*cap(b)), b...)
	clear(b)
	return wider
}

func tooLarge() error {
	return &codec.Error{Code: "RequestEntityTooLargeException", Message: "The request body is larger than 1048576 bytes.",
		Status: http.StatusRequestEntityTooLarge, Sender: true}
}
