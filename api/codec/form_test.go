package codec

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func (v *thing) DecodeQuery(f Form) {
	v.S = f.String("S")
	v.E = FormEnum[color](f, "E")
	v.B = f.Blob("B")
	v.T = f.Bool("T")
	v.N = f.Int32("N")
	v.L = f.Int64("L")
	v.F = f.Float64("F")
	v.D = f.Time("D", ParseISO8601)
	v.Inner = FormStruct[thing](f, "Inner")
	v.List = FormList(f, "List", "member", Form.Text)
	v.Map = FormMap(f, "Map", "entry", "key", "value", Form.Text)
	v.Many = FormList(f, "Many", "", FormElement[thing])
}

func decodeForm(text string) (thing, *Error) {
	var v thing
	f, err := ParseForm(text)
	if err != nil {
		return v, err
	}
	err = f.Decode(&v)
	return v, err
}

func TestForm(t *testing.T) {
	eleven := ""
	for i := 11; i > 0; i-- {
		eleven += "&List.member." + strconv.Itoa(i) + "=" + strconv.Itoa(i)
	}
	tests := map[string]struct {
		text string
		want thing
	}{
		"nothing":        {"", thing{}},
		"empty pairs":    {"&&S=a&", thing{S: ptr("a")}},
		"unknown":        {"Action=X&Version=1&Nope=1&Nope2.member.7=2&S=a", thing{S: ptr("a")}},
		"escapes":        {"S=a+b%20%2B%26%3d%C3%A9", thing{S: ptr("a b +&=é")}},
		"escaped name":   {"%53=a&Inner%2ES=b", thing{S: ptr("a"), Inner: &thing{S: ptr("b")}}},
		"no value":       {"S", thing{S: ptr("")}},
		"equals sign":    {"S=a=b", thing{S: ptr("a=b")}},
		"scalars":        {"T=true&N=-7&L=9007199254740993&F=-1.5e3&E=RED&B=AP8%3D", thing{T: ptr(true), N: ptr[int32](-7), L: ptr[int64](9007199254740993), F: ptr(-1500.0), E: "RED", B: []byte{0, 255}}},
		"too big":        {"N=99999999999", thing{N: ptr[int32](2147483647)}},
		"empty enum":     {"E=", thing{E: emptyEnum}},
		"time":           {"D=2023-11-14T23%3A13%3A20.5%2B01%3A00", thing{D: ptr(time.UnixMilli(1700000000500).UTC())}},
		"nested":         {"Inner.Inner.S=a&Inner.S=b", thing{Inner: &thing{S: ptr("b"), Inner: &thing{S: ptr("a")}}}},
		"list":           {"List.member.2=b&List.member.1=a", thing{List: []string{"a", "b"}}},
		"list by number": {eleven, thing{List: []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}}},
		"empty list":     {"List=&Map=", thing{List: []string{}, Map: map[string]string{}}},
		"map":            {"Map.entry.1.key=a&Map.entry.1.value=b&Map.entry.2.key=c&Map.entry.2.value=", thing{Map: map[string]string{"a": "b", "c": ""}}},
		"flattened":      {"Many.1.S=a&Many.2.List.member.1=b", thing{Many: []thing{{S: ptr("a")}, {List: []string{"b"}}}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decodeForm(test.text)
			if err != nil {
				t.Fatalf("%s: %v", test.text, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

func TestFormRefuses(t *testing.T) {
	var many strings.Builder
	for i := range MaxParams + 1 {
		many.WriteString("&p" + strconv.Itoa(i) + "=")
	}
	tests := map[string]string{
		"duplicate":             "S=a&S=a",
		"duplicate by escape":   "S=a&%53=b",
		"duplicate unknown":     "X=1&X=2",
		"duplicate, long name":  strings.Repeat("é", 40) + "=a&" + strings.Repeat("é", 40) + "=b",
		"bad escape":            "S=%4",
		"bad hex":               "S=%zz",
		"invalid utf-8":         "S=%FF",
		"invalid utf-8 raw":     "S=\xff",
		"no name":               "=a",
		"too many parameters":   many.String(),
		"too many parts":        strings.Repeat("a.", MaxParts) + "a=1",
		"no boolean":            "T=yes",
		"capital boolean":       "T=True",
		"no integer":            "N=1.0",
		"empty integer":         "N=",
		"no number":             "F=0x10",
		"no number, underscore": "F=1_0",
		"no base64":             "B=AP8",
		"no time":               "D=1700000000",
		"structure for scalar":  "S.a=1",
		"both":                  "S=1&S.a=1",
		"list from 0":           "List.member.0=a",
		"list from 2":           "List.member.2=a",
		"list with a gap":       "List.member.1=a&List.member.3=b",
		"list with a name":      "List.member.x=a",
		"list with 01":          "List.member.01=a",
		"list with +1":          "List.member.%2B1=a",
		"list twice":            "List.member.1=a&List.item.1=b",
		"list with a value":     "List=a",
		"list and value":        "List=&List.member.1=a",
		"member with a value":   "List.member=a",
		"map without key":       "Map.entry.1.value=a",
		"map without value":     "Map.entry.1.key=a",
		"map key twice":         "Map.entry.1.key=a&Map.entry.1.value=b&Map.entry.2.key=a&Map.entry.2.value=b",
		"huge index":            "List.member.99999999999999999999=a",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decodeForm(text)
			if err == nil {
				t.Fatalf("%.80s is read as %+v", text, got)
			}
			if err.Code != "MalformedInput" || err.Status != 400 || !err.Sender || !utf8.ValidString(err.Message) {
				t.Errorf("error %+v", err)
			}
		})
	}
}

func TestFormValue(t *testing.T) {
	f, err := ParseForm("Action=GetCallerIdentity&Version=2011-06-15&A.b=c")
	if err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string]string{"Action": "GetCallerIdentity", "Version": "2011-06-15", "A": "", "None": ""} {
		if got := f.Value(part); got != want {
			t.Errorf("Value(%s) = %q, want %q", part, got, want)
		}
	}
}
