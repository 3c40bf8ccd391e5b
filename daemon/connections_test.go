package daemon

import (
	"io"
	"net"
	"testing"
)

func TestConnectionLimit(t *testing.T) {
	for files, want := range map[uint64]int{0: 0, 100: 50, 256: 128, 1024: 768, 4096: 3840, 1 << 20: maxConnections, 1 << 63: maxConnections} {
		if got := connectionLimit(files); got != want {
			t.Errorf("%d files: %d connections, want %d", files, got, want)
		}
	}
	if files := openFiles(); files < 3 {
		t.Errorf("%d open files", files)
	}
}

// TestLimitedListener connects more often than allowed; each connection that ends makes room for one.
func TestLimitedListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limitConnections(inner, 2)
	accepted := make(chan net.Conn)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial()
	first := <-accepted
	dial()
	second := <-accepted
	if n, err := dial().Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the third connection reads %d, %v", n, err)
	}
	for range 2 { // the second time makes no more room
		first.Close()
	}
	dial()
	third := <-accepted
	if n, err := dial().Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("a connection too many reads %d, %v", n, err)
	}
	second.Close()
	third.Close()
	l.Close()
	<-ended
}
