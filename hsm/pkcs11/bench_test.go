package pkcs11

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"golang.org/x/sys/unix"

	"ostiary.dev/hsm"
)

// cpu reports what the process spends per iteration, which is steadier than the clock on a machine with other work.
func cpu(b *testing.B) func() {
	b.Helper()
	used := func() time.Duration {
		var r unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

func BenchmarkHMAC(b *testing.B) {
	d := openDevice(b, newToken(b, ""))
	k := mustOpen(b, d, mustGenerate(b, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key")).(*symmetricKey)
	var in, out [64]byte
	b.ReportAllocs()
	defer cpu(b)()
	for b.Loop() {
		if _, err := d.sign(context.Background(), k.entry.key.object, p11.CKM_SHA256_HMAC, in[:], out[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	d := openDevice(b, newToken(b, ""))
	token := mustGenerate(b, d, hsm.SymmetricDefault, hsm.PurposeKMS, "key")
	ctx, aad, plaintext := context.Background(), make([]byte, 100), make([]byte, 64)
	seal := func() error {
		k, err := d.Open(ctx, token)
		if err != nil {
			return err
		}
		defer k.Close()
		_, err = k.(hsm.Sealer).Seal(ctx, aad, plaintext)
		return err
	}
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		defer cpu(b)()
		for b.Loop() {
			if err := seal(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.SetParallelism(8)
		defer cpu(b)()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := seal(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkRandom(b *testing.B) {
	d := openDevice(b, newToken(b, ""))
	b.ReportAllocs()
	defer cpu(b)()
	for b.Loop() {
		if _, err := d.Random(context.Background(), 32); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	d := openDevice(b, newToken(b, ""))
	k := mustOpen(b, d, mustGenerate(b, d, hsm.ECCNISTP256, hsm.PurposeCA, "key")).(hsm.Signer)
	digest := make([]byte, digestSize)
	defer cpu(b)()
	for b.Loop() {
		if _, err := k.SignDigest(context.Background(), digest); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMiss is a load of a key that is not cached and the destruction of another.
func BenchmarkMiss(b *testing.B) {
	for _, spec := range []hsm.Spec{hsm.SymmetricDefault, hsm.ECCNISTP256} {
		b.Run(string(spec), func(b *testing.B) {
			c := newToken(b, "")
			c.HandleLimit = 1
			d := openDevice(b, c)
			tokens := [][]byte{
				mustGenerate(b, d, spec, hsm.PurposeKMS, "one"),
				mustGenerate(b, d, spec, hsm.PurposeKMS, "two"),
			}
			defer cpu(b)()
			for i := 0; b.Loop(); i++ {
				k, err := d.Open(context.Background(), tokens[i%2])
				if err != nil {
					b.Fatal(err)
				}
				k.Close()
			}
		})
	}
}

func BenchmarkGenerate(b *testing.B) {
	for _, spec := range []hsm.Spec{hsm.SymmetricDefault, hsm.ECCNISTP256} {
		b.Run(string(spec), func(b *testing.B) {
			c := newToken(b, "")
			c.HandleLimit = 10
			d := openDevice(b, c)
			defer cpu(b)()
			for i := 0; b.Loop(); i++ {
				mustGenerate(b, d, spec, hsm.PurposeKMS, strconv.Itoa(i))
			}
		})
	}
}

func BenchmarkOpenDevice(b *testing.B) {
	c := newToken(b, "")
	defer cpu(b)()
	for b.Loop() {
		d, err := Open(c)
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHandleMemory reports the resident memory of one cached key, SoftHSM's part included.
func BenchmarkHandleMemory(b *testing.B) {
	const keys = 4000
	for _, spec := range []hsm.Spec{hsm.SymmetricDefault, hsm.ECCNISTP256} {
		b.Run(string(spec), func(b *testing.B) {
			d := openDevice(b, newToken(b, ""))
			mustGenerate(b, d, spec, hsm.PurposeKMS, "warm")
			for b.Loop() {
				before := resident(b)
				for i := range keys {
					mustGenerate(b, d, spec, hsm.PurposeKMS, fmt.Sprintf("%08d-12ab-34cd-56ef-1234567890ab", i))
				}
				b.ReportMetric(float64(resident(b)-before)/keys, "bytes/handle")
			}
		})
	}
}

func resident(b *testing.B) int {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return kib << 10
}
