package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

// TestFrame: how a request says which operation it wants. What is not understood is answered in the protocol that it
// seems to be in, before anything else is looked at.
func TestFrame(t *testing.T) {
	for name, test := range map[string]struct {
		form   bool
		body   string
		edit   func(r *http.Request)
		status int
		code   string // "" for success
	}{
		"plain":                      {body: "{}", status: 200},
		"type with parameter":        {body: "{}", edit: header("Content-Type", jsonType+"; charset=utf-8"), status: 200},
		"type in capitals":           {body: "{}", edit: header("Content-Type", "Application/X-AMZ-JSON-1.1"), status: 200},
		"type of JSON 1.0":           {body: "{}", edit: header("Content-Type", "application/x-amz-json-1.0"), status: 400, code: "UnknownOperationException"},
		"type of another sort":       {body: "{}", edit: header("Content-Type", "text/plain"), status: 400, code: "UnknownOperationException"},
		"type of a form":             {body: "{}", edit: header("Content-Type", formType), status: 400, code: "UnknownOperationException"},
		"no type":                    {body: "{}", edit: func(r *http.Request) { r.Header.Del("Content-Type") }, status: 400, code: "UnknownOperationException"},
		"type that does not parse":   {body: "{}", edit: header("Content-Type", "application/x-amz-json-1.1; ="), status: 400, code: "UnknownOperationException"},
		"GET":                        {body: "{}", edit: method(http.MethodGet), status: 400, code: "UnknownOperationException"},
		"PUT":                        {body: "{}", edit: method(http.MethodPut), status: 400, code: "UnknownOperationException"},
		"other path":                 {body: "{}", edit: func(r *http.Request) { r.URL.Path = "/v1" }, status: 404, code: "UnknownOperationException"},
		"escaped path":               {body: "{}", edit: func(r *http.Request) { r.URL.Path, r.URL.RawPath = "//", "/%2F" }, status: 404, code: "UnknownOperationException"},
		"other target prefix":        {body: "{}", edit: header("X-Amz-Target", "Trentservice.ListKeys"), status: 400, code: "UnknownOperationException"},
		"target of nothing":          {body: "{}", edit: header("X-Amz-Target", "TrentService.NoSuch"), status: 400, code: "UnknownOperationException"},
		"target in other case":       {body: "{}", edit: header("X-Amz-Target", "TrentService.listKeys"), status: 400, code: "UnknownOperationException"},
		"target with a space":        {body: "{}", edit: header("X-Amz-Target", "TrentService.ListKeys x"), status: 400, code: "UnknownOperationException"},
		"target without a dot":       {body: "{}", edit: header("X-Amz-Target", "TrentServiceListKeys"), status: 400, code: "UnknownOperationException"},
		"empty target":               {body: "{}", edit: header("X-Amz-Target", ""), status: 400, code: "UnknownOperationException"},
		"two targets":                {body: "{}", edit: func(r *http.Request) { r.Header.Add("X-Amz-Target", "TrentService.ListKeys") }, status: 400, code: "UnknownOperationException"},
		"not built":                  {body: "{}", edit: header("X-Amz-Target", "TrentService.Sign"), status: 400, code: "UnsupportedOperationException"},
		"form":                       {form: true, body: whoAmI, status: 200},
		"form with charset":          {form: true, body: whoAmI, edit: header("Content-Type", formType+"; charset=utf-8"), status: 200},
		"form in the query":          {form: true, edit: func(r *http.Request) { r.URL.RawQuery = whoAmI }, status: 200},
		"form with a target":         {form: true, body: whoAmI, edit: header("X-Amz-Target", "TrentService.ListKeys"), status: 400, code: "UnknownOperationException"},
		"form of another service":    {form: true, body: "Action=GetCallerIdentity&Version=2010-05-08", status: 400, code: "InvalidAction"},
		"form of an unknown version": {form: true, body: "Action=GetCallerIdentity&Version=2011-06-16", status: 400, code: "InvalidAction"},
		"form without a version":     {form: true, body: "Action=GetCallerIdentity", status: 400, code: "InvalidAction"},
		"form without an action":     {form: true, body: "Version=2011-06-15", status: 400, code: "MissingAction"},
		"form twice":                 {form: true, body: whoAmI + "&Action=GetCallerIdentity", status: 400, code: "MalformedInput"},
		"form with a bad escape":     {form: true, body: whoAmI + "&a=%zz", status: 400, code: "MalformedInput"},
		"form of KMS":                {form: true, body: "Action=ListKeys&Version=2014-11-01", status: 400, code: "InvalidAction"},
		"form by PUT":                {form: true, body: whoAmI, edit: method(http.MethodPut), status: 400, code: "MalformedInput"},
		"form by GET with a body":    {form: true, body: whoAmI, edit: method(http.MethodGet), status: 400, code: "MalformedInput"},
		"nothing at all":             {form: true, status: 400, code: "MissingAction"},
	} {
		w := newWorld(t)
		r, service := jsonRequest("ListKeys", test.body), "kms"
		if test.form {
			r, service = formRequest(test.body), "sts"
		}
		if test.edit != nil {
			test.edit(r)
		}
		out := w.serve(w.sign(r, service, home))
		if test.code == "" && out.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, out.Code, out.Body)
		}
		if test.code != "" {
			wantError(t, name, out, test.status, test.code)
		}
		if len(w.records)+len(w.unauth) != 1 {
			t.Errorf("%s: %d records", name, len(w.records)+len(w.unauth))
		}
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func method(name string) func(*http.Request) { return func(r *http.Request) { r.Method = name } }

// TestScopeAndTargetDisagree: a signature for one service does not serve for another.
func TestScopeAndTargetDisagree(t *testing.T) {
	w := newWorld(t)
	wantError(t, "kms as sts", w.serve(w.sign(jsonRequest("ListKeys", "{}"), "sts", home)), http.StatusBadRequest, "InvalidSignatureException")
	wantError(t, "sts as kms", w.serve(w.sign(formRequest(whoAmI), "kms", home)), http.StatusForbidden, "SignatureDoesNotMatch")
	wantError(t, "sts as iam", w.serve(w.sign(formRequest(whoAmI), "iam", home)), http.StatusForbidden, "SignatureDoesNotMatch")
}

// TestBodySizes: a body may have 1 MiB and not a byte more, however it is sent.
func TestBodySizes(t *testing.T) {
	w := newWorld(t)
	for _, size := range []int{2, 8<<10 - 1, 8 << 10, 8<<10 + 1, 64 << 10, 64<<10 + 1, maxBody - 1, maxBody, maxBody + 1, 2 * maxBody} {
		for _, chunked := range []bool{false, true} {
			body := "{" + strings.Repeat(" ", size-2) + "}"
			r := w.sign(jsonRequest("ListKeys", body), "kms", home)
			if chunked {
				r.Header.Del("Content-Length") // the SDK signs it when it is known
				r = jsonRequest("ListKeys", body)
				r.ContentLength = -1
				w.sign(r, "kms", home)
			}
			out := w.serve(r)
			what := fmt.Sprintf("%d bytes, chunked %v", size, chunked)
			if size <= maxBody {
				if out.Code != http.StatusOK {
					t.Errorf("%s: %d %s", what, out.Code, out.Body)
				}
				continue
			}
			wantError(t, what, out, http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException")
			if c := out.Result().Header["Connection"]; len(c) != 1 {
				t.Errorf("%s: the rest of the body would be read as a request", what)
			}
		}
	}
}

// TestBodiesThatEnd early, late or badly.
func TestBodiesThatEnd(t *testing.T) {
	for name, test := range map[string]struct {
		body io.Reader
		ok   bool
	}{
		"byte by byte":            {iotest.OneByteReader(strings.NewReader("{  }")), true},
		"end with the last bytes": {iotest.DataErrReader(strings.NewReader("{  }")), true},
		"broken off":              {io.MultiReader(strings.NewReader("{ "), iotest.ErrReader(io.ErrUnexpectedEOF)), false},
		"too slow":                {io.MultiReader(strings.NewReader("{ "), iotest.ErrReader(errors.New("i/o timeout"))), false},
	} {
		w := newWorld(t)
		in, err := received(raw(t, w.sign(jsonRequest("ListKeys", "{  }"), "kms", home)))
		if err != nil {
			t.Fatal(err)
		}
		in.Body = io.NopCloser(test.body)
		out := httptest.NewRecorder()
		w.ServeHTTP(out, in)
		if test.ok && out.Code != http.StatusOK {
			t.Errorf("%s: %s", name, out.Body)
		}
		if !test.ok {
			wantError(t, name, out, http.StatusBadRequest, "RequestTimeout")
		}
	}
}

// TestRequestIDs are UUIDs of their own.
func TestRequestIDs(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	for range 1000 {
		out := w.serve(jsonRequest("ListKeys", "{}"))
		id := requestID(out)
		if len(id) != 36 || id[14] != '4' || seen[id] {
			t.Fatalf("%s, seen %v", id, seen[id])
		}
		seen[id] = true
	}
}

// TestNoAddress: a connection whose other end has no IP address is served, and the record says so.
func TestNoAddress(t *testing.T) {
	for from, want := range map[string]string{"@": "", "[2001:db8::1]:1": "2001:db8::1", "[::ffff:192.0.2.1]:1": "192.0.2.1", "[fe80::1%eth0]:1": "fe80::1"} {
		w := newWorld(t)
		in, err := received(raw(t, w.sign(jsonRequest("ListKeys", "{}"), "kms", home)))
		if err != nil {
			t.Fatal(err)
		}
		in.RemoteAddr = from
		out := httptest.NewRecorder()
		w.ServeHTTP(out, in)
		if out.Code != http.StatusOK || w.records[0].SourceIP != want {
			t.Errorf("%s: %d, %q", from, out.Code, w.records[0].SourceIP)
		}
	}
}
