package api

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"unicode/utf8"
)

// FuzzServeHTTP sends whatever net/http takes for a request. The answer is always one of the protocols', well formed,
// with a request id; there is never a panic, an internal error or a call without a record.
func FuzzServeHTTP(f *testing.F) {
	w := newWorld(f)
	key := w.key()
	f.Add(raw(f, w.sign(jsonRequest("Encrypt", encryptBody(key)), "kms", home)))
	f.Add(raw(f, w.sign(jsonRequest("ListKeys", `{"Limit":1,"Marker":"x"}`), "kms", home)))
	f.Add(raw(f, w.sign(formRequest(whoAmI), "sts", home)))
	f.Add(raw(f, formRequest("Action=%00&Version=%ff")))
	f.Add([]byte("GET /?" + whoAmI + "&X-Amz-Algorithm=AWS4-HMAC-SHA256 HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nX-Amz-Target: a\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("OPTIONS * HTTP/1.0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		w.TB = t
		in, err := received(wire)
		if err != nil {
			return
		}
		w.records, w.unauth, w.outcomes = nil, nil, nil
		out := httptest.NewRecorder()
		w.ServeHTTP(out, in)
		checkAnswer(t, w, out)
	})
}

// FuzzSigned signs the request itself, so that the body gets past the signature.
func FuzzSigned(f *testing.F) {
	w := newWorld(f)
	key := w.key()
	f.Add(true, "Encrypt", []byte(encryptBody(key)))
	f.Add(true, "Decrypt", []byte(`{"CiphertextBlob":"AU9TVAEA","EncryptionContext":{"a":"b"}}`))
	f.Add(true, "PutKeyPolicy", []byte(`{"KeyId":"`+key+`","Policy":"{}"}`))
	f.Add(true, "TagResource", []byte(`{"KeyId":"`+key+`","Tags":[{"TagKey":"k","TagValue":""}]}`))
	f.Add(true, "ListAliases", []byte(`{"KeyId":"arn:aws:kms:`+home+`:`+account+`:key/`+key+`","Limit":3}`))
	f.Add(false, "GetCallerIdentity", []byte("&a.b.c=%20"))
	f.Fuzz(func(t *testing.T, isJSON bool, operation string, body []byte) {
		w.TB = t
		var r *http.Request
		service := "kms"
		if isJSON {
			r = jsonRequest(operation, string(body))
		} else {
			r, service = formRequest("Action="+operation+"&Version=2011-06-15"+string(body)), "sts"
		}
		in, err := received(raw(t, w.sign(r, service, home)))
		if err != nil {
			return
		}
		w.records, w.unauth, w.outcomes = nil, nil, nil
		out := httptest.NewRecorder()
		w.ServeHTTP(out, in)
		checkAnswer(t, w, out)
	})
}

func checkAnswer(t *testing.T, w *world, out *httptest.ResponseRecorder) {
	t.Helper()
	body, h := out.Body.Bytes(), out.Result().Header
	if out.Code >= 500 || out.Code < 200 {
		t.Fatalf("%d %s, logged %s", out.Code, body, w.logged)
	}
	if requestID(out) == "" || (out.Code != http.StatusOK) != (errorType(out) != "") {
		t.Fatalf("%d %v", out.Code, h)
	}
	if len(w.records)+len(w.unauth) == 0 || len(w.outcomes) != 1 {
		t.Fatalf("%d records, %d without caller, outcomes %v", len(w.records), len(w.unauth), w.outcomes)
	}
	if !utf8.Valid(body) {
		t.Fatalf("not UTF-8: %q", body)
	}
	switch h.Get("Content-Type") {
	case jsonType:
		if len(body) != 0 && !json.Valid(body) {
			t.Fatalf("not JSON: %s", body)
		}
	case "text/xml":
		if err := wellFormed(body); err != nil {
			t.Fatalf("not XML: %v: %s", err, body)
		}
	default:
		t.Fatalf("%v", h)
	}
}

func wellFormed(body []byte) error {
	d, elements := xml.NewDecoder(bytes.NewReader(body)), 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && elements > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if _, ok := token.(xml.StartElement); ok {
			elements++
		}
	}
}
