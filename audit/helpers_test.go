package audit

import (
	"encoding/json"
	"testing"
)

// parsed is what tests look at in a record.
type parsed struct {
	EventName           string
	EventType           string
	RequestID           string
	SourceIPAddress     string
	ErrorCode           string
	ServiceEventDetails json.RawMessage
	Ostiary             struct{ Sequence uint64 }
}

// records reads a log that has no damage.
func records(t *testing.T, dir string) []parsed {
	t.Helper()
	var all []parsed
	err := Scan(dir, func(line []byte) error {
		var p parsed
		if err := json.Unmarshal(line, &p); err != nil {
			return err
		}
		all = append(all, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// requestIDs says how often each request id is in a log that has no damage.
func requestIDs(t *testing.T, dir string) map[string]int {
	t.Helper()
	ids := make(map[string]int)
	for _, p := range records(t, dir) {
		ids[p.RequestID]++
	}
	return ids
}

// named gives the records with an event name.
func named(all []parsed, name string) []parsed {
	var found []parsed
	for _, p := range all {
		if p.EventName == name {
			found = append(found, p)
		}
	}
	return found
}

// begin opens a log that is closed, without an error, at the end of the test.
func begin(t *testing.T, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}
