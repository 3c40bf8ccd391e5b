package daemon

import (
	"runtime/debug"
	"runtime/metrics"
)

// The garbage collector's pace. A small heap is collected rarely, because a request path that allocates little gains a
// third of its CPU time by it; a large one, which is mostly keys at rest, is not allowed to double.
const (
	heapSlack  = 40 << 20 // bytes of garbage that may pile up over the live heap
	maxPercent = 800
	minPercent = 15
)

// paceGC sets GOGC so that garbage of about heapSlack piles up between two collections, whatever the live heap is. An
// operator's own GOGC is left alone by the caller.
func paceGC() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	debug.SetGCPercent(gcPercent(sample[0].Value.Uint64()))
}

// gcPercent is GOGC for a number of live bytes.
func gcPercent(live uint64) int {
	return int(min(max(heapSlack*100/max(live, 1), minPercent), maxPercent))
}
