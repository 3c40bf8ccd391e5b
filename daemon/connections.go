package daemon

import (
	"net"
	"sync"
	"syscall"
)

const (
	// maxConnections is how many clients may be connected; an idle one costs some 50 KiB.
	maxConnections = 10_000
	// keptFiles are the descriptors that connections never take: the log, the audit log, snapshots, metrics and a new device
	// worker need them however many strangers connect.
	keptFiles = 256
)

// connectionLimit is how many connections the process's limit on open files leaves room for.
func connectionLimit(files uint64) int {
	return int(min(maxConnections, max(files/2, files-min(files, keptFiles))))
}

// openFiles is the limit on open files of this process. Go raises it to the hard limit at the start.
func openFiles() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 2 * keptFiles
	}
	return l.Cur
}

// limitedListener hangs up on connections beyond its limit at once, so that their clients try elsewhere.
type limitedListener struct {
	net.Listener
	taken chan struct{} // as many as connections are open
}

func limitConnections(l net.Listener, most int) net.Listener {
	return &limitedListener{l, make(chan struct{}, most)}
}

// Accept waits for the next connection within the limit.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.taken <- struct{}{}:
			return &limitedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.taken })}, nil
		default:
			_ = c.Close() // nothing was said on it
		}
	}
}

// limitedConn makes room for another when it is closed.
type limitedConn struct {
	net.Conn
	leave func()
}

// Close may be called more than once.
func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
