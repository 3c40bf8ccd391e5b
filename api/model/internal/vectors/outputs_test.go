package vectors_test

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"ostiary.dev/api/codec"
	"ostiary.dev/api/model/internal/vectors/jsonvectors"
	"ostiary.dev/api/model/internal/vectors/queryvectors"
)

const (
	anyTypeForm   = "a form of the error's type that clients must understand; this server writes the plain name"
	errorMembers  = "an error with members besides its message: KMS, STS and IAM have none"
	noOutput      = "the operation has no output in the model, the body is for the client to ignore"
	typeInMessage = "a member __type in an answer, for the client to ignore"
)

// outputsLeftOut are the cases that do not concern a server of these services, with the reason.
var outputsLeftOut = map[string]string{
	"PutAndGetInlineDocumentsInput":                           "documents: no shape of KMS, STS or IAM is one, so the generator refuses them",
	"handles_unexpected_json_output":                          noOutput,
	"handles_empty_output_shape":                              noOutput,
	"AwsJson11DeserializeIgnoreType":                          typeInMessage,
	"AwsJson11ComplexError":                                   errorMembers,
	"AwsJson11EmptyComplexError":                              errorMembers,
	"QueryComplexError":                                       errorMembers,
	"AwsJson11FooErrorUsingXAmznErrorType":                    "the type is in a header, which package api writes",
	"AwsJson11FooErrorUsingXAmznErrorTypeWithUri":             anyTypeForm,
	"AwsJson11FooErrorUsingXAmznErrorTypeWithUriAndNamespace": anyTypeForm,
	"AwsJson11FooErrorUsingCode":                              anyTypeForm,
	"AwsJson11FooErrorUsingCodeAndNamespace":                  anyTypeForm,
	"AwsJson11FooErrorUsingCodeUriAndNamespace":               anyTypeForm,
	"AwsJson11FooErrorWithDunderTypeAndNamespace":             anyTypeForm,
	"AwsJson11FooErrorWithDunderTypeUriAndNamespace":          anyTypeForm,
	"QueryEmptyInputAndEmptyOutput":                           "the case says nothing of the body",
	"QueryNoInputAndNoOutput":                                 "the case says nothing of the body",
	"QueryNoInputAndOutput":                                   "the case says nothing of the body",
}

// asWritten are the bodies that this server writes where the case has another that means the same.
var asWritten = map[string]string{
	"AwsJson11DateTimeWithNegativeOffset":          `{"datetime": "2019-12-16T23:48:18Z"}`,
	"AwsJson11DateTimeWithPositiveOffset":          `{"datetime": "2019-12-16T23:48:18Z"}`,
	"AwsJson11StructuresDontDeserializeNullValues": `{}`,
	"parses_operations_with_empty_json_bodies":     `{}`,
	"AwsQueryDateTimeWithNegativeOffset": `<DatetimeOffsetsResponse xmlns="https://example.com/"><DatetimeOffsetsResult>
		<datetime>2019-12-16T23:48:18Z</datetime></DatetimeOffsetsResult></DatetimeOffsetsResponse>`,
	"AwsQueryDateTimeWithPositiveOffset": `<DatetimeOffsetsResponse xmlns="https://example.com/"><DatetimeOffsetsResult>
		<datetime>2019-12-16T23:48:18Z</datetime></DatetimeOffsetsResult></DatetimeOffsetsResponse>`,
}

func body(v vector) string {
	if b, ok := asWritten[v.ID]; ok {
		return b
	}
	return v.Response.Body
}

func TestJSONOutputs(t *testing.T) {
	eachCase(t, "output/json.json", outputsLeftOut, func(t *testing.T, i int, v vector) {
		if v.ErrorCode != "" {
			e := jsonvectors.NewError(shapeName("Out", i, v.Given.Errors[0].Shape), v.ErrorMessage)
			want := strings.Replace(v.Response.Body, `"Message"`, `"message"`, 1) // clients know both, KMS writes this one
			compareJSON(t, want, e.AppendJSON(nil))
			return
		}
		if v.Given.Output == nil {
			if got := new(codec.Empty).AppendJSON(nil); string(got) != v.Response.Body {
				t.Errorf("an operation without output answers %q", got)
			}
			return
		}
		out := newOutput(t, jsonvectors.New, i, v)
		compareJSON(t, body(v), out.(codec.JSONOutput).AppendJSON(nil))
	})
}

func compareJSON(t *testing.T, want string, got []byte) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if diff := gocmp.Diff(w, g); diff != "" {
		t.Errorf("body %s (-want +got):\n%s", got, diff)
	}
}

func newOutput(t *testing.T, table func(string) any, suite int, v vector) any {
	t.Helper()
	name := shapeName("Out", suite, v.Given.Output.Shape)
	out := table(name)
	if out == nil {
		t.Fatalf("there is no output %s", name)
	}
	fill(t, reflect.ValueOf(out).Elem(), v.Result)
	return out
}

func TestQueryOutputs(t *testing.T) {
	eachCase(t, "output/query.json", outputsLeftOut, func(t *testing.T, i int, v vector) {
		if v.ErrorCode != "" {
			e := queryvectors.NewError(shapeName("Out", i, v.Given.Errors[0].Shape), v.ErrorMessage)
			if e.Status != v.Response.Status || e.Code != v.ErrorCode {
				t.Errorf("error %s, status %d; want %s, %d", e.Code, e.Status, v.ErrorCode, v.Response.Status)
			}
			compareXML(t, v.Response.Body, e.AppendXML(nil, "", "foo-id"))
			return
		}
		s := &codec.Service{Namespace: "https://example.com/"}
		op := &codec.Operation{Name: v.Given.Name, ResultWrapper: v.Given.Name + "Result"}
		out := newOutput(t, queryvectors.New, i, v).(codec.XMLOutput)
		compareXML(t, body(v), codec.AppendResponse(nil, s, op, out, "id"))
	})
}

func compareXML(t *testing.T, want string, got []byte) {
	t.Helper()
	if diff := gocmp.Diff(parseXML(t, want), parseXML(t, string(got))); diff != "" {
		t.Errorf("body %s (-want +got):\n%s", got, diff)
	}
}

// element is an XML element without what does not matter: white space between elements, the order of members and
// of map entries.
type element struct {
	Name, Text string
	Attrs      []string
	Children   []element
}

func parseXML(t *testing.T, text string) element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	stack := []element{{}}
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		top := &stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := element{Name: token.Name.Local}
			for _, a := range token.Attr {
				e.Attrs = append(e.Attrs, a.Name.Space+":"+a.Name.Local+"="+a.Value)
			}
			stack = append(stack, e)
		case xml.CharData:
			top.Text += string(token)
		case xml.EndElement:
			e := top.tidy()
			stack = stack[:len(stack)-1]
			if parent := &stack[len(stack)-1]; e.Name != "ResponseMetadata" {
				parent.Children = append(parent.Children, e)
			}
		}
	}
	if len(stack) != 1 || len(stack[0].Children) != 1 {
		t.Fatalf("not one whole element: %s", text)
	}
	return stack[0].Children[0]
}

// keyNames are the names that the cases have for the key of a map entry.
var keyNames = []string{"key", "K", "Attribute"}

func (e *element) tidy() element {
	if len(e.Children) > 0 || strings.TrimSpace(e.Text) == "" {
		e.Text = strings.TrimSpace(e.Text)
	}
	slices.SortStableFunc(e.Children, func(a, b element) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.mapKey(), b.mapKey()))
	})
	return *e
}

// mapKey is the key if e is an entry of a map.
func (e *element) mapKey() string {
	if len(e.Children) == 2 && slices.Contains(keyNames, e.Children[0].Name) {
		return e.Children[0].Text
	}
	return ""
}
