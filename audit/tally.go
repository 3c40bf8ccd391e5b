package audit

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Bounds of a tally.
const (
	maxCodes   = 32 // error codes counted by name; the others together
	maxSources = 64 // sources counted; see heavy
	topSources = 10 // sources named in a summary
)

// otherCodes is the name under which error codes beyond maxCodes are counted.
const otherCodes = "Other"

// tally counts calls by error code and by source in bounded memory.
type tally struct {
	start  time.Time
	total  uint64
	codes  map[string]uint64
	heavy  []heavy
	lookup map[netip.Prefix]int // index in heavy
}

// heavy is one counter of the Space-Saving algorithm (Metwally, Agrawal, El Abbadi: Efficient computation of frequent and
// top-k elements in data streams, 2005): the source had at least count-over and at most count calls, and every source with
// more than total/maxSources calls has a counter.
type heavy struct {
	source      netip.Prefix
	count, over uint64
}

func newTally(start time.Time) *tally {
	return &tally{start: start, codes: make(map[string]uint64), lookup: make(map[netip.Prefix]int)}
}

func (t *tally) add(source netip.Prefix, code string) {
	t.total++
	t.addCode(code, 1)
	t.addSource(heavy{source: source, count: 1})
}

// merge adds what u counted.
func (t *tally) merge(u *tally) {
	t.total += u.total
	if len(u.heavy) == maxSources { // u may have seen our sources as often as its least, and have forgotten them
		floor := u.heavy[u.least()].count
		for i := range t.heavy {
			if _, ok := u.lookup[t.heavy[i].source]; !ok {
				t.heavy[i].count += floor
				t.heavy[i].over += floor
			}
		}
	}
	for code, n := range u.codes {
		t.addCode(code, n)
	}
	for _, h := range u.heavy {
		t.addSource(h)
	}
}

func (t *tally) addCode(code string, n uint64) {
	code = code[:min(len(code), maxName)]
	if _, known := t.codes[code]; !known && len(t.codes) >= maxCodes {
		code = otherCodes
	}
	t.codes[code] += n
}

func (t *tally) addSource(h heavy) {
	if i, ok := t.lookup[h.source]; ok {
		t.heavy[i].count += h.count
		t.heavy[i].over += h.over
		return
	}
	if len(t.heavy) < maxSources {
		t.lookup[h.source] = len(t.heavy)
		t.heavy = append(t.heavy, h)
		return
	}
	i := t.least()
	old := t.heavy[i]
	delete(t.lookup, old.source)
	t.lookup[h.source] = i
	t.heavy[i] = heavy{source: h.source, count: old.count + h.count, over: old.count + h.over}
}

// least gives the index of a smallest counter.
func (t *tally) least() int {
	least := 0
	for i := range t.heavy {
		if t.heavy[i].count < t.heavy[least].count {
			least = i
		}
	}
	return least
}

func (t *tally) appendJSON(b []byte) []byte {
	b = append(b, `{"since":"`...)
	b = t.start.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","count":`...)
	b = strconv.AppendUint(b, t.total, 10)
	b = append(b, `,"byErrorCode":{`...)
	for i, code := range t.sortedCodes() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, code, maxName)
		b = append(b, ':')
		b = strconv.AppendUint(b, t.codes[code], 10)
	}
	b = append(b, `},"topSources":[`...)
	for i, h := range t.top() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"source":`...)
		b = appendText(b, sourceName(h.source), maxName)
		b = append(b, `,"atLeast":`...)
		b = strconv.AppendUint(b, h.count-h.over, 10)
		b = append(b, `,"atMost":`...)
		b = strconv.AppendUint(b, h.count, 10)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// sortedCodes gives the error codes, the most frequent first.
func (t *tally) sortedCodes() []string {
	codes := make([]string, 0, len(t.codes))
	for code := range t.codes {
		codes = append(codes, code)
	}
	slices.SortFunc(codes, func(a, b string) int {
		return cmp.Or(cmp.Compare(t.codes[b], t.codes[a]), cmp.Compare(a, b))
	})
	return codes
}

// top gives the sources that surely had the most calls.
func (t *tally) top() []heavy {
	all := slices.Clone(t.heavy)
	slices.SortFunc(all, func(a, b heavy) int {
		return cmp.Or(cmp.Compare(b.count-b.over, a.count-a.over), cmp.Compare(b.count, a.count), a.source.Compare(b.source))
	})
	return all[:min(len(all), topSources)]
}

func sourceName(p netip.Prefix) string {
	switch {
	case !p.IsValid():
		return "unknown"
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}
