package worker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ostiary.dev/hsm"
)

// examples are requests that use every operation and every bound.
func examples() []request {
	big := func(n int) []byte { return bytes.Repeat([]byte{0xa5}, n) }
	return []request{
		{op: opPing, id: 1, budget: time.Millisecond},
		{op: opStatus, id: 1<<64 - 1, budget: 3 * time.Second},
		{op: opRandom, budget: time.Second, number: hsm.MaxRandom},
		{op: opGenerate, budget: time.Second, fields: [maxFields][]byte{[]byte("id"), []byte("SPEC"), []byte("use")}},
		{op: opForget, budget: time.Second, fields: [maxFields][]byte{big(hsm.MaxToken)}},
		{op: opSeal, budget: time.Second, fields: [maxFields][]byte{[]byte("token"), {}, []byte("text")}},
		{op: opUnseal, budget: time.Second, fields: [maxFields][]byte{{}, {}, {}}},
		{op: opSealRandom, budget: time.Second, number: hsm.MaxDataKey, flag: true, fields: [maxFields][]byte{[]byte("token"), []byte("aad")}},
		{op: opSign, budget: time.Second, fields: [maxFields][]byte{[]byte("token"), big(maxDigest)}},
		{
			op: opReseal, budget: time.Second,
			fields: [maxFields][]byte{big(hsm.MaxToken), big(hsm.MaxAAD), big(maxMessage), big(hsm.MaxToken), big(hsm.MaxAAD)},
		},
	}
}

var sameRequest = cmp.Options{cmp.AllowUnexported(request{}), cmpopts.EquateEmpty()}

// TestRequests: what is encoded is decoded to the same, and nothing that lacks a byte or has one more is.
func TestRequests(t *testing.T) {
	for _, want := range examples() {
		frame := appendRequest(nil, &want)
		if len(frame) != want.size() || len(frame) > prefixSize+maxFrame {
			t.Errorf("%s has %d bytes, announced as %d, at most %d", want.op, len(frame), want.size(), maxFrame)
		}
		if n := binary.BigEndian.Uint32(frame); int(n) != len(frame)-prefixSize {
			t.Errorf("%s: the prefix says %d of %d bytes", want.op, n, len(frame)-prefixSize)
		}
		var got request
		if err := decodeRequest(frame[prefixSize:], &got); err != nil {
			t.Fatalf("%s: %v", want.op, err)
		}
		if diff := cmp.Diff(want, got, sameRequest); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.op, diff)
		}
		body := frame[prefixSize:]
		for n := range min(len(body), 200) {
			wantBroken(t, want.op.String()+" cut", decodeRequest(body[:n], &got))
		}
		wantBroken(t, want.op.String()+" and more", decodeRequest(append(bytes.Clone(body), 0), &got))
	}
}

func wantBroken(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, errFrame) {
		t.Errorf("%s: error %v, want %v", what, err, errFrame)
	}
}

// TestRequestBounds: a part that is larger than its operation allows is refused on both sides.
func TestRequestBounds(t *testing.T) {
	for _, good := range examples() {
		rule := good.op.rule()
		for i, f := range rule.fields {
			bad := good
			bad.fields[i] = make([]byte, f.most+1)
			if bad.check() == nil {
				t.Errorf("%s with %d bytes of %s may be sent", good.op, f.most+1, f.name)
			}
			wantBroken(t, f.name, decodeRequest(appendRequest(nil, &bad)[prefixSize:], new(request)))
		}
		bad := good
		bad.number = rule.number + 1
		if bad.check() == nil {
			t.Errorf("%s with number %d may be sent", good.op, bad.number)
		}
		wantBroken(t, "number", decodeRequest(appendRequest(nil, &bad)[prefixSize:], new(request)))
		bad = good
		bad.flag = true
		if (bad.check() == nil) != rule.wantsFlag {
			t.Errorf("%s with the flag: %v", good.op, bad.check())
		}
	}
	ping := appendRequest(nil, &request{op: opPing})[prefixSize:]
	for at, value := range map[int]byte{0: 0, 17: 2} {
		bad := bytes.Clone(ping)
		bad[at] = value
		wantBroken(t, "head", decodeRequest(bad, new(request)))
	}
	bad := bytes.Clone(ping)
	bad[0] = byte(opEnd)
	wantBroken(t, "unknown operation", decodeRequest(bad, new(request)))
}

func TestAnswers(t *testing.T) {
	for _, want := range []answer{
		{code: codeOK, id: 7, values: [2][]byte{[]byte("one"), []byte("two")}},
		{code: codeMessage, id: 1<<64 - 1},
		{code: codeFatal, values: [2][]byte{bytes.Repeat([]byte("x"), maxText)}},
	} {
		body := appendAnswer(nil, &want)[prefixSize:]
		var got answer
		if err := decodeAnswer(body, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for n := range body {
			wantBroken(t, "cut", decodeAnswer(body[:n], &got))
		}
		wantBroken(t, "and more", decodeAnswer(append(bytes.Clone(body), 0), &got))
	}
	wantBroken(t, "unknown code", decodeAnswer(appendAnswer(nil, &answer{code: codeEnd})[prefixSize:], new(answer)))
	wantBroken(t, "value too long", checkAnswer(opRandom, &answer{values: [2][]byte{make([]byte, hsm.MaxRandom+1)}}))
	wantBroken(t, "value too many", checkAnswer(opSeal, &answer{values: [2][]byte{nil, {1}}}))
	wantBroken(t, "text too long", checkAnswer(opSeal, &answer{code: codeFailed, values: [2][]byte{make([]byte, maxText+1)}}))
}

// TestErrors: an error arrives as what it was sent as.
func TestErrors(t *testing.T) {
	for _, want := range []error{hsm.ErrMessage, hsm.ErrToken, hsm.ErrUnsupported, hsm.ErrUnavailable} {
		a := errorAnswer(1, errors.Join(errors.New("detail"), want))
		got := errorOf(a.code, string(a.values[0]))
		if !errors.Is(got, want) || errors.Is(got, io.EOF) {
			t.Errorf("%v arrives as %v", want, got)
		}
	}
	a := errorAnswer(1, errors.New("other"))
	if got := errorOf(a.code, string(a.values[0])); got == nil || got.Error() != "other" || errors.Unwrap(got) != nil {
		t.Errorf("an error without a sentinel arrives as %v", got)
	}
	if a := errorAnswer(1, errors.Join(errors.New("why exactly"), hsm.ErrMessage)); len(a.values[0]) != 0 {
		t.Errorf("ErrMessage carries %q", a.values[0])
	}
	if a := errorAnswer(1, errors.New(string(make([]byte, 2*maxText)))); len(a.values[0]) != maxText {
		t.Errorf("a long text arrives with %d bytes", len(a.values[0]))
	}
	if errorOf(codeOK, "") != nil {
		t.Error("success is an error")
	}
}

// TestFrameReader: frames arrive whole however the stream is cut, and what was given out is cleared.
func TestFrameReader(t *testing.T) {
	var stream []byte
	var want [][]byte
	for i := range 40 {
		size := []int{1, 18, 300, readBuffer/2 - 3, readBuffer, maxFrame}[i%6]
		body := bytes.Repeat([]byte{byte(i + 1)}, size)
		stream = append(binary.BigEndian.AppendUint32(stream, uint32(size)), body...)
		want = append(want, body)
	}
	for name, src := range map[string]io.Reader{
		"whole":   bytes.NewReader(stream),
		"half":    iotest.HalfReader(bytes.NewReader(stream)),
		"at once": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		r := newFrameReader(src)
		var last []byte
		for i, body := range want {
			got, err := r.next()
			if err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%s: frame %d has %d bytes, %v; want %d", name, i, len(got), err, len(body))
			}
			if bytes.Equal(last, body) {
				t.Errorf("%s: frame %d is still in memory", name, i-1)
			}
			last = got
		}
		if _, err := r.next(); err != io.EOF {
			t.Errorf("%s: at the end: %v, want %v", name, err, io.EOF)
		}
		if len(r.buf) > 2*readBuffer+maxFrame {
			t.Errorf("%s: the buffer has grown to %d bytes", name, len(r.buf))
		}
	}
	if _, err := newFrameReader(bytes.NewReader(stream[:3])).next(); err != io.ErrUnexpectedEOF {
		t.Errorf("within a prefix: %v, want %v", err, io.ErrUnexpectedEOF)
	}
	for _, n := range []uint32{0, maxFrame + 1, 1<<32 - 1} {
		_, err := newFrameReader(bytes.NewReader(binary.BigEndian.AppendUint32(nil, n))).next()
		wantBroken(t, "length", err)
	}
}

func TestHandshake(t *testing.T) {
	settings := Settings{Library: "/lib/p11.so", TokenLabel: "t", PINFile: "/run/pin"}
	good, err := appendHandshake(nil, settings)
	if err != nil {
		t.Fatal(err)
	}
	good = good[prefixSize:]
	var got Settings
	if err := decodeHandshake(good, &got); err != nil || got != settings {
		t.Fatalf("decoded %+v, %v", got, err)
	}
	for name, bad := range map[string][]byte{
		"nothing":        {},
		"other magic":    bytes.Replace(good, []byte("ostiary"), []byte("ostrich"), 1),
		"other version":  bytes.Replace(good, []byte{0, protocolVersion}, []byte{0, protocolVersion + 1}, 1),
		"only magic":     []byte(magic),
		"trailing bytes": append(bytes.Clone(good), '{'),
		"unknown member": bytes.Replace(good, []byte(`"library"`), []byte(`"zibrary"`), 1),
		"cut":            good[:len(good)-1],
		"too long":       append(bytes.Clone(good), bytes.Repeat([]byte(" "), maxHandshake)...),
	} {
		wantBroken(t, name, decodeHandshake(bad, new(Settings)))
	}
}

func FuzzRequest(f *testing.F) {
	for _, r := range examples() {
		f.Add(appendRequest(nil, &r)[prefixSize:])
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var r, again request
		if decodeRequest(frame, &r) != nil {
			return
		}
		encoded := appendRequest(nil, &r)[prefixSize:]
		if !bytes.Equal(encoded, frame) {
			t.Fatalf("%x decodes and encodes to %x", frame, encoded)
		}
		if err := decodeRequest(encoded, &again); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(appendAnswer(nil, &answer{id: 7, values: [2][]byte{[]byte("one"), []byte("two")}})[prefixSize:])
	f.Add(appendAnswer(nil, &answer{code: codeFailed, values: [2][]byte{[]byte("why")}})[prefixSize:])
	f.Fuzz(func(t *testing.T, frame []byte) {
		var a answer
		if decodeAnswer(frame, &a) != nil {
			return
		}
		if encoded := appendAnswer(nil, &a)[prefixSize:]; !bytes.Equal(encoded, frame) {
			t.Fatalf("%x decodes and encodes to %x", frame, encoded)
		}
		for o := opPing; o < opEnd; o++ {
			if checkAnswer(o, &a) == nil && a.code == codeOK && len(a.values[0]) > maxMessage {
				t.Fatalf("%d bytes pass as an answer to %s", len(a.values[0]), o)
			}
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 7, 0, 0, 0, 2, 8, 9})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := newFrameReader(iotest.OneByteReader(bytes.NewReader(stream)))
		var again []byte
		for {
			frame, err := r.next()
			if err != nil {
				break
			}
			again = append(binary.BigEndian.AppendUint32(again, uint32(len(frame))), frame...)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Fatalf("%x is read as %x", stream, again)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	for _, v := range []any{Settings{Library: "/l"}, hello{Error: &StartError{StartPIN, "no"}}, hello{Status: &hsm.Status{Library: "x"}}} {
		b, err := appendHandshake(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[prefixSize:])
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var h hello
		var s Settings
		if decodeHandshake(frame, &h) == nil && h.Error != nil {
			_ = h.Error.Error()
		}
		if decodeHandshake(frame, &s) == nil {
			if s, err := s.withDefaults(); err == nil && (s.Sessions < 1 || s.HandleLimit < 1 || !goodPath(s.Library)) {
				t.Fatalf("settings %+v pass", s)
			}
		}
	})
}
