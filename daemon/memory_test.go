package daemon

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestGCPercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0: maxPercent, 1: maxPercent, 5 << 20: maxPercent, 8 << 20: 500, 40 << 20: 100, 80 << 20: 50, 200 << 20: 20, 400 << 20: minPercent, math.MaxUint64: minPercent,
	} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d bytes: %d, want %d", live, got, want)
		}
	}
}

func TestPaceGC(t *testing.T) {
	const before = 99 // no size of the heap gives it by chance
	usual := debug.SetGCPercent(before)
	defer debug.SetGCPercent(usual)
	kept := make([]byte, 100<<20) // at most 40 %
	runtime.GC()
	paceGC()
	if got := debug.SetGCPercent(usual); got < minPercent || got > 40 {
		t.Errorf("with %d bytes in use: %d", len(kept), got)
	}
	runtime.KeepAlive(kept)
}
