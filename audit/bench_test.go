package audit

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpu gives the CPU time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// BenchmarkWrite reports CPU microseconds per record of about 1,100 bytes, by number of concurrent writers.
func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			l, err := Open(Config{Dir: b.TempDir(), KeepFiles: 2, Node: "node-1"})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			r := sampleRecord()
			b.SetBytes(int64(len(appendRecord(nil, r, "node-1"))))
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu(b)
			var wg sync.WaitGroup
			for i := range writers {
				wg.Go(func() {
					for j := i; j < b.N; j += writers {
						if err := l.Write(context.Background(), r); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			used := cpu(b) - before
			stats := l.Stats()
			b.ReportMetric(float64(used.Nanoseconds())/1e3/float64(b.N), "cpu-us/record")
			b.ReportMetric(float64(stats.Records)/float64(stats.Writes), "records/write")
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	r := sampleRecord()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = appendRecord(buf[:0], r, "node-1")
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkUnauthenticated measures a flood from ever new addresses, once its window is used up.
func BenchmarkUnauthenticated(b *testing.B) {
	l, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	r := &Record{ErrorCode: "MissingAuthenticationTokenException"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.SourceIP = fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
		if err := l.Unauthenticated(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
}
