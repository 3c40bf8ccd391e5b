package audit

import "time"

// probeInterval is how often the log tries to write during an outage, and to write a summary that failed.
const probeInterval = time.Second

// run does what nobody's call does: summaries at the end of their window, trying again after a failure, removing old files.
// It ends when stop is closed.
func (l *Log) run(dir string, keep int) {
	defer close(l.stopped)
	window, probe := idleTimer(), idleTimer()
	defer window.Stop()
	defer probe.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-l.flood.opened:
			window.Reset(l.flood.limits.Window)
		case <-window.C:
			if l.summarise(l.flood.end()) != nil {
				window.Reset(probeInterval)
			}
		case <-l.unwell:
			probe.Reset(probeInterval)
		case <-probe.C:
			l.probe()
		case <-l.rotated:
			l.prune(dir, keep)
		}
	}
}

// idleTimer makes a timer that fires only once it was reset.
func idleTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// probe flushes if nobody else does. If that fails, unwell is poked again.
func (l *Log) probe() {
	l.queue.mu.Lock()
	busy := l.queue.flushing
	l.queue.flushing = true
	l.queue.mu.Unlock()
	if !busy {
		l.lead(nil)
	}
}

// prune removes files beyond the number to keep.
func (l *Log) prune(dir string, keep int) {
	if keep == 0 {
		return
	}
	removed, err := prune(dir, keep)
	for _, name := range removed {
		l.log.Info("audit log removed an old file", "file", name)
	}
	if err != nil {
		l.log.Warn("audit log cannot remove an old file", "err", err)
	}
}
