package uuid

import (
	"bytes"
	"testing"
)

func TestV4(t *testing.T) {
	for fill, want := range map[byte]string{
		0x00: "00000000-0000-4000-8000-000000000000",
		0xff: "ffffffff-ffff-4fff-bfff-ffffffffffff",
	} {
		id := V4([16]byte(bytes.Repeat([]byte{fill}, 16)))
		if got := id.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestString has the example of RFC 9562, appendix A.3.
func TestString(t *testing.T) {
	id := ID{0x91, 0x91, 0x08, 0xf7, 0x52, 0xd1, 0x43, 0x20, 0x9b, 0xac, 0xf8, 0x47, 0xdb, 0x41, 0x48, 0xa8}
	const want = "919108f7-52d1-4320-9bac-f847db4148a8"
	if got := string(id.Append([]byte("x"))); got != "x"+want {
		t.Error(got)
	}
	var text string
	if n := testing.AllocsPerRun(100, func() { text = id.String() }); n > 1 || text != want {
		t.Errorf("%s with %v allocations", text, n)
	}
}
