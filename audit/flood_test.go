package audit

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// summary is the content of an UnauthenticatedSummary.
type summary struct {
	Since       time.Time
	Count       int
	ByErrorCode map[string]int
	TopSources  []struct {
		Source          string
		AtLeast, AtMost int
	}
}

func summaries(t *testing.T, dir string) []summary {
	t.Helper()
	var all []summary
	for _, p := range named(records(t, dir), "UnauthenticatedSummary") {
		var s summary
		if err := json.Unmarshal(p.ServiceEventDetails, &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func rubbish(t *testing.T, l *Log, n int, ip, code string) {
	t.Helper()
	for range n {
		r := &Record{Time: time.Now(), EventName: "Rubbish", SourceIP: ip, ErrorCode: code}
		if err := l.Unauthenticated(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFewUnauthenticatedCallsAreWrittenSingly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := begin(t, Config{Dir: dir})
		for range 3 {
			rubbish(t, l, 20, "192.0.2.1", "A")
			rubbish(t, l, 20, "192.0.2.2", "A")
			time.Sleep(time.Minute + time.Second)
		}
		if n := len(named(records(t, dir), "Rubbish")); n != 120 {
			t.Errorf("%d records", n)
		}
		if s := summaries(t, dir); len(s) != 0 {
			t.Errorf("summaries: %v", s)
		}
	})
}

func TestFloodBecomesSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := begin(t, Config{Dir: dir, Flood: Flood{Window: 10 * time.Second, PerSource: 5, Total: 12}})
		start := time.Now().UTC()
		rubbish(t, l, 100, "192.0.2.1", "A")             // 5 single
		rubbish(t, l, 30, "2001:db8::1", "B")            // 5 single
		rubbish(t, l, 30, "2001:db8::ffff:1", "A")       // same /64
		rubbish(t, l, 10, "::ffff:192.0.2.9", "C")       // 2 single, then the total is used up
		rubbish(t, l, 1, "not an address", `"`+"\n"+`"`) // none
		if n := len(records(t, dir)); n != 12 {
			t.Errorf("%d records in the window", n)
		}
		time.Sleep(10*time.Second + time.Millisecond) // no more calls
		got := summaries(t, dir)
		want := summary{
			Since: start, Count: 159,
			ByErrorCode: map[string]int{"A": 125, "B": 25, "C": 8, "\"\n\"": 1},
		}
		for _, s := range []struct {
			Source string
			N      int
		}{{"192.0.2.1", 95}, {"2001:db8::/64", 55}, {"192.0.2.9", 8}, {"unknown", 1}} {
			want.TopSources = append(want.TopSources, struct {
				Source          string
				AtLeast, AtMost int
			}{s.Source, s.N, s.N})
		}
		if diff := cmp.Diff([]summary{want}, got); diff != "" {
			t.Error(diff)
		}
		rubbish(t, l, 1, "192.0.2.1", "A")
		if n := len(named(records(t, dir), "Rubbish")); n != 13 {
			t.Errorf("%d records after the window", n)
		}
		if s := l.Stats(); s.Counted != 159 {
			t.Errorf("Stats: %+v", s)
		}
	})
}

func TestCloseWritesSummary(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	rubbish(t, l, 50, "192.0.2.1", "A")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if s := summaries(t, dir); len(s) != 1 || s[0].Count != 30 {
		t.Errorf("summaries: %+v", s)
	}
	if err := l.Unauthenticated(t.Context(), sampleRecord()); err == nil {
		t.Error("Unauthenticated works after Close")
	}
}

func TestSummaryWaitsForDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		d := &faultyDisk{from: 23, to: 1 << 60}
		l := openFaulty(t, Config{Dir: dir}, d)
		rubbish(t, l, 50, "192.0.2.1", "A") // 2 calls to make the file and 20 to write
		time.Sleep(90 * time.Second)
		d.repaired.Store(true)
		time.Sleep(2 * time.Second)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if s := summaries(t, dir); len(s) != 1 || s[0].Count != 30 {
			t.Errorf("summaries: %+v", s)
		}
	})
}

// TestMillionsOfSources checks the bounds of memory and of what is said about the worst sources.
func TestMillionsOfSources(t *testing.T) {
	tl := newTally(time.Unix(0, 0))
	const n = 1_000_000
	bad := netip.MustParsePrefix("192.0.2.1/32")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range n {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		tl.add(netip.PrefixFrom(addr, 32), fmt.Sprintf("Code%d", i%1000))
		if i%20 == 0 {
			tl.add(bad, "Code1")
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<10 {
		t.Errorf("heap grew by %d bytes", grown)
	}
	if len(tl.codes) > maxCodes+1 || len(tl.heavy) > maxSources || len(tl.lookup) > maxSources {
		t.Errorf("%d codes, %d sources, %d lookups", len(tl.codes), len(tl.heavy), len(tl.lookup))
	}
	worst := tl.top()[0]
	if worst.source != bad || worst.count-worst.over > n/20 || worst.count < n/20 {
		t.Errorf("worst source: %+v", worst)
	}
	var sum uint64
	for _, c := range tl.codes {
		sum += c
	}
	if sum != tl.total || sum != n+n/20 {
		t.Errorf("codes add up to %d of %d", sum, tl.total)
	}
}

func TestMergedTalliesKeepTheirBounds(t *testing.T) {
	a, b, truth := newTally(time.Unix(0, 0)), newTally(time.Unix(1, 0)), make(map[netip.Prefix]uint64)
	for i := range 20_000 {
		p := sourceOf(fmt.Sprintf("10.0.%d.%d", i*i%7, i*i%251))
		truth[p]++
		if i%3 == 0 {
			a.add(p, "A")
		} else {
			b.add(p, "B")
		}
	}
	a.merge(b)
	if a.total != 20_000 || a.codes["A"]+a.codes["B"] != 20_000 {
		t.Errorf("total %d, codes %v", a.total, a.codes)
	}
	for _, h := range a.heavy {
		if n := truth[h.source]; n > h.count || n < h.count-h.over {
			t.Errorf("%v had %d calls, said to be between %d and %d", h.source, n, h.count-h.over, h.count)
		}
	}
}
