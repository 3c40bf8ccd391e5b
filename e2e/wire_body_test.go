package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// without and with change a header of a call.
func without(c rawCall, name string) rawCall { delete(c.header, name); return c }
func with(c rawCall, name, value string) rawCall {
	c.header[name] = value
	return c
}

// TestWireJSON: everything that is wrong with a signed JSON request is answered with AWS's error in JSON.
func TestWireJSON(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	list := func(body string) rawCall { return jsonCall("ListKeys", body) }
	by := func(method string) rawCall { c := list("{}"); c.method = method; return c }
	at := func(path string) rawCall { c := list("{}"); c.path = path; return c }
	bad := func(message string) wireError {
		return wireError{http.StatusBadRequest, inJSON, "SerializationException", message}
	}
	unknown := wireError{http.StatusBadRequest, inJSON, "UnknownOperationException", ""}
	attack(t, s, []hostile{
		{"unknown operation", jsonCall("MakeCoffee", "{}"), unknown},
		{"operation in other case", jsonCall("listKeys", "{}"), unknown},
		{"unknown service", with(list("{}"), "X-Amz-Target", "DynamoDB_20120810.ListTables"), unknown},
		{"target without operation", with(list("{}"), "X-Amz-Target", "TrentService"), unknown},
		{"other content type", with(list("{}"), "Content-Type", "text/plain"), unknown},
		{"no content type", without(list("{}"), "Content-Type"), unknown},
		{"no target", without(list("{}"), "X-Amz-Target"), unknown},
		{"GET", by(http.MethodGet), unknown},
		{"PUT", by(http.MethodPut), unknown},
		{"DELETE", by(http.MethodDelete), unknown},
		{"other path", at("/keys"), wireError{http.StatusNotFound, inJSON, "UnknownOperationException", ""}},
		{"climbing path", at("/a/../../etc/passwd"), wireError{http.StatusNotFound, inJSON, "UnknownOperationException", ""}},
		{"no body", list(""), bad("*")},
		{"half an object", list(`{"Limit":`), bad("*")},
		{"no JSON", list(`<xml/>`), bad("*")},
		{"text behind the object", list(`{} {}`), bad("*")},
		{"a list", list(`[]`), bad("*")},
		{"null", list(`null`), bad("*")},
		{"text for a number", list(`{"Limit":"5"}`), bad("*")},
		{"fraction for a number", list(`{"Limit":1.5}`), bad("*")},
		{"number beyond 32 bits", list(`{"Limit":4294967297}`), wireError{http.StatusBadRequest, inJSON, "ValidationException", "*"}},
		{"number for text", jsonCall("DescribeKey", `{"KeyId":7}`), bad("*")},
		{"object for text", jsonCall("DescribeKey", `{"KeyId":{}}`), bad("*")},
		{"list for a map", jsonCall("Encrypt", `{"KeyId":"k","Plaintext":"YQ==","EncryptionContext":[]}`), bad("*")},
		{"no base64", jsonCall("Encrypt", `{"KeyId":"k","Plaintext":"?"}`), bad("*")},
		{"sloppy base64", jsonCall("Encrypt", `{"KeyId":"k","Plaintext":"YR=="}`), bad("*")},
		{"member twice", list(`{"Limit":1,"Limit":2}`), bad("*")},
		{"map key twice", jsonCall("Encrypt", `{"KeyId":"k","Plaintext":"YQ==","EncryptionContext":{"a":"1","a":"2"}}`), bad("*")},
		{"deep nesting", list(`{"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`), bad("*")},
		{"bad UTF-8", list("{\"Marker\":\"\xff\"}"), bad("*")},
		{"half a surrogate pair", list(`{"Marker":"\ud800"}`), bad("*")},
		{"required member missing", jsonCall("DescribeKey", `{}`), wireError{http.StatusBadRequest, inJSON, "ValidationException",
			"1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null"}},
		{"not in the enum", jsonCall("GenerateDataKey", `{"KeyId":"k","KeySpec":"AES_512"}`), wireError{http.StatusBadRequest, inJSON, "ValidationException",
			"1 validation error detected: Value 'AES_512' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]"}},
		{"body over 1 MiB", list(`{"Marker":"` + strings.Repeat("m", 1<<20) + `"}`), wireError{http.StatusRequestEntityTooLarge, inJSON, "RequestEntityTooLargeException", "*"}},
	})
	if a := s.send(t, s.http(), list(`{"Limit":5,"Colour":{"of":["no",1,null]}}`)); a.status != http.StatusOK {
		t.Errorf("an unknown member is not ignored: %d %s", a.status, a.body)
	}
}

// TestWireQuery: everything that is wrong with a signed Query request is answered with AWS's error in XML.
func TestWireQuery(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	by := func(method string) rawCall {
		c := queryCall("Action=GetCallerIdentity&Version=2011-06-15")
		c.method = method
		return c
	}
	at := by(http.MethodPost)
	at.path = "/x"
	attack(t, s, []hostile{
		{"unknown action", queryCall("Action=MakeCoffee&Version=2011-06-15"), wireError{http.StatusBadRequest, inXML, "InvalidAction", "Could not find operation MakeCoffee for version 2011-06-15"}},
		{"unknown version", queryCall("Action=GetCallerIdentity&Version=1999-01-01"), wireError{http.StatusBadRequest, inXML, "InvalidAction", "Could not find operation GetCallerIdentity for version 1999-01-01"}},
		{"no version", queryCall("Action=GetCallerIdentity"), wireError{http.StatusBadRequest, inXML, "InvalidAction", "*"}},
		{"markup in the action", queryCall("Action=%3Cscript%3E%00&Version=2011-06-15"), wireError{http.StatusBadRequest, inXML, "InvalidAction", "*"}},
		{"no action", queryCall("Version=2011-06-15"), wireError{http.StatusBadRequest, inXML, "MissingAction", "*"}},
		{"nothing", queryCall(""), wireError{http.StatusBadRequest, inXML, "MissingAction", "*"}},
		{"action twice", queryCall("Action=GetCallerIdentity&Action=AssumeRole&Version=2011-06-15"), wireError{http.StatusBadRequest, inXML, "MalformedInput", "*"}},
		{"bad escape", queryCall("Action=%zz&Version=2011-06-15"), wireError{http.StatusBadRequest, inXML, "MalformedInput", "*"}},
		{"PUT", by(http.MethodPut), wireError{http.StatusBadRequest, inXML, "MalformedInput", "*"}},
		{"DELETE", by(http.MethodDelete), wireError{http.StatusBadRequest, inXML, "MalformedInput", "*"}},
		{"other path", at, wireError{http.StatusNotFound, inXML, "UnknownOperationException", ""}},
		{"body over 1 MiB", queryCall("Action=" + strings.Repeat("a", 1<<20)), wireError{http.StatusRequestEntityTooLarge, inXML, "RequestEntityTooLargeException", "*"}},
	})
	iam := queryCall("Action=ListUsers&Version=2010-05-08")
	iam.service = "iam"
	attack(t, s, []hostile{
		{"STS, not built", queryCall("Action=GetSessionToken&Version=2011-06-15"), wireError{http.StatusBadRequest, inXML, "UnsupportedOperationException", "The operation GetSessionToken is not supported by this service."}},
		{"IAM, not built", iam, wireError{http.StatusBadRequest, inXML, "UnsupportedOperationException", "The operation ListUsers is not supported by this service."}},
	})
	// A charset or other parameters of the content type do not matter; nor does a GET in place of a POST.
	get := rawCall{method: http.MethodGet, query: "Action=GetCallerIdentity&Version=2011-06-15", service: "sts"}
	if a := s.send(t, s.http(), get); a.status != http.StatusOK {
		t.Errorf("GET: %d %s", a.status, a.body)
	}
}

// TestWireNotBuilt: every operation of the SDK's clients is known; those that are not built say so.
func TestWireNotBuilt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	client := s.http()
	built, unbuilt := 0, 0
	for _, name := range kmsOperations() {
		a := s.send(t, client, jsonCall(name, "{}"))
		switch code := a.header.Get("X-Amzn-Errortype"); {
		case code == "UnsupportedOperationException":
			a.check(t, wireError{http.StatusBadRequest, inJSON, code, "The operation " + name + " is not supported by this service."})
			unbuilt++
		case code == "UnknownOperationException" && (name == "Encapsulate" || name == "Decapsulate"): // newer than the model
		case a.status == http.StatusOK, code == "ValidationException":
			built++
		default:
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if built != 24 || unbuilt != 30 {
		t.Errorf("%d operations are built and %d are not, want 24 and 30", built, unbuilt)
	}
}
