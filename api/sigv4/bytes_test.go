package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wire is a signed request as it stands on the connection, with what may be changed in it without changing its meaning. Nothing
// else may: TestAnyByteChanged tries every other value of every byte.
type wire struct {
	raw     []byte
	allowed []allowance
}

// allowance is a stretch of the request in which some changes of a byte are accepted, and why that is right.
type allowance struct {
	start, end int
	same       func(from, to byte) bool
	why        string
	used       bool
}

func anyByte(byte, byte) bool      { return true }
func otherCase(from, to byte) bool { return isLetter(from) && from^to == 0x20 }
func isLetter(c byte) bool         { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func space(_, to byte) bool        { return to == ' ' || to == '\t' }

// allow permits changes in length bytes, from skip bytes after the start of the first occurrence of text.
func (w *wire) allow(t *testing.T, text string, skip, length int, same func(from, to byte) bool, why string) {
	t.Helper()
	start := strings.Index(string(w.raw), text)
	if start < 0 {
		t.Fatalf("%q is not in the request", text)
	}
	start += skip
	w.allowed = append(w.allowed, allowance{start: start, end: start + length, same: same, why: why})
}

func (w *wire) excuse(i int, to byte) bool {
	for n := range w.allowed {
		a := &w.allowed[n]
		if a.start <= i && i < a.end && a.same(w.raw[i], to) {
			a.used = true
			return true
		}
	}
	return false
}

// read parses the bytes as net/http does for a server and verifies the result. A body that is longer or shorter than the request
// says is refused, as it is on a connection.
func (w *wire) read(raw []byte, now time.Time, rules Rules) error {
	buffer := bufio.NewReaderSize(bytes.NewReader(raw), 512)
	h, err := http.ReadRequest(buffer)
	if err != nil {
		return err
	}
	if h.ProtoMajor != 1 {
		return http.ErrNotSupported // as http.Server does
	}
	body, err := io.ReadAll(h.Body)
	if err != nil {
		return err
	}
	if buffer.Buffered() > 0 {
		return io.ErrShortBuffer
	}
	r := FromHTTP(h, body)
	s, err := Parse(&r)
	if err != nil {
		return err
	}
	if s.AccessKeyID != testKeyID {
		// The id is not part of what is signed: it selects the key, and another id has another one.
		return s.Verify(&r, [32]byte{1}, now, rules)
	}
	return s.Verify(&r, kmsKey(), now, rules)
}

func headerWire(t *testing.T) *wire {
	r := kmsCall()
	r.Path = "/x/./y"
	r.RawQuery = "b=%2fc&a=x+y"
	r.Header.Set("Content-Length", strconv.Itoa(len(r.Body)))
	r.Header.Set("X-Amz-Security-Token", "to/ken+==")
	r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	sign(t, r, "kms", "amz-sdk-request;content-length;content-type;host;x-amz-date;x-amz-security-token;x-amz-target", kmsKey())
	w := &wire{raw: fmtRequest(r, "Host", "Content-Length", "Content-Type", "Amz-Sdk-Request", "User-Agent", "X-Amz-Date",
		"X-Amz-Target", "X-Amz-Security-Token", "Authorization")}
	w.allowLines(t)
	w.allow(t, "/./", 1, 1, func(_, to byte) bool { return to == '/' }, "an empty segment goes as the segment . does")
	w.allow(t, "%2f", 2, 1, otherCase, "hexadecimal digits of an escape have no case")
	w.allow(t, "1; max", 2, 1, space, "white space inside a value counts as one space")
	w.allow(t, "_request, Signed", 9, 1, space, "white space around a comma does not count")
	w.allow(t, "target, Sig", 7, 1, space, "white space around a comma does not count")
	return w
}

func queryWire(t *testing.T) *wire {
	r := &Request{Method: "GET", Path: "/", Host: "kms.example.com", Header: http.Header{"X-Extra": {"e"}}}
	query := "Action=x&Flag=&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fkms%2Faws4_request" +
		"&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-Security-Token=t&X-Amz-SignedHeaders=host%3Bx-extra&X-Amz-Signature="
	r.RawQuery = query + "0"
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(nil)
	canonical, err := s.appendRequest(nil, r, &hash, &Rules{})
	if err != nil {
		t.Fatal(err)
	}
	hash, key := sha256.Sum256(canonical), kmsKey()
	signature := s.sign(&key, &hash)
	r.RawQuery = query + string(signature[:])
	w := &wire{raw: fmtRequest(r, "Host", "X-Extra")}
	w.allowLines(t)
	for _, escape := range []string{"%2F2015", "%2Fus", "%2Fkms", "%2Faws4", "%3B"} {
		w.allow(t, escape, 2, 1, otherCase, "hexadecimal digits of an escape have no case")
	}
	w.allow(t, "Flag=&", 4, 1, func(_, to byte) bool { return to == '&' }, "a parameter without = has the empty value")
	return w
}

// fmtRequest writes the request with the named headers in this order.
func fmtRequest(r *Request, names ...string) []byte {
	var b strings.Builder
	b.WriteString(r.Method + " " + r.Path)
	if r.RawQuery != "" {
		b.WriteString("?" + r.RawQuery)
	}
	b.WriteString(" HTTP/1.1\r\n")
	for _, name := range names {
		value := r.Header.Get(name)
		if name == "Host" {
			value = r.Host
		}
		b.WriteString(name + ": " + value + "\r\n")
	}
	b.WriteString("\r\n")
	return append([]byte(b.String()), r.Body...)
}

// allowLines permits what HTTP itself takes for the same.
func (w *wire) allowLines(t *testing.T) {
	head := string(w.raw[:bytes.Index(w.raw, []byte("\r\n\r\n"))+2])
	start := 0
	for n, line := range strings.SplitAfter(head, "\r\n") {
		name, _, ok := strings.Cut(line, ":")
		switch {
		case n == 0:
			w.allow(t, "HTTP/1.1", 7, 1, anyByte, "the protocol's minor version is not signed")
		case name == "User-Agent":
			w.allowed = append(w.allowed, allowance{start: start, end: start + len(line), same: anyByte, why: "the header is not signed"})
		case ok:
			end := start + len(line)
			w.allowed = append(w.allowed,
				allowance{start: start, end: start + len(name), same: otherCase, why: "header names have no case"},
				allowance{start: start + len(name) + 1, end: start + len(name) + 2, same: space, why: "white space around a value does not count"},
				allowance{start: end - 2, end: end - 1, same: space, why: "white space around a value does not count"})
		}
		start += len(line)
	}
}

func TestAnyByteChanged(t *testing.T) {
	for name, w := range map[string]*wire{"header form": headerWire(t), "presigned": queryWire(t)} {
		if err := w.read(w.raw, testTime, Rules{}); err != nil {
			t.Fatalf("%s: unchanged: %v\n%s", name, err, w.raw)
		}
		changed := make([]byte, len(w.raw))
		accepted := 0
		for i, from := range w.raw {
			for to := range 256 {
				if byte(to) == from {
					continue
				}
				copy(changed, w.raw)
				changed[i] = byte(to)
				if w.read(changed, testTime, Rules{}) != nil {
					continue
				}
				accepted++
				if !w.excuse(i, byte(to)) {
					t.Errorf("%s: byte %d changed from %q to %q is accepted: %q", name, i, from, byte(to), changed[max(0, i-20):min(len(changed), i+20)])
				}
			}
		}
		for _, a := range w.allowed {
			if !a.used {
				t.Errorf("%s: allowance for %q (%s) was not needed", name, w.raw[a.start:a.end], a.why)
			}
		}
		t.Logf("%s: %d changes, %d accepted as the same request", name, 255*len(w.raw), accepted)
	}
}
