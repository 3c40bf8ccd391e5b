package api

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// keeper is a ResponseWriter that keeps the very memory that it is given.
type keeper struct {
	header http.Header
	status int
	given  [][]byte
}

func (k *keeper) Header() http.Header { return k.header }
func (k *keeper) WriteHeader(s int)   { k.status = s }
func (k *keeper) Write(b []byte) (int, error) {
	k.given = append(k.given, b)
	return len(b), nil
}

// TestBuffersAreWiped: what requests and answers were read into and written from holds nothing of them afterwards,
// whether they are small, large, sent in pieces or broken off.
func TestBuffersAreWiped(t *testing.T) {
	secret := []byte(base64.StdEncoding.EncodeToString([]byte("not to be found in any buffer")))
	for name, test := range map[string]struct {
		padding int
		wrap    func(io.Reader) io.Reader
	}{
		"small":      {0, nil},
		"large":      {100 << 10, nil},
		"in pieces":  {20 << 10, iotest.OneByteReader},
		"broken off": {0, func(r io.Reader) io.Reader { return io.MultiReader(r, iotest.ErrReader(errors.New("gone"))) }},
	} {
		w := newWorld(t)
		key := w.key()
		body := `{"KeyId":"` + key + `","Plaintext":"` + string(secret) + `"` + strings.Repeat(" ", test.padding) + `}`
		in, err := received(raw(t, w.sign(jsonRequest("Encrypt", body), "kms", home)))
		if err != nil {
			t.Fatal(err)
		}
		spy := &spy{in: in.Body}
		if test.wrap != nil {
			spy.in = test.wrap(in.Body)
			in.ContentLength = -1
		}
		in.Body = io.NopCloser(spy)
		w.ServeHTTP(&keeper{header: http.Header{}}, in)
		if len(spy.given) == 0 {
			t.Fatalf("%s: the body was not read", name)
		}
		for i, b := range spy.given {
			if len(bytes.Trim(b[:cap(b)], "\x00")) != 0 {
				t.Errorf("%s: the buffer of read %d still holds %d bytes", name, i, len(bytes.Trim(b[:cap(b)], "\x00")))
				break
			}
		}
	}
	w := newWorld(t)
	key := w.key()
	blob := field(t, w.call("Encrypt", `{"KeyId":"`+key+`","Plaintext":"`+string(secret)+`"}`).Body.String(), "CiphertextBlob")
	in, err := received(raw(t, w.sign(jsonRequest("Decrypt", `{"CiphertextBlob":"`+blob+`"}`), "kms", home)))
	if err != nil {
		t.Fatal(err)
	}
	out := &keeper{header: http.Header{}}
	w.ServeHTTP(out, in)
	if len(out.given) != 1 || len(out.given[0]) < len(secret) {
		t.Fatalf("%d writes", len(out.given))
	}
	if len(bytes.Trim(out.given[0], "\x00")) != 0 {
		t.Errorf("the answer is left: %s", out.given[0])
	}
}

// spy keeps the memory that a body is read into.
type spy struct {
	in    io.Reader
	given [][]byte
}

func (s *spy) Read(b []byte) (int, error) {
	s.given = append(s.given, b)
	return s.in.Read(b)
}
