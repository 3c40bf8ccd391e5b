package worker

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"ostiary.dev/hsm"
)

// TestPacer: the first start after a good worker is immediate, later ones come ever more slowly, and a good worker makes up
// for it.
func TestPacer(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	p := pacer{started: now}
	now = now.Add(stableAfter)
	var total time.Duration
	last := time.Duration(0)
	for i := range 20 {
		pause := p.next(now)
		if i == 0 && pause != 0 {
			t.Errorf("the first start waits for %v", pause)
		}
		if i > 0 && (pause < last || pause < firstPause || pause > longestPause) {
			t.Errorf("start %d waits for %v after %v", i, pause, last)
		}
		if i < 4 {
			total += pause
		}
		last = pause
		now = now.Add(pause)
		p.started = now // it came to serve, and died at once
	}
	if last != longestPause {
		t.Errorf("after many failures the pause is %v, want %v", last, longestPause)
	}
	if total > time.Second {
		t.Errorf("four kills in a row cost %v of pauses", total)
	}
	p.started = now
	if pause := p.next(now.Add(stableAfter)); pause != 0 {
		t.Errorf("after a worker served well the next start waits for %v", pause)
	}
}

// peer is a link with a test at its other end.
func peer(t *testing.T, inFlight int, patience time.Duration) (*link, net.Conn) {
	t.Helper()
	ours, theirs, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.FileConn(theirs)
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLink(ours, newFrameReader(ours), inFlight, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.stop(); other.Close() })
	return l, other
}

// submit sends a ping, and reads it at the other end.
func submit(t *testing.T, l *link, other *frameReader, giveUp time.Time) (*call, uint64) {
	t.Helper()
	c := new(callPool).get(opPing)
	c.giveUp = giveUp
	if err := l.submit(c, &request{op: opPing}); err != nil {
		t.Fatal(err)
	}
	frame, err := other.next()
	if err != nil {
		t.Fatal(err)
	}
	var r request
	if err := decodeRequest(frame, &r); err != nil {
		t.Fatal(err)
	}
	return c, r.id
}

// TestLinkRefuses: a worker that breaks the protocol is not listened to any longer, and calls on their way can be sent again.
func TestLinkRefuses(t *testing.T) {
	for name, say := range map[string]func(id uint64) []byte{
		"unknown id":      func(id uint64) []byte { return appendAnswer(nil, &answer{id: id + 1}) },
		"old serial":      func(id uint64) []byte { return appendAnswer(nil, &answer{id: id - 1<<slotBits}) },
		"slot too large":  func(uint64) []byte { return appendAnswer(nil, &answer{id: slotMask}) },
		"too much":        func(id uint64) []byte { return appendAnswer(nil, &answer{id: id, values: [2][]byte{{1}}}) },
		"unknown code":    func(id uint64) []byte { return appendAnswer(nil, &answer{id: id, code: codeEnd}) },
		"endless frame":   func(uint64) []byte { return []byte{0xff, 0xff, 0xff, 0xff} },
		"fatal":           func(id uint64) []byte { return appendAnswer(nil, &answer{id: id, code: codeFatal}) },
		"answer to twice": func(id uint64) []byte { a := answer{id: id}; return appendAnswer(appendAnswer(nil, &a), &a) },
	} {
		t.Run(name, func(t *testing.T) {
			l, other := peer(t, 4, time.Minute)
			frames := newFrameReader(other)
			later := time.Now().Add(time.Minute)
			_, id := submit(t, l, frames, later)
			bystander, _ := submit(t, l, frames, later)
			if _, err := other.Write(say(id)); err != nil {
				t.Fatal(err)
			}
			<-l.dead
			<-bystander.done
			if _, err := bystander.outcome(); !errors.Is(err, errGone) {
				t.Errorf("a call on its way ends with %v, want %v", err, errGone)
			}
			if err := l.submit(new(callPool).get(opPing), &request{op: opPing}); !errors.Is(err, errGone) {
				t.Errorf("a call after: %v, want %v", err, errGone)
			}
		})
	}
}

// TestLinkExpiry: a call ends when its caller's time is up; the link ends only when the worker was given its full time.
func TestLinkExpiry(t *testing.T) {
	l, other := peer(t, 2, time.Minute)
	frames := newFrameReader(other)
	now := time.Now()
	early, earlyID := submit(t, l, frames, now.Add(time.Second))
	late, lateID := submit(t, l, frames, now.Add(time.Hour))

	l.expire(now.Add(2 * time.Second))
	<-early.done
	if _, err := early.outcome(); !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("the expired call ends with %v", err)
	}
	if err := l.submit(new(callPool).get(opPing), &request{op: opPing}); !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("the slots of calls without an answer are in use, and yet: %v", err)
	}
	for _, id := range []uint64{earlyID, lateID} {
		if _, err := other.Write(appendAnswer(nil, &answer{id: id})); err != nil {
			t.Fatal(err)
		}
	}
	<-late.done
	if _, err := late.outcome(); err != nil || l.isDead() || l.depth() != 0 {
		t.Errorf("after the late answer: %v, dead %v, depth %d", err, l.isDead(), l.depth())
	}

	again, _ := submit(t, l, frames, now.Add(time.Hour))
	l.expire(time.Now().Add(30 * time.Second))
	if l.isDead() {
		t.Error("the link died before the worker's time was up")
	}
	l.expire(time.Now().Add(2 * time.Minute))
	<-again.done
	if _, err := again.outcome(); !errors.Is(err, errGone) || !l.isDead() {
		t.Errorf("a worker that does not answer: %v, dead %v", err, l.isDead())
	}
}

func TestLogLines(t *testing.T) {
	var out bytes.Buffer
	w := newLogLines(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for _, part := range []string{
		`{"time":"2026-01-01T00:00:00Z","level":"INFO","msg":"hello","n":42}` + "\n",
		`{"level":"ERROR","msg":"bad"}` + "\npanic: ", "oh dear\n\n", `{"level":"DEBUG","msg":"small"}` + "\n",
		`{"level":7,"msg":"odd"}` + "\n", strings.Repeat("x", 3*maxLogLine) + "\n", "no end",
	} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{
		"level=INFO msg=hello process=ostiary-hsm n=42", "level=ERROR msg=bad process=ostiary-hsm",
		`level=WARN msg="the device worker says" line="panic: oh dear"`, "level=DEBUG msg=small process=ostiary-hsm",
		`level=WARN msg="the device worker says" line="{\"level\":7,\"msg\":\"odd\"}"`,
		`level=WARN msg="the device worker says" line=xxx`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%.2000s", len(lines), len(want), out.String())
	}
	for i, line := range lines {
		if !strings.Contains(line, want[i]) || len(line) > 2*maxLogLine {
			t.Errorf("line %d is %.200s, want %s", i, line, want[i])
		}
	}
}

// TestPacemeter: a device that becomes slow is noticed, and so is one that recovers; one slow call is not enough.
func TestPacemeter(t *testing.T) {
	var p pacemeter
	p.add(time.Second)
	if p.slow() {
		t.Error("one slow call makes a slow device")
	}
	for range 50 {
		p.add(5 * inlineLimit)
	}
	if !p.slow() {
		t.Error("a slow device is not noticed")
	}
	for range 100 {
		p.add(inlineLimit / 10)
	}
	if p.slow() {
		t.Error("a device that recovered stays slow")
	}
}
