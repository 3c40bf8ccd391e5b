package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestEveryByteIsSigned changes each byte of signed requests as they go over the wire. What the server still takes
// for a request, and for another one, is refused.
func TestEveryByteIsSigned(t *testing.T) {
	w := newWorld(t)
	requests := map[string]*http.Request{
		"kms": w.sign(jsonRequest("CreateKey", `{"Description":"d","Tags":[]}`), "kms", home),
		"sts": w.sign(formRequest(whoAmI), "sts", home),
	}
	for name, r := range requests {
		wire := raw(t, r)
		if out := w.serve(r); out.Code != http.StatusOK {
			t.Fatal(out.Body)
		}
		tried := 0
		unsigned := bytes.Index(wire, []byte("User-Agent:")) // the one line that the SDK leaves unsigned
		for i := range wire {
			if i >= unsigned && i < unsigned+bytes.IndexByte(wire[unsigned:], '\n') {
				continue
			}
			for _, to := range []byte{wire[i] ^ 0x20, wire[i] + 1, 'A', ' ', '\t', 0, 0xff} {
				if to == wire[i] {
					continue
				}
				changed := bytes.Clone(wire)
				changed[i] = to
				in, err := received(changed)
				if err != nil {
					continue // refused by net/http
				}
				tried++
				out := httptest.NewRecorder()
				w.ServeHTTP(out, in)
				if out.Code == http.StatusOK && meaning(t, wire) != meaning(t, changed) {
					t.Errorf("%s: byte %d, %q of %q, was changed to %q: %s", name, i, wire[i], around(wire, i), to, out.Body)
				}
			}
		}
		if tried < len(wire) {
			t.Errorf("%s: only %d changes of %d bytes were tried", name, tried, len(wire))
		}
	}
}

// meaning is what a request says when the differences that HTTP and the signature's canonical form do not make are left
// out: the case of header names, white space in and around header values, and what the SDK leaves unsigned: the user
// agent and the version of the protocol.
func meaning(t *testing.T, wire []byte) string {
	t.Helper()
	r, err := received(wire)
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range r.Header {
		for i := range values {
			values[i] = strings.Join(strings.Fields(values[i]), " ")
		}
	}
	body, err := io.ReadAll(r.Body)
	return fmt.Sprint(r.Method, r.RequestURI, r.Host, r.Header, string(body), err)
}

func around(wire []byte, i int) []byte { return wire[max(0, i-20):min(len(wire), i+20)] }
