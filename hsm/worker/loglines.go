package worker

import (
	"bytes"
	"encoding/json"
	"log/slog"
)

const (
	maxLogLine  = 8 << 10
	maxLogAttrs = 32
)

// logLines passes what a worker writes to its standard error on to the daemon's log, line by line: records of slog's JSON
// handler with their level and attributes, anything else (a library's own words, a crash) as a warning. It is an io.Writer
// for one goroutine.
type logLines struct {
	log  *slog.Logger
	line []byte // the last line as far as it is known; what exceeds maxLogLine is dropped
}

func newLogLines(log *slog.Logger) *logLines { return &logLines{log: log} }

// Write never fails.
func (w *logLines) Write(b []byte) (int, error) {
	size := len(b)
	for {
		head, rest, whole := bytes.Cut(b, []byte{'\n'})
		w.line = append(w.line, head[:min(len(head), maxLogLine-len(w.line))]...)
		if !whole {
			return size, nil
		}
		w.emit()
		w.line, b = w.line[:0], rest
	}
}

func (w *logLines) emit() {
	if len(bytes.TrimSpace(w.line)) == 0 {
		return
	}
	var record map[string]any
	msg, level, ok := "", slog.LevelWarn, false
	if json.Unmarshal(w.line, &record) == nil {
		msg, ok = record[slog.MessageKey].(string)
		if text, isText := record[slog.LevelKey].(string); !isText || level.UnmarshalText([]byte(text)) != nil {
			ok = false
		}
	}
	if !ok {
		w.log.Warn("the device worker says", "line", string(w.line))
		return
	}
	attrs := []any{slog.String("process", "ostiary-hsm")}
	for k, v := range record {
		if k == slog.MessageKey || k == slog.LevelKey || k == slog.TimeKey || len(attrs) > maxLogAttrs {
			continue
		}
		attrs = append(attrs, slog.Any(k, v))
	}
	switch {
	case level >= slog.LevelError:
		w.log.Error(msg, attrs...)
	case level >= slog.LevelWarn:
		w.log.Warn(msg, attrs...)
	case level >= slog.LevelInfo:
		w.log.Info(msg, attrs...)
	default:
		w.log.Debug(msg, attrs...)
	}
}
