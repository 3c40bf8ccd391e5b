package api

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ostiary.dev/api/codec"
	"ostiary.dev/kms"
)

// TestOperationsTable: every row is an operation of the model, has a rule and a body, and agrees with the model on
// whether it changes anything. Every operation of the model is answered.
func TestOperationsTable(t *testing.T) {
	w := newWorld(t)
	for _, s := range w.services {
		for name, h := range s.built {
			op := s.model.Lookup(name)
			if op == nil {
				t.Errorf("%s has no operation %s", s.model.Name, name)
				continue
			}
			if h == nil || h.decide == nil || h.run == nil {
				t.Errorf("%s has no rule or no body", name)
			}
			if h.changes == op.ReadOnly {
				t.Errorf("%s: changes is %v, the model says ReadOnly is %v", name, h.changes, op.ReadOnly)
			}
			if op.NoAuth {
				t.Errorf("%s is not signed, but built", name)
			}
		}
		for i := range s.model.Operations {
			op := &s.model.Operations[i]
			var r *http.Request
			if s.model.Protocol == codec.JSON11 {
				r = jsonRequest(op.Name, "")
			} else {
				r = formRequest("Action=" + op.Name + "&Version=" + s.model.APIVersion)
			}
			out := w.serve(w.sign(r, s.model.Name, home))
			if unsupported := strings.Contains(out.Body.String(), "UnsupportedOperationException"); unsupported == (s.built[op.Name] != nil) {
				t.Errorf("%s: %d %s", op.Name, out.Code, out.Body)
			}
			if out.Code >= 500 {
				t.Errorf("%s: %d %s", op.Name, out.Code, out.Body)
			}
		}
	}
}

// TestBuiltAreAll: every pair of a rule and a body that package kms offers is in the table, under its own name.
func TestBuiltAreAll(t *testing.T) {
	w := newWorld(t)
	i := slices.IndexFunc(w.services, func(s service) bool { return s.model.Name == "kms" })
	var offered []string
	for m := range reflect.TypeFor[*kms.Service]().Methods() {
		if name, ok := strings.CutPrefix(m.Name, "Needs"); ok {
			offered = append(offered, name)
		}
	}
	if built := slices.Sorted(maps.Keys(w.services[i].built)); !slices.Equal(built, offered) {
		t.Errorf("built %v\noffered %v", built, offered)
	}
}

// TestRows runs every row of the table with its own input, so that no row is wired to another operation: the record
// has the row's name and the answer is that of the operation.
func TestRows(t *testing.T) {
	w := newWorld(t)
	key, other := w.key(), w.key()
	blob := field(t, w.call("Encrypt", encryptBody(key)).Body.String(), "CiphertextBlob")
	id := `"KeyId":"` + key + `"`
	w.call("CreateAlias", `{"AliasName":"alias/there","TargetKeyId":"`+key+`"}`)
	for _, row := range []struct{ operation, body, contains string }{
		{"DescribeKey", "{" + id + "}", `"KeyMetadata":{`},
		{"ListKeys", "{}", `"Keys":[{`},
		{"ListAliases", "{}", `"AliasName":"alias/there"`},
		{"Encrypt", encryptBody(key), `"CiphertextBlob"`},
		{"Decrypt", `{"CiphertextBlob":"` + blob + `"}`, `"Plaintext":"` + plaintext + `"`},
		{"ReEncrypt", `{"CiphertextBlob":"` + blob + `","DestinationKeyId":"` + other + `"}`, `"SourceKeyId"`},
		{"GenerateDataKey", "{" + id + `,"KeySpec":"AES_256"}`, `"Plaintext"`},
		{"GenerateDataKeyWithoutPlaintext", "{" + id + `,"KeySpec":"AES_256"}`, `"CiphertextBlob"`},
		{"GenerateRandom", `{"NumberOfBytes":3}`, `"Plaintext"`},
		{"TagResource", "{" + id + `,"Tags":[{"TagKey":"k","TagValue":"v"}]}`, ""},
		{"ListResourceTags", "{" + id + "}", `"TagKey":"k"`},
		{"UntagResource", "{" + id + `,"TagKeys":["k"]}`, ""},
		{"UpdateKeyDescription", "{" + id + `,"Description":"d"}`, ""},
		{"GetKeyPolicy", "{" + id + "}", `"Policy":"`},
		{"ListKeyPolicies", "{" + id + "}", `"PolicyNames":["default"]`},
		{"PutKeyPolicy", "{" + id + `,"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\"}}"}`, ""},
		{"CreateAlias", `{"AliasName":"alias/made","TargetKeyId":"` + key + `"}`, ""},
		{"UpdateAlias", `{"AliasName":"alias/made","TargetKeyId":"` + other + `"}`, ""},
		{"DeleteAlias", `{"AliasName":"alias/made"}`, ""},
		{"DisableKey", "{" + id + "}", ""},
		{"EnableKey", "{" + id + "}", ""},
		{"ScheduleKeyDeletion", "{" + id + "}", `"KeyState":"PendingDeletion"`},
		{"CancelKeyDeletion", "{" + id + "}", `"KeyId"`},
		{"CreateKey", "{}", `"KeyMetadata":{`},
	} {
		w.records = nil
		out := w.call(row.operation, row.body)
		if out.Code != http.StatusOK || !strings.Contains(out.Body.String(), row.contains) || row.contains == "" && out.Body.Len() != 0 {
			t.Errorf("%s: %d %s", row.operation, out.Code, out.Body)
		}
		last := w.records[len(w.records)-1]
		if last.EventName != row.operation || last.ErrorCode != "" || last.ReadOnly == (len(w.records) == 2) {
			t.Errorf("%s: %d records, %+v", row.operation, len(w.records), last)
		}
	}
}

// field takes the text of a member out of a JSON object.
func field(t testing.TB, object, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(object, `"`+name+`":"`)
	value, _, ok2 := strings.Cut(rest, `"`)
	if !ok || !ok2 {
		t.Fatalf("no %s in %s", name, object)
	}
	return value
}
