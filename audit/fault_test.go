package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// faultyDisk fails calls to the disk, counted over all its files, in a given interval.
type faultyDisk struct {
	disk
	calls     atomic.Int64
	from, to  int64         // calls that fail: from <= call < to
	repaired  atomic.Bool   // no call fails any more
	partial   int           // a write that fails takes this many bytes
	interrupt bool          // each write is first cut short, and then interrupted by a signal
	hang      chan struct{} // if not nil, writes wait until it is closed
}

var errFault = fmt.Errorf("injected: %w", syscall.EIO)

func (d *faultyDisk) fail() error {
	if n := d.calls.Add(1); n >= d.from && n < d.to && !d.repaired.Load() {
		return errFault
	}
	return nil
}

func (d *faultyDisk) wrap(f file, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return &faultyFile{file: f, disk: d}, nil
}

func (d *faultyDisk) create(path string) (file, error) {
	if err := d.fail(); err != nil {
		return nil, err
	}
	return d.wrap(d.disk.create(path))
}

func (d *faultyDisk) open(path string) (file, error) { return d.wrap(d.disk.open(path)) }

func (d *faultyDisk) syncDir(path string) error {
	if err := d.fail(); err != nil {
		return err
	}
	return nil // really syncing takes long and shows nothing here
}

type faultyFile struct {
	file
	disk *faultyDisk
	turn int
}

func (f *faultyFile) Write(b []byte) (int, error) {
	if f.disk.hang != nil {
		<-f.disk.hang
	}
	if err := f.disk.fail(); err != nil {
		n, writeErr := f.file.Write(b[:min(f.disk.partial, len(b))])
		return n, errors.Join(err, writeErr)
	}
	if f.disk.interrupt {
		switch f.turn++; f.turn % 3 {
		case 1:
			return f.file.Write(b[:len(b)/2])
		case 2:
			return 0, syscall.EINTR
		}
	}
	return f.file.Write(b)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.disk.fail(); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f *faultyFile) datasync() error {
	return f.disk.fail()
}

func openFaulty(t *testing.T, cfg Config, d *faultyDisk) *Log {
	t.Helper()
	d.disk = osDisk{}
	if err := cfg.complete(); err != nil {
		t.Fatal(err)
	}
	l, err := open(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestEveryDiskCallFails lets one or three disk calls in a row fail, at every place, with nothing, part of a line or several
// lines written: what was acknowledged is in the log, the log has no damage, and works again at the end.
func TestEveryDiskCallFails(t *testing.T) {
	for _, sync := range []Sync{SyncKernel, SyncDisk} {
		for from := int64(3); from < 20; from++ { // the first two calls make the first file
			for _, length := range []int64{1, 3} {
				for _, partial := range []int{0, 100, 3000} {
					t.Run(fmt.Sprintf("sync=%d,from=%d,length=%d,partial=%d", sync, from, length, partial), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { failOnce(t, sync, &faultyDisk{from: from, to: from + length, partial: partial}) })
					})
				}
			}
		}
	}
}

func failOnce(t *testing.T, mode Sync, d *faultyDisk) {
	dir := t.TempDir()
	l := openFaulty(t, Config{Dir: dir, Sync: mode, MaxFileBytes: 8 << 10}, d)
	var mu sync.Mutex
	acknowledged := make(map[string]bool)
	var wg sync.WaitGroup
	for writer := range 4 {
		wg.Go(func() {
			for i := range 16 {
				r := sampleRecord()
				r.RequestID = fmt.Sprintf("%d-%d", writer, i)
				if err := l.Write(t.Context(), r); err == nil {
					mu.Lock()
					acknowledged[r.RequestID] = true
					mu.Unlock()
				} else if !errors.Is(err, errFault) {
					t.Error(err)
				}
				time.Sleep(300 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	time.Sleep(5 * time.Second) // the log tries again by itself
	if err := l.Err(); err != nil {
		t.Errorf("log did not recover: %v", err)
	}
	if err := l.Write(t.Context(), sampleRecord()); err != nil {
		t.Errorf("after the failure: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	found := requestIDs(t, dir)
	for id := range acknowledged {
		if found[id] != 1 {
			t.Errorf("acknowledged record %s is %d times in the log", id, found[id])
		}
	}
	if len(acknowledged) < 4 {
		t.Errorf("only %d of 64 records were acknowledged", len(acknowledged))
	}
}

func TestShortAndInterruptedWrites(t *testing.T) {
	dir := t.TempDir()
	l := openFaulty(t, Config{Dir: dir}, &faultyDisk{interrupt: true})
	for range 10 {
		if err := l.Write(t.Context(), sampleRecord()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(records(t, dir)); n != 10 {
		t.Errorf("%d records", n)
	}
}

func TestDiskDownForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		d := &faultyDisk{from: 9, to: 1 << 60, partial: 10}
		l := openFaulty(t, Config{Dir: dir, Sync: SyncDisk}, d)
		failed := 0
		for range 1000 {
			if l.Write(t.Context(), sampleRecord()) != nil {
				failed++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := l.Err(); !errors.Is(err, errFault) {
			t.Errorf("Err() = %v", err)
		}
		names, err := list(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(names) > 12 {
			t.Errorf("%d files were made in ten seconds", len(names))
		}
		d.repaired.Store(true)
		time.Sleep(3 * time.Second)
		if err := l.Err(); err != nil {
			t.Errorf("log did not recover: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if n := len(named(records(t, dir), "Encrypt")); n != 1000-failed || failed < 990 {
			t.Errorf("%d records, %d failed", n, failed)
		}
	})
}

func TestWritersLeaveHangingDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		hang := make(chan struct{})
		l := openFaulty(t, Config{Dir: dir}, &faultyDisk{hang: hang})
		var wg sync.WaitGroup
		wg.Go(func() { // hangs itself
			if err := l.Write(t.Context(), sampleRecord()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for range 50 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := l.Write(ctx, sampleRecord()); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Write() = %v", err)
				}
			})
		}
		time.Sleep(2 * time.Second)
		if err := l.Err(); err != nil {
			t.Errorf("after 2 s: %v", err)
		}
		wg.Go(func() { // waits longer than the others, and has to flush them
			if err := l.Write(t.Context(), sampleRecord()); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(2 * time.Second)
		if err := l.Err(); !errors.Is(err, errStalled) {
			t.Errorf("after 4 s: %v", err)
		}
		close(hang)
		wg.Wait()
		if err := l.Err(); err != nil {
			t.Errorf("after the hang: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if n := len(records(t, dir)); n != 52 {
			t.Errorf("%d records", n)
		}
	})
}

// TestAllWaitersLeave has nobody left to flush what is queued but the one whose own record is written already.
func TestAllWaitersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		hang := make(chan struct{})
		l := openFaulty(t, Config{Dir: dir}, &faultyDisk{hang: hang})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := l.Write(t.Context(), sampleRecord()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 {
			if err := l.Write(gone, sampleRecord()); !errors.Is(err, context.Canceled) {
				t.Errorf("Write() = %v", err)
			}
		}
		close(hang)
		wg.Wait()
		if err := l.Write(gone, sampleRecord()); err != nil { // nobody to wait for
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if n := len(records(t, dir)); n != 5 {
			t.Errorf("%d records", n)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		hang := make(chan struct{})
		l := openFaulty(t, Config{Dir: dir}, &faultyDisk{hang: hang})
		big := sampleRecord()
		big.Params = append(append([]byte(`{"a":"`), make([]byte, maxObject-8)...), `"}`...)
		for i := range big.Params[6 : len(big.Params)-2] {
			big.Params[6+i] = 'x'
		}
		var wg sync.WaitGroup
		var refused atomic.Int64
		for range 200 {
			wg.Go(func() {
				if err := l.Write(t.Context(), big); errors.Is(err, errStalled) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(hang)
		wg.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		written := int64(len(records(t, dir)))
		if r := refused.Load(); r == 0 || written != 200-r || written < maxQueued/(maxObject+2000) {
			t.Errorf("%d refused, %d written", r, written)
		}
	})
}
