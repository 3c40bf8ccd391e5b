package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// record is what the tests look at in an audit record.
type record struct {
	EventVersion       string
	EventTime          time.Time
	EventSource        string
	EventName          string
	AWSRegion          string `json:"awsRegion"`
	SourceIPAddress    string
	UserAgent          string
	ErrorCode          string
	ErrorMessage       string
	RequestID          string `json:"requestID"`
	EventID            string `json:"eventID"`
	EventType          string
	EventCategory      string
	ReadOnly           bool
	ManagementEvent    bool
	RecipientAccountID string `json:"recipientAccountId"`
	UserIdentity       struct {
		Type, PrincipalID, ARN, AccountID, AccessKeyID, UserName string
	}
	RequestParameters   map[string]any
	ResponseElements    map[string]any
	ServiceEventDetails map[string]any
	Resources           []struct{ AccountID, Type, ARN string }
	TLSDetails          struct{ TLSVersion, CipherSuite, ClientProvidedHostHeader string }
	Ostiary             struct {
		Node, Phase, Decision string
		Sequence              uint64
	}

	members map[string]json.RawMessage // of the whole record, by their exact names
}

// records reads the audit log, oldest first. Every line must be one JSON object, and the sequence numbers without a gap.
func (s *server) records() []record {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "audit", "audit-*.jsonl"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("no audit log: %v", err)
	}
	slices.Sort(files)
	var all []record
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			s.t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			r, err := parseRecord(line)
			if err != nil {
				s.t.Fatalf("%v in %q", err, line)
			}
			if len(all) > 0 && r.Ostiary.Sequence != all[len(all)-1].Ostiary.Sequence+1 {
				s.t.Errorf("record %d follows record %d", r.Ostiary.Sequence, all[len(all)-1].Ostiary.Sequence)
			}
			all = append(all, r)
		}
	}
	return all
}

func parseRecord(line []byte) (r record, err error) {
	if !bytes.HasSuffix(line, []byte("}\n")) {
		return r, fmt.Errorf("a line is not whole")
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	return r, json.Unmarshal(line, &r.members)
}

// recordsOf gives the records of one call.
func (s *server) recordsOf(id string) []record {
	s.t.Helper()
	return slices.DeleteFunc(s.records(), func(r record) bool { return r.RequestID != id })
}
