package cluster

import (
	"fmt"
	"io"
	"log"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// raftLog hands what hashicorp/raft logs to slog, one level quieter: what raft finds worth an info line (every election
// and snapshot) is of interest only to someone who debugs, and its warnings include the normal start of a node.
type raftLog struct {
	log  *slog.Logger
	name string
	with []any
}

var _ hclog.Logger = (*raftLog)(nil)

func newRaftLog(log *slog.Logger) *raftLog { return &raftLog{log: log, name: "raft"} }

// Log implements hclog.Logger, as do the methods that follow.
func (l *raftLog) Log(level hclog.Level, msg string, args ...any) {
	write := l.log.Debug
	switch level {
	case hclog.Error:
		write = l.log.Error
	case hclog.Warn:
		write = l.log.Info
	}
	write(l.name+": "+msg, plain(append(l.with[:len(l.with):len(l.with)], args...))...)
}

// plain resolves hclog's own value types and leaves an even number of arguments.
func plain(args []any) []any {
	for i, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			args[i] = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
	}
	if len(args)%2 == 1 {
		args = append(args[:len(args)-1], "value", args[len(args)-1])
	}
	return args
}

func (l *raftLog) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *raftLog) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *raftLog) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *raftLog) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *raftLog) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *raftLog) IsTrace() bool { return false }
func (l *raftLog) IsDebug() bool { return true }
func (l *raftLog) IsInfo() bool  { return true }
func (l *raftLog) IsWarn() bool  { return true }
func (l *raftLog) IsError() bool { return true }

func (l *raftLog) ImpliedArgs() []any { return l.with }
func (l *raftLog) Name() string       { return l.name }

func (l *raftLog) With(args ...any) hclog.Logger {
	return &raftLog{log: l.log, name: l.name, with: append(l.with[:len(l.with):len(l.with)], args...)}
}

func (l *raftLog) Named(name string) hclog.Logger { return l.ResetNamed(l.name + "." + name) }

func (l *raftLog) ResetNamed(name string) hclog.Logger {
	return &raftLog{log: l.log, name: name, with: l.with}
}

// SetLevel does nothing: slog's handler decides.
func (l *raftLog) SetLevel(hclog.Level) {}

func (l *raftLog) GetLevel() hclog.Level { return hclog.Debug }

func (l *raftLog) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(o), "", 0)
}

func (l *raftLog) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return logWriter{l} }

type logWriter struct{ l *raftLog }

func (w logWriter) Write(line []byte) (int, error) {
	w.l.Info(string(line))
	return len(line), nil
}
