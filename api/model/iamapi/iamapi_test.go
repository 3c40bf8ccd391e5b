package iamapi

import (
	"encoding/json"
	"encoding/xml"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary.dev/api/codec"
)

func ptr[T any](v T) *T { return &v }

func check(t *testing.T, operation, text string) (codec.Input, *codec.Error) {
	t.Helper()
	form, err := codec.ParseForm(text)
	if err != nil {
		t.Fatal(err)
	}
	in := Lookup(operation).NewInput()
	if err := form.Decode(in.(codec.QueryInput)); err != nil {
		return nil, err
	}
	var v codec.Validator
	in.Validate(&v)
	return in, v.Err(codec.Query)
}

func TestSimulateCustomPolicyRequest(t *testing.T) {
	in, err := check(t, "SimulateCustomPolicy", "PolicyInputList.member.1=%7B%7D&ActionNames.member.1=kms:Encrypt&ActionNames.member.2=kms:Decrypt"+
		"&ContextEntries.member.1.ContextKeyName=aws:x&ContextEntries.member.1.ContextKeyValues.member.1=b&ContextEntries.member.1.ContextKeyType=string")
	if err != nil {
		t.Fatal(err)
	}
	want := &SimulateCustomPolicyRequest{
		PolicyInputList: []string{"{}"}, ActionNames: []string{"kms:Encrypt", "kms:Decrypt"},
		ContextEntries: []ContextEntry{{ContextKeyName: ptr("aws:x"), ContextKeyValues: []string{"b"}, ContextKeyType: ContextKeyTypeEnumString}},
	}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
}

// The account alias is the one place where a model's pattern has a lookahead.
func TestPatterns(t *testing.T) {
	for rule, cases := range map[*codec.Rule]map[string]bool{
		&ruleAccountAliasType: {"my-account": true, "abc": true, "a--b": false, "-abc": false, "abc-": false, "ab": false, "Abc": false},
		&rulePathType:         {"/": true, "/a/b/": true, "a": false, "/a": false, "//": false, "/\u007f/": false},
		&ruleUserNameType:     {"admin": true, "a.b+c=d,e@f-g_h": true, "": false, "a b": false, "é": false},
	} {
		for s, want := range cases {
			if got := rule.Pattern.Match(s); got != want {
				t.Errorf("%s matches %q: %v", rule.Pattern.Source, s, got)
			}
		}
	}
}

// Every operation can be found, reads an empty request, and its input can be audited.
func TestOperations(t *testing.T) {
	s := Service()
	if len(s.Operations) != 176 || s.Protocol != codec.Query {
		t.Errorf("service %s has %d operations", s.Name, len(s.Operations))
	}
	for i := range s.Operations {
		op := &s.Operations[i]
		if s.Lookup(op.Name) != op {
			t.Errorf("Lookup(%s) finds another", op.Name)
		}
		form, err := codec.ParseForm("Action=" + op.Name + "&Version=" + s.APIVersion)
		if err != nil {
			t.Fatal(err)
		}
		in := op.NewInput()
		if err := form.Decode(in.(codec.QueryInput)); err != nil {
			t.Errorf("%s: %v", op.Name, err)
		}
		in.Validate(new(codec.Validator))
		if got := string(in.AppendAudit(nil)); got != "{}" {
			t.Errorf("%s: audit form %s", op.Name, got)
		}
	}
}

// Every pattern of the model compiles, and every input can be checked and audited with all of its members present.
func TestFullInputs(t *testing.T) {
	for i := range Service().Operations {
		in := Service().Operations[i].NewInput()
		fill(reflect.ValueOf(in).Elem(), 0)
		in.Validate(new(codec.Validator))
		if audit := in.AppendAudit(nil); !json.Valid(audit) {
			t.Errorf("%T: audit form is not JSON: %s", in, audit)
		}
	}
}

// fill puts something into every member.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		if v.Type().Elem().PkgPath() != "time" {
			fill(v.Elem(), depth)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if depth < 4 {
				fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value, depth)
		v.SetMapIndex(reflect.ValueOf("key"), value)
	case reflect.String:
		v.SetString("abc-DEF/1")
	}
}

func TestListUsersResponse(t *testing.T) {
	out := &ListUsersResponse{IsTruncated: ptr(false), Users: []User{{UserName: ptr("a&b"), Path: ptr("/")}}}
	got := codec.AppendResponse(nil, Service(), Lookup("ListUsers"), out, "id")
	want := `<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><IsTruncated>false</IsTruncated>` +
		`<Users><member><Path>/</Path><UserName>a&amp;b</UserName></member></Users></ListUsersResult>` +
		`<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ListUsersResponse>`
	if string(got) != want {
		t.Errorf("body %s", got)
	}
	if err := xml.Unmarshal(got, new(struct{})); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		got    *codec.Error
		code   string
		status int
		sender bool
	}{
		{NoSuchEntityException("m"), "NoSuchEntity", 404, true},
		{EntityAlreadyExistsException("m"), "EntityAlreadyExists", 409, true},
		{ServiceFailureException("m"), "ServiceFailure", 500, false},
		{OrganizationNotFoundException("m"), "OrganizationNotFoundException", 400, true},
	} {
		want := &codec.Error{Code: test.code, Message: "m", Status: test.status, Sender: test.sender}
		if diff := cmp.Diff(want, test.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.code, diff)
		}
	}
}
