package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func line(r *Record) string {
	return string(appendSequence(appendRecord(nil, r, "node-1"), 42))
}

func TestRecordIsCloudTrail(t *testing.T) {
	want := strings.Join([]string{
		`{"eventVersion":"1.11"`,
		`"userIdentity":{"type":"IAMUser","principalId":"AIDACKCEVSQ6C2EXAMPLE","arn":"arn:aws:iam::111122223333:user/admin","accountId":"111122223333","accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"admin"}`,
		`"eventTime":"2026-11-22T01:45:45Z"`,
		`"eventSource":"kms.amazonaws.com"`,
		`"eventName":"Encrypt"`,
		`"awsRegion":"us-east-1"`,
		`"sourceIPAddress":"192.0.2.17"`,
		`"userAgent":"aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26 md/GOOS#linux md/GOARCH#amd64 api/kms#1.62.4 m/E"`,
		`"requestParameters":{"keyId":"alias/billing","encryptionContext":{"app":"billing","tenant":"customer-000042"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`,
		`"responseElements":null`,
		`"requestID":"7a1b2c3d-0000-4111-8222-333344445555"`,
		`"eventID":"9f8e7d6c-5b4a-4938-a271-605f4e3d2c1b"`,
		`"readOnly":true`,
		`"resources":[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}]`,
		`"eventType":"AwsApiCall"`,
		`"managementEvent":true`,
		`"recipientAccountId":"111122223333"`,
		`"eventCategory":"Management"`,
		`"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"localhost:8443"}`,
		`"ostiary":{"node":"node-1","decision":"allowed: key policy statement \"root\" and identity policy AdministratorAccess","sequence":42}}` + "\n",
	}, ",")
	if diff := cmp.Diff(want, line(sampleRecord())); diff != "" {
		t.Error(diff)
	}
}

func TestRecordOfDeniedMalformedCall(t *testing.T) {
	r := &Record{
		Time: time.Unix(0, 0), Phase: Intent, EventID: "e", ErrorCode: "AccessDeniedException", ErrorMessage: "no",
		Response:  []byte(`{}`),
		Resources: []Resource{{Account: "1", Type: "T", ARN: "a"}, {Account: "2", Type: "T", ARN: "b"}},
		Detail:    []Detail{{"step", "frame"}, {"why", "x"}},
	}
	want := `{"eventVersion":"1.11","userIdentity":{"type":"Unknown"},"eventTime":"1970-01-01T00:00:00Z","eventSource":"","eventName":"",` +
		`"awsRegion":"","sourceIPAddress":"","userAgent":"","errorCode":"AccessDeniedException","errorMessage":"no",` +
		`"requestParameters":null,"responseElements":{},"eventID":"e","readOnly":false,` +
		`"resources":[{"accountId":"1","type":"T","ARN":"a"},{"accountId":"2","type":"T","ARN":"b"}],` +
		`"eventType":"AwsApiCall","managementEvent":true,"eventCategory":"Management",` +
		`"ostiary":{"node":"node-1","phase":"intent","details":{"step":"frame","why":"x"},"sequence":42}}` + "\n"
	if diff := cmp.Diff(want, line(r)); diff != "" {
		t.Error(diff)
	}
}

func TestEventIDsAreRandomUUIDs(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		id := string(appendEventID(nil, ""))
		if len(id) != 38 || id[15] != '4' || !strings.ContainsRune("89ab", rune(id[20])) || seen[id] {
			t.Fatalf("bad or repeated event id %s", id)
		}
		seen[id] = true
	}
}

func TestTextIsEscapedAndCut(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "abc", `"abc"`},
		{"empty", "", `""`},
		{"quotes", `a"b\c`, `"a\"b\\c"`},
		{"long, quote at the end", `0123456789abcde"`, `"0123456789abcde\""`},
		{"newlines", "a\r\nb", `"a\u000d\nb"`},
		{"controls", "\x00\x1b[31m\x7f", `"\u0000\u001b[31m\u007f"`},
		{"C1 controls", "\u0085\u009b", `"\u0085\u009b"`},
		{"line separators", "\u2028\u2029", `"\u2028\u2029"`},
		{"UTF-8", "Zürich €🔑", `"Zürich €🔑"`},
		{"not UTF-8", "a\xffb\xc3", `"a\ufffdb\ufffd"`},
		{"surrogate", "\xed\xa0\x80", `"\ufffd\ufffd\ufffd"`},
		{"a real U+FFFD", "\ufffd", "\"\ufffd\""},
		{"exactly the limit", strings.Repeat("x", 20), `"` + strings.Repeat("x", 20) + `"`},
		{"beyond it", strings.Repeat("x", 25), `"` + strings.Repeat("x", 20) + `...[5 more bytes]"`},
		{"cut before a rune", strings.Repeat("x", 18) + "€€", `"` + strings.Repeat("x", 18) + `...[6 more bytes]"`},
		{"cut in bytes that are no rune", strings.Repeat("\x80", 25), `"` + strings.Repeat(`\ufffd`, 16) + `...[9 more bytes]"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(appendText(nil, c.in, 20))
			want := strings.NewReplacer("\u0085", `\u0085`, "\u009b", `\u009b`, "\u2028", `\u2028`, "\u2029", `\u2029`).Replace(c.want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParametersThatAreNotJSONAreKept(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a string", `"x"`, `{"ostiaryNotJSON":"\"x\""}`},
		{"a newline", "{\n}", `{"ostiaryNotJSON":"{\n}"}`},
		{"two objects", `{}{}`, `{"ostiaryNotJSON":"{}{}"}`},
		{"an early end", `{},"x":{}`, `{"ostiaryNotJSON":"{},\"x\":{}"}`},
		{"empty", ``, `{"ostiaryNotJSON":""}`},
		{"too long", `{"a":"` + strings.Repeat("x", maxObject) + `"}`, `{"ostiaryOmittedBytes":131080}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, string(appendObject(nil, []byte(c.in)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// hostile fills every member with s.
func hostile(s string) *Record {
	id := Identity{Type: s, PrincipalID: s, ARN: s, Account: s, AccessKeyID: s, UserName: s}
	r := &Record{
		Phase: s, RequestID: s, EventID: s, EventSource: s, EventName: s, Region: s, SourceIP: s, UserAgent: s, Identity: id,
		Params: []byte(s), Response: []byte(s), ErrorCode: s, ErrorMessage: s, RecipientAccount: s,
		TLSVersion: s, TLSCipher: s, Host: s, Decision: s,
	}
	for range 2 * maxResources {
		r.Resources = append(r.Resources, Resource{s, s, s})
	}
	for range 2 * maxDetails {
		r.Detail = append(r.Detail, Detail{s, s})
	}
	return r
}

func checkHostile(t *testing.T, s string) {
	t.Helper()
	b := appendSequence(appendRecord(nil, hostile(s), s), 7)
	if n := bytes.IndexByte(b, '\n'); n != len(b)-1 || len(b) > MaxLine {
		t.Fatalf("line of %d bytes has its first newline at %d", len(b), n)
	}
	if !json.Valid(b) {
		t.Fatalf("not JSON: %q", b)
	}
	if sequence, ok := checkLine(b); !ok || sequence != 7 {
		t.Fatalf("not a record: %q", b)
	}
}

func TestHostileStringsGiveOneValidLine(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	for _, s := range []string{
		"", string(all), `"}}` + "\n" + `{"eventVersion":"1.11"}`, `,"sequence":1}}`, `\`, `\\u`,
		strings.Repeat("\x00", 1<<20), strings.Repeat(`"`, 1<<20), strings.Repeat("\u2028", 1<<18), strings.Repeat("\xff", 1<<17),
		`{"a":"` + strings.Repeat("\u00e9", maxObject/2-8) + `"}`, strings.Repeat("[", 1000), `{"sequence":9}}`,
	} {
		checkHostile(t, s)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add("plain text of some length")
	f.Add("\x00\"\\\n\u2028\xff")
	f.Add(`{"a":[1,2.5e-3,"\u00e9",{}],"b":null}`)
	f.Fuzz(checkHostile)
}

// FuzzObject compares oneLineObject with the standard library's idea of JSON.
func FuzzObject(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":1}`, `{"a":-0.5e+7,"b":[true,false,null,{}],"c":"\u00e9\\"}`, `{ "a" : [ ] }`, `{"a":01}`, `{"a":}`, `{"a":1,}`, `[]`, `{"a":"` + "\x01" + `"}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		control := bytes.IndexFunc(b, func(r rune) bool { return r < 0x20 }) >= 0
		want := json.Valid(b) && len(b) > 0 && b[0] == '{' && b[len(b)-1] == '}' && !control && bytes.Equal(b, bytes.ToValidUTF8(b, nil))
		deep := bytes.Count(b, []byte("{"))+bytes.Count(b, []byte("[")) >= maxDepth
		if got := oneLineObject(b); got != want && !(want && deep) {
			t.Errorf("oneLineObject(%q) = %v, want %v", b, got, want)
		}
	})
}
