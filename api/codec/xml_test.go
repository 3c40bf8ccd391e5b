package codec

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (v *thing) AppendXML(x *XML) {
	x.String("S", v.S)
	XMLEnum(x, "E", v.E)
	x.Blob("B", v.B)
	x.Bool("T", v.T)
	XMLInt(x, "N", v.N)
	XMLFloat(x, "F", v.F)
	x.Time("D", v.D, XMLISO8601)
	XMLStruct(x, "Inner", v.Inner)
	XMLList(x, "List", "member", v.List, XMLText)
	XMLMap(x, `Map xmlns="urn:x"`, "entry", "key", "value", v.Map, XMLText)
	XMLList(x, "Many", "", v.Many, XMLElement)
}

func TestAppendResponse(t *testing.T) {
	s := &Service{Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"}
	const open = `<Do%Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`
	const end = `<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></DoResponse>`
	head := strings.Replace(open, "%", "", 1)
	tests := map[string]struct {
		op   Operation
		out  XMLOutput
		want string
	}{
		"no output":    {Operation{Name: "Do"}, new(Empty), head + end},
		"empty output": {Operation{Name: "Do", ResultWrapper: "DoResult"}, new(thing), head + `<DoResult></DoResult>` + end},
		"members": {Operation{Name: "Do", ResultWrapper: "DoResult"}, &thing{
			S: ptr("a<b>&\"c\"\r\n\x01\uFFFE\xffé"), E: "RED", B: []byte{0, 255}, T: ptr(true), N: ptr[int32](-1), F: ptr(2.5),
			D: ptr(time.Unix(1700000000, 0)), Inner: &thing{D: ptr(time.UnixMilli(1700000000120))},
			List: []string{"x", ""}, Map: map[string]string{"k2": "2", "k1": "1"}, Many: []thing{{S: ptr("m")}, {}},
		}, head + `<DoResult><S>a&lt;b&gt;&amp;&quot;c&quot;&#xD;` + "\n\uFFFD\uFFFD\uFFFDé" + `</S><E>RED</E><B>AP8=</B><T>true</T><N>-1</N><F>2.5</F>` +
			`<D>2023-11-14T22:13:20Z</D><Inner><D>2023-11-14T22:13:20.120Z</D></Inner><List><member>x</member><member></member></List>` +
			`<Map xmlns="urn:x"><entry><key>k1</key><value>1</value></entry><entry><key>k2</key><value>2</value></entry></Map>` +
			`<Many><S>m</S></Many><Many></Many></DoResult>` + end},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := string(AppendResponse(nil, s, &test.op, test.out, "id-1"))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if err := xml.Unmarshal([]byte(got), new(struct{})); err != nil {
				t.Errorf("not well formed: %v", err)
			}
		})
	}
}

func TestErrorBodies(t *testing.T) {
	e := &Error{Code: "NoSuchEntity", Message: `The "user" <x> & y`, Status: 404, Sender: true}
	if got, want := string(e.AppendJSON([]byte("x"))), `x{"__type":"NoSuchEntity","message":"The \"user\" <x> & y"}`; got != want {
		t.Errorf("JSON %s, want %s", got, want)
	}
	want := `<ErrorResponse xmlns="urn:n"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The &quot;user&quot; &lt;x&gt; &amp; y</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`
	if got := string(e.AppendXML(nil, "urn:n", "id-1")); got != want {
		t.Errorf("XML %s, want %s", got, want)
	}
	plain := &Error{Code: "InternalFailure", Status: 500}
	if got, want := string(plain.AppendJSON(nil)), `{"__type":"InternalFailure"}`; got != want {
		t.Errorf("JSON %s, want %s", got, want)
	}
	want = `<ErrorResponse><Error><Type>Receiver</Type><Code>InternalFailure</Code></Error><RequestId>i</RequestId></ErrorResponse>`
	if got := string(plain.AppendXML(nil, "", "i")); got != want {
		t.Errorf("XML %s, want %s", got, want)
	}
	if e.Error() != `NoSuchEntity: The "user" <x> & y` || plain.Error() != "InternalFailure" {
		t.Errorf("as Go errors: %v, %v", e, plain)
	}
}
