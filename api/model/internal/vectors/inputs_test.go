// Package vectors_test checks package codec and the generator against the protocol test cases that AWS's clients are
// tested with: what those clients send must be read as the parameters that they were given, and what they expect to
// get must be what is written.
package vectors_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ostiary.dev/api/codec"
	"ostiary.dev/api/model/internal/vectors/jsonvectors"
	"ostiary.dev/api/model/internal/vectors/queryvectors"
)

// inputsLeftOut are the cases that do not concern a server of these services, with the reason.
var inputsLeftOut = map[string]string{
	"PutAndGetInlineDocumentsInput":                           "documents: no shape of KMS, STS or IAM is one, so the generator refuses them",
	"SDKAppliedContentEncoding_awsJson1_1":                    "the case has no body, only a header of request compression, which these services do not offer",
	"SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1": "as above",
	"SDKAppliedContentEncoding_awsQuery":                      "as above",
	"SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery":   "as above",
	"QueryProtocolIdempotencyTokenAutoFill":                   "the client invents a parameter that is not in the case's params",
}

// asSent are the parameters as they are on the wire, where a client leaves out what it was given.
var asSent = map[string]any{
	"QueryEmptyQueryMaps": map[string]any{}, // an empty map is not sent
}

func TestJSONInputs(t *testing.T) {
	eachCase(t, "input/json.json", inputsLeftOut, func(t *testing.T, i int, v vector) {
		in := newInput(t, jsonvectors.New, i, v)
		if err := new(codec.JSON).Decode([]byte(v.Serialized.Body), in.(codec.JSONInput)); err != nil {
			t.Fatalf("Decode(%s): %v", v.Serialized.Body, err)
		}
		compareInput(t, jsonvectors.New, i, v, in)
	})
}

func TestQueryInputs(t *testing.T) {
	eachCase(t, "input/query.json", inputsLeftOut, func(t *testing.T, i int, v vector) {
		form, err := codec.ParseForm(v.Serialized.Body)
		if err != nil {
			t.Fatalf("ParseForm(%s): %v", v.Serialized.Body, err)
		}
		if got := form.Value("Action"); got != v.Given.Name {
			t.Errorf("Action = %q, want %q", got, v.Given.Name)
		}
		if got := form.Value("Version"); got != "2020-01-08" {
			t.Errorf("Version = %q", got)
		}
		in := newInput(t, queryvectors.New, i, v)
		if err := form.Decode(in.(codec.QueryInput)); err != nil {
			t.Fatalf("Decode(%s): %v", v.Serialized.Body, err)
		}
		compareInput(t, queryvectors.New, i, v, in)
	})
}

// eachCase runs f for every case of a file that is not left out, and makes sure that what is left out exists.
func eachCase(t *testing.T, path string, leftOut map[string]string, f func(t *testing.T, suite int, v vector)) {
	t.Helper()
	ran := 0
	for i, s := range readSuites(t, path) {
		for _, v := range s.Cases {
			if leftOut[v.ID] != "" {
				continue
			}
			ran++
			t.Run(v.ID, func(t *testing.T) { f(t, i, v) })
		}
	}
	if ran < 30 {
		t.Errorf("only %d cases ran", ran)
	}
}

func newInput(t *testing.T, table func(string) any, suite int, v vector) codec.Input {
	t.Helper()
	if v.Given.Input == nil {
		return new(codec.Empty)
	}
	name := shapeName("In", suite, v.Given.Input.Shape)
	in, ok := table(name).(codec.Input)
	if !ok {
		t.Fatalf("there is no input %s", name)
	}
	return in
}

func compareInput(t *testing.T, table func(string) any, suite int, v vector, got codec.Input) {
	t.Helper()
	want := newInput(t, table, suite, v)
	params, changed := asSent[v.ID]
	if !changed {
		params = v.Params
	}
	fill(t, reflect.ValueOf(want).Elem(), params)
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	var check codec.Validator
	if got.Validate(&check); check.Err(codec.JSON11) != nil {
		t.Errorf("a valid input is refused")
	}
}

func TestLeftOutCasesExist(t *testing.T) {
	known := map[string]bool{}
	for _, path := range []string{"input/json.json", "input/query.json", "output/json.json", "output/query.json"} {
		for _, s := range readSuites(t, path) {
			for _, v := range s.Cases {
				known[v.ID] = true
			}
		}
	}
	for _, list := range []map[string]string{inputsLeftOut, outputsLeftOut} {
		for id, reason := range list {
			if !known[id] || strings.TrimSpace(reason) == "" {
				t.Errorf("%q is left out but is no case, or without a reason", id)
			}
		}
	}
	for id := range asSent {
		if !known[id] {
			t.Errorf("%q is no case", id)
		}
	}
	for id := range asWritten {
		if !known[id] {
			t.Errorf("%q is no case", id)
		}
	}
}
