package audit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// putFile puts a log file with given content into dir.
func putFile(t *testing.T, dir string, first uint64, content string) string {
	t.Helper()
	path := filepath.Join(dir, fileName{made: time.Unix(int64(first), 0).UTC(), first: first}.String())
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// rec is the smallest record.
func rec(sequence string) string { return `{"ostiary":{"node":"","sequence":` + sequence + "}}\n" }

func TestTornEndIsReplaced(t *testing.T) {
	long := strings.Repeat("x", 2*MaxLine)
	for _, c := range []struct {
		name, content string
		sound         int    // records that stay
		torn          string // details of the record about the end; empty for none
	}{
		{"nothing torn", rec("1") + rec("2"), 2, ""},
		{"empty file", "", 0, ""},
		{"half a line", rec("1") + `{"eventVersion":"1.`, 1, `"bytes":19,"beginning":"{\"eventVersion\":\"1."`},
		{"only half a line", `{"a`, 0, `"bytes":3,"beginning":"{\"a"`},
		{"newline missing", rec("1") + strings.TrimSuffix(rec("2"), "\n"), 1, `"bytes":36,"beginning":"{\"ostiary\":{\"node\":\"\",\"sequence\":2}}"`},
		{"zeros after power loss", rec("1") + "\x00\x00\x00", 1, `"bytes":3,"beginning":"\u0000\u0000\u0000"`},
		{"zeros and a newline", rec("1") + "\x00\x00\n", 1, `"bytes":3,"beginning":"\u0000\u0000\n"`},
		{"a line that is no record", rec("1") + "{}\n", 1, `"bytes":3,"beginning":"{}\n"`},
		{"a long line", rec("1") + long + "\n", 1, `"bytes":2097153,"beginning":"` + long[:maxQuote] + `"`},
		{"a long torn line", rec("1") + long, 1, `"bytes":2097152,"beginning":"` + long[:maxQuote] + `"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := putFile(t, dir, 1, c.content)
			write(t, begin(t, Config{Dir: dir}), 1)
			all := records(t, dir)
			torn := named(all, "AuditLogTorn")
			if c.torn == "" {
				if len(torn) != 0 || len(all) != c.sound+1 {
					t.Errorf("records: %+v", all)
				}
				return
			}
			if len(all) != c.sound+2 || len(torn) != 1 {
				t.Fatalf("records: %+v", all)
			}
			want := `{"file":"` + filepath.Base(path) + `",` + c.torn + `}`
			if diff := cmp.Diff(want, string(torn[0].ServiceEventDetails)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOpenContinuesBehindDamage(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir, 1, rec("1")+"\x00\x00\n"+rec("3"))
	write(t, begin(t, Config{Dir: dir}), 1)
	var damage *DamageError
	n := 0
	err := Scan(dir, func([]byte) error { n++; return nil })
	if !errors.As(err, &damage) || n != 3 {
		t.Errorf("%d records, %v", n, err)
	}
}

func TestScanFindsDamage(t *testing.T) {
	type files map[uint64]string
	const one = "audit-19700101T000001Z-00000000000000000001.jsonl"
	for _, c := range []struct {
		name  string
		files files
		lines int
		want  []string
	}{
		{"sound", files{1: rec("1") + rec("2"), 3: rec("3")}, 3, nil},
		{"oldest files removed", files{7: rec("7")}, 1, nil},
		{"empty files", files{1: "", 2: ""}, 0, nil},
		{"torn ends", files{1: rec("1") + "{", 2: rec("2") + "{"}, 2, nil},
		{"no JSON", files{1: rec("1") + "x\n" + rec("2")}, 2, []string{one + ", byte 37: not a record"}},
		{"empty line", files{1: "\n" + rec("1")}, 1, []string{one + ", byte 0: not a record"}},
		{"carriage return", files{1: strings.Replace(rec("1"), "\n", "\r\n", 1)}, 0, []string{one + ", byte 0: not a record"}},
		{"no sequence", files{1: "{}\n"}, 0, []string{one + ", byte 0: not a record"}},
		{"bad sequences", files{1: rec("-1") + rec("") + rec("0") + rec("01") + rec("18446744073709551615")}, 0, []string{
			one + ", byte 0: not a record", one + ", byte 38: not a record", one + ", byte 74: not a record",
			one + ", byte 111: not a record", one + ", byte 149: not a record",
		}},
		{"record removed", files{1: rec("1") + rec("3")}, 2, []string{one + ", byte 37: record 3 follows record 1"}},
		{"first record removed", files{1: rec("2")}, 1, []string{one + ", byte 0: record 2 follows record 0"}},
		{"record repeated", files{1: rec("1") + rec("1")}, 2, []string{one + ", byte 37: record 1 follows record 1"}},
		{"file removed", files{1: rec("1"), 9: rec("9")}, 2, []string{"audit-19700101T000009Z-00000000000000000009.jsonl, byte 0: record 9 follows record 1"}},
		{"endless line", files{1: rec("1") + strings.Repeat("x", 3*MaxLine) + "\n" + rec("2")}, 2, []string{one + ", byte 37: not a record"}},
		{"much", files{1: strings.Repeat("x\n", 1000)}, 0, []string{
			one + ", byte 0: not a record", one + ", byte 2: not a record", one + ", byte 4: not a record", one + ", byte 6: not a record", one + ", byte 8: not a record",
			one + ", byte 10: not a record", one + ", byte 12: not a record", one + ", byte 14: not a record", one + ", byte 16: not a record", one + ", byte 18: not a record",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for first, content := range c.files {
				putFile(t, dir, first, content)
			}
			lines := 0
			err := Scan(dir, func([]byte) error { lines++; return nil })
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			for i := range c.want {
				c.want[i] = "audit log is damaged: " + c.want[i]
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if lines != c.lines {
				t.Errorf("%d lines", lines)
			}
		})
	}
}

func TestScanStopsWhereTold(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir, 1, rec("1")+rec("2"))
	enough := errors.New("enough")
	n := 0
	if err := Scan(dir, func([]byte) error { n++; return enough }); err != enough || n != 1 {
		t.Errorf("%d records, %v", n, err)
	}
	if err := Scan(filepath.Join(dir, "missing"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}

// FuzzScan puts any bytes after a record: Scan hands out only whole records of these bytes, Open always finds an end, and
// what it writes then is read again.
func FuzzScan(f *testing.F) {
	f.Add([]byte(rec("1") + rec("2")))
	f.Add([]byte(rec("1") + "\x00\n" + rec("2") + "{"))
	f.Add([]byte(rec("18446744073709551615")))
	f.Add([]byte(`{"a":"` + "\n" + `"}` + rec("5")))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		putFile(t, dir, 1, string(content))
		var damage *DamageError
		err := Scan(dir, func(line []byte) error {
			if !bytes.Contains(content, append(bytes.Clone(line), '\n')) || !oneLineObject(line) {
				t.Errorf("handed out: %q", line)
			}
			return nil
		})
		if err != nil && !errors.As(err, &damage) {
			t.Fatal(err)
		}
		l, err := Open(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Write(t.Context(), sampleRecord()); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		found := 0
		err = Scan(dir, func(line []byte) error {
			if bytes.Contains(line, []byte(sampleRecord().RequestID)) {
				found++
			}
			return nil
		})
		if err != nil && !errors.As(err, &damage) {
			t.Fatal(err)
		}
		if found != 1 {
			t.Errorf("the new record is %d times in the log", found)
		}
	})
}
