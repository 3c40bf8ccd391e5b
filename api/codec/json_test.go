package codec

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// thing is a structure with a member of every kind, written as the generator writes them.
type thing struct {
	S     *string
	E     color
	B     []byte
	T     *bool
	N     *int32
	L     *int64
	F     *float64
	D     *time.Time
	Inner *thing
	List  []string
	Map   map[string]string
	Many  []thing
}

type color string

var ruleColor = Rule{Enum: []string{"RED", "BLUE"}}

func (v *thing) DecodeJSON(r *JSON) {
	for ok := r.Object(); ok; ok = r.Next() {
		switch string(r.Name()) {
		case "S":
			v.S = r.String()
		case "E":
			v.E = JSONEnum[color](r)
		case "B":
			v.B = r.Blob()
		case "T":
			v.T = r.Bool()
		case "N":
			v.N = r.Int32()
		case "L":
			v.L = r.Int64()
		case "F":
			v.F = r.Float64()
		case "D":
			v.D = r.Time()
		case "Inner":
			v.Inner = JSONStruct[thing](r)
		case "List":
			v.List = JSONList(r, (*JSON).Text)
		case "Map":
			v.Map = JSONMap(r, (*JSON).Text)
		case "Many":
			v.Many = JSONList(r, JSONElement[thing])
		default:
			r.Skip()
		}
	}
}

func (v *thing) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	b = MemberString(b, "S", v.S)
	b = MemberEnum(b, "E", v.E)
	b = MemberBlob(b, "B", v.B)
	b = MemberBool(b, "T", v.T)
	b = MemberInt(b, "N", v.N)
	b = MemberInt(b, "L", v.L)
	b = MemberFloat(b, "F", v.F)
	b = MemberTime(b, "D", v.D, AppendTime)
	b = MemberStruct(b, "Inner", v.Inner)
	b = MemberList(b, "List", v.List, AppendString)
	b = MemberMap(b, "Map", v.Map, AppendString)
	b = MemberList(b, "Many", v.Many, AppendStruct)
	return append(b, '}')
}

func (v *thing) Validate(c *Validator) {
	c.Required("s", v.S != nil)
	c.Enum("e", string(v.E), &ruleColor)
}

func (v *thing) AppendAudit(b []byte) []byte { return append(b, "{}"...) }

func ptr[T any](v T) *T { return &v }

func TestDecode(t *testing.T) {
	tests := map[string]struct {
		body string
		want thing
	}{
		"empty":            {`{}`, thing{}},
		"white space":      {" \t\r\n{ \"S\" : \"a\" } \n", thing{S: ptr("a")}},
		"unknown members":  {`{"X":1,"S":"a","Y":{"S":[1,-2.5e+3,{"a":null}],"b":true},"Z":[],"W":false}`, thing{S: ptr("a")}},
		"null is absent":   {`{"S":null,"E":null,"B":null,"T":null,"N":null,"F":null,"D":null,"Inner":null,"List":null,"Map":null}`, thing{}},
		"null map value":   {`{"Map":{"a":null,"b":"c"}}`, thing{Map: map[string]string{"b": "c"}}},
		"empty string":     {`{"S":""}`, thing{S: ptr("")}},
		"empty enum":       {`{"E":""}`, thing{E: emptyEnum}},
		"empty blob":       {`{"B":""}`, thing{B: []byte{}}},
		"empty list, map":  {`{"List":[],"Map":{}}`, thing{List: []string{}, Map: map[string]string{}}},
		"escapes":          {`{"S":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00"}`, thing{S: ptr("\"\\/\b\f\n\r\tAé€😀")}},
		"escaped name":     {`{"\u0053":"a"}`, thing{S: ptr("a")}},
		"utf-8":            {`{"S":"é€😀"}`, thing{S: ptr("é€😀")}},
		"blob":             {`{"B":"AP8="}`, thing{B: []byte{0, 255}}},
		"booleans":         {`{"T":false,"Inner":{"T":true}}`, thing{T: ptr(false), Inner: &thing{T: ptr(true)}}},
		"numbers":          {`{"N":-7,"L":9007199254740993,"F":-1.5e3}`, thing{N: ptr[int32](-7), L: ptr[int64](9007199254740993), F: ptr(-1500.0)}},
		"whole decimal":    {`{"N":1e1,"L":2.0}`, thing{N: ptr[int32](10), L: ptr[int64](2)}},
		"too big":          {`{"N":99999999999,"L":-1e400}`, thing{N: ptr[int32](2147483647), L: ptr[int64](-9223372036854775808)}},
		"time":             {`{"D":1700000000.123}`, thing{D: ptr(time.UnixMilli(1700000000123).UTC())}},
		"time in exponent": {`{"D":1.7e9}`, thing{D: ptr(time.Unix(1700000000, 0).UTC())}},
		"nested":           {`{"Many":[{"S":"a","List":["b"]},{"Map":{"c":"d"}}]}`, thing{Many: []thing{{S: ptr("a"), List: []string{"b"}}, {Map: map[string]string{"c": "d"}}}}},
		"same name, other object": {`{"S":"a","Inner":{"S":"b","Inner":{"S":"c"}},"X":{"S":1}}`,
			thing{S: ptr("a"), Inner: &thing{S: ptr("b"), Inner: &thing{S: ptr("c")}}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got thing
			if err := new(JSON).Decode([]byte(test.body), &got); err != nil {
				t.Fatalf("Decode(%s): %v", test.body, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Decode(%s) (-want +got):\n%s", test.body, diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"X":`, n) + "1" + strings.Repeat("}", n) }
	tests := map[string]struct{ body, message string }{
		"nothing":                 {``, "Unexpected end of input"},
		"cut in an object":        {`{"S"`, "Unexpected end of input"},
		"cut in a string":         {`{"S":"a`, "Unexpected end of input"},
		"cut in an escape":        {`{"S":"\u12`, "Unexpected end of input"},
		"cut in a literal":        {`{"T":tr`, "Unexpected end of input"},
		"cut in a number":         {`{"N":1.`, "Unexpected end of input"},
		"trailing bytes":          {`{} {}`, "Unexpected data after the end of input"},
		"trailing comma":          {`{"S":"a",}`, unexpectedToken},
		"comma first":             {`{,"S":"a"}`, unexpectedToken},
		"trailing comma in list":  {`{"List":["a",]}`, unexpectedToken},
		"no colon":                {`{"S" "a"}`, unexpectedToken},
		"no quotes":               {`{S:"a"}`, unexpectedToken},
		"leading zero":            {`{"N":01}`, unexpectedToken},
		"plus sign":               {`{"N":+1}`, unexpectedToken},
		"hex":                     {`{"N":0x1}`, unexpectedToken},
		"NaN":                     {`{"F":NaN}`, unexpectedToken},
		"comment":                 {`{/**/}`, unexpectedToken},
		"null body":               {`null`, "Unexpected null"},
		"string body":             {`"x"`, "Expected null"},
		"list body":               {`[]`, listNotExpected},
		"control character":       {"{\"S\":\"a\nb\"}", "Illegal unquoted character"},
		"control after an escape": {"{\"S\":\"\\n\x01\"}", "Illegal unquoted character"},
		"unknown escape":          {`{"S":"\x41"}`, "Unrecognized character escape"},
		"bad hex":                 {`{"S":"\u00g0"}`, "Unrecognized character escape"},
		"lone high surrogate":     {`{"S":"\ud83d"}`, "Unpaired surrogate in string"},
		"lone low surrogate":      {`{"S":"\ude00"}`, "Unpaired surrogate in string"},
		"two high surrogates":     {`{"S":"\ud83d\ud83d"}`, "Unpaired surrogate in string"},
		"invalid utf-8":           {"{\"S\":\"\xff\"}", "Invalid UTF-8"},
		"overlong utf-8":          {"{\"S\":\"\xc0\xaf\"}", "Invalid UTF-8"},
		"utf-8 surrogate":         {"{\"S\":\"\\n\xed\xa0\x80\"}", "Invalid UTF-8"},
		"invalid utf-8, unknown":  {"{\"X\":\"\xff\"}", "Invalid UTF-8"},
		"invalid utf-8 in name":   {"{\"\xff\":1}", "Invalid UTF-8"},
		"duplicate":               {`{"S":"a","S":"b"}`, "Duplicate field 'S'"},
		"duplicate by escape":     {`{"S":"a","\u0053":"b"}`, "Duplicate field 'S'"},
		"duplicate unknown":       {`{"X":1,"Y":2,"X":3}`, "Duplicate field 'X'"},
		"duplicate map key":       {`{"Map":{"a":"b","a":"b"}}`, "Duplicate field 'a'"},
		"duplicate null map key":  {`{"Map":{"a":null,"a":"b"}}`, "Duplicate field 'a'"},
		"duplicate in unknown":    {`{"X":{"a":1,"a":2}}`, "Duplicate field 'a'"},
		"too deep":                {deep(MaxDepth + 1), "Nesting is too deep"},
		"number for a string":     {`{"S":1}`, "NUMBER_VALUE can not be converted to a String"},
		"true for a string":       {`{"S":true}`, "TRUE_VALUE can not be converted to a String"},
		"false for an enum":       {`{"E":false}`, "FALSE_VALUE can not be converted to a String"},
		"list for a string":       {`{"S":["a"]}`, listNotExpected},
		"object for a string":     {`{"S":{"a":1}}`, structNotExpected},
		"string for an integer":   {`{"N":"1"}`, "STRING_VALUE can not be converted to an Integer"},
		"true for an integer":     {`{"N":true}`, "TRUE_VALUE can not be converted to an Integer"},
		"decimal for an integer":  {`{"N":1.5}`, "DECIMAL_VALUE can not be converted to an Integer"},
		"object for an integer":   {`{"N":{"a":1}}`, structNotExpected},
		"string for a boolean":    {`{"T":"true"}`, "STRING_VALUE can not be converted to a Boolean"},
		"string for a time":       {`{"D":"2023-11-14T22:13:20Z"}`, "STRING_VALUE can not be converted to a Timestamp"},
		"time out of range":       {`{"D":1e18}`, "Timestamp is out of range"},
		"string for a list":       {`{"List":"x"}`, "Expected list or null"},
		"object for a list":       {`{"List":{}}`, structNotExpected},
		"number in a list":        {`{"List":[1]}`, "NUMBER_VALUE can not be converted to a String"},
		"null in a list":          {`{"List":["a",null]}`, "Unexpected null in a list"},
		"string for an object":    {`{"Inner":"x"}`, "Expected null"},
		"list for an object":      {`{"Inner":[]}`, listNotExpected},
		"string for a map":        {`{"Map":"x"}`, "Expected null"},
		"number for a blob":       {`{"B":1}`, "NUMBER_VALUE can not be converted to a Blob"},
		"base64 without padding":  {`{"B":"AP8"}`, "Invalid base64 in a Blob"},
		"base64 with a line end":  {`{"B":"AP8=\n"}`, "Invalid base64 in a Blob"},
		"base64 padding bits":     {`{"B":"AP9="}`, "Invalid base64 in a Blob"},
		"base64 of another table": {`{"B":"-_-_"}`, "Invalid base64 in a Blob"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := new(JSON).Decode([]byte(test.body), new(thing))
			if err == nil {
				t.Fatalf("Decode(%s) accepts it", test.body)
			}
			want := &Error{Code: "SerializationException", Message: test.message, Status: 400, Sender: true}
			if diff := cmp.Diff(want, err); diff != "" {
				t.Errorf("Decode(%s) (-want +got):\n%s", test.body, diff)
			}
		})
	}
	if err := new(JSON).Decode([]byte(deep(MaxDepth)), new(thing)); err != nil {
		t.Errorf("MaxDepth objects: %v", err)
	}
}

func TestDecodeManyMembers(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"Map":{"x":"y"`)
	for i := range 1000 {
		b.WriteString(`,"k` + strings.Repeat("a", i) + `":"v"`)
	}
	var got thing
	if err := new(JSON).Decode([]byte(b.String()+`}}`), &got); err != nil || len(got.Map) != 1001 {
		t.Fatalf("1001 members: %v, %d read", err, len(got.Map))
	}
	for _, again := range []string{"x", "k", "kaaaa", "k" + strings.Repeat("a", 999)} {
		if err := new(JSON).Decode([]byte(b.String()+`,"`+again+`":""}}`), new(thing)); err == nil {
			t.Errorf("a repeated %.8q among 1001 is accepted", again)
		}
	}
}

// A reader may be used again, and nothing that it gave out may change when it is, or when the body is wiped.
func TestDecodeCopies(t *testing.T) {
	r := new(JSON)
	body := []byte(`{"S":"first","E":"RED","B":"Zmlyc3Q=","List":["a","\u0062"],"Map":{"key":"value"}}`)
	want := thing{S: ptr("first"), E: "RED", B: []byte("first"), List: []string{"a", "b"}, Map: map[string]string{"key": "value"}}
	var first, second thing
	if err := r.Decode(body, &first); err != nil {
		t.Fatal(err)
	}
	clear(body)
	if err := r.Decode([]byte(`{"S":"other","List":["x","\u0079"],"Map":{"other":"other"}}`), &second); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("the first input changed (-want +got):\n%s", diff)
	}
	if err := r.Decode([]byte(`{"S":1}`), new(thing)); err == nil {
		t.Error("an error is lost")
	}
	if err := r.Decode([]byte(`{"S":"a"}`), new(thing)); err != nil {
		t.Errorf("an error stays: %v", err)
	}
}

func TestDecodeNoInput(t *testing.T) {
	for body, ok := range map[string]bool{"": true, "{}": true, `{"a":1}`: true, "[]": false, "{": false, "null": false} {
		if err := new(JSON).Decode([]byte(body), new(Empty)); (err == nil) != ok {
			t.Errorf("Decode(%q) for an operation without input: %v", body, err)
		}
	}
}

func TestAppendString(t *testing.T) {
	tests := map[string]string{
		"":                 `""`,
		"plain":            `"plain"`,
		"\"\\/":            `"\"\\/"`,
		"\b\f\n\r\t":       `"\b\f\n\r\t"`,
		"\x00\x1f\x7f":     "\"\\u0000\\u001f\x7f\"",
		"é€😀":              `"é€😀"`,
		"a\xffb\xc0\xafc":  "\"a\uFFFDb\uFFFD\uFFFDc\"",
		"\uFFFD":           "\"\uFFFD\"",
		"\u2028\u2029":     `"\u2028\u2029"`,
		"<script>&</x>":    `"<script>&</x>"`,
		"\xf0\x9f\x98 end": "\"\uFFFD\uFFFD\uFFFD end\"",
	}
	for in, want := range tests {
		if got := string(AppendString(nil, in)); got != want {
			t.Errorf("AppendString(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestAppendTime(t *testing.T) {
	tests := map[int64]string{ // by milliseconds since 1970
		0: "0", 1700000000000: "1700000000", 1700000000123: "1700000000.123", 1700000000120: "1700000000.12",
		1700000000100: "1700000000.1", 5: "0.005", -1500: "-1.5", 253402300799999: "253402300799.999",
	}
	for ms, want := range tests {
		got := string(AppendTime(nil, time.UnixMilli(ms)))
		if got != want {
			t.Errorf("AppendTime(%d ms) = %s, want %s", ms, got, want)
		}
		back, ok := ParseEpoch(got)
		if !ok || back.UnixMilli() != ms {
			t.Errorf("ParseEpoch(%s) = %v, %v", got, back, ok)
		}
	}
}
