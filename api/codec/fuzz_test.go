package codec

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzJSON holds the reader against encoding/json, which accepts more: what is read must be JSON there too, and what
// was read must survive being written and read again.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, ``, `null`, `{"S":"a","E":"RED","B":"AP8=","T":true,"N":1,"L":-2,"F":1.5e3,"D":1700000000.123}`,
		`{"Inner":{"Inner":{"List":["a","b"]}},"Map":{"a":"b"},"Many":[{},{"S":"x"}]}`,
		`{"S":"\ud83d\ude00\u0000\\\"","X":[1,{"y":[null,true,false]}]}`, `{"S":"a","S":"b"}`, `{"N":99999999999999999999}`,
		"{\"S\":\"\xff\"}", `{"D":-62135596800}`, `{"E":"","F":"NaN"}`, strings.Repeat(`{"Inner":`, 70),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var first, second thing
		r := new(JSON)
		if err := r.Decode(body, &first); err != nil {
			if err.Code != "SerializationException" || err.Status != 400 || !utf8.ValidString(err.Message) {
				t.Errorf("error %+v", err)
			}
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("accepted, but not JSON: %q", body)
		}
		written := first.AppendJSON(nil)
		if err := r.Decode(written, &second); err != nil {
			t.Fatalf("cannot read what was written: %v: %s", err, written)
		}
		if first.D != nil { // milliseconds are written
			first.D = nil
			second.D = nil
		}
		if diff := cmp.Diff(first, second, cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("%s written as %s (-first +second):\n%s", body, written, diff)
		}
		if audit := writeAudit(&first); !json.Valid([]byte(audit)) {
			t.Fatalf("audit form is not JSON: %s", audit)
		}
	})
}

// FuzzForm reads whatever comes, writes what was read as a client would, and reads it again.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"", "Action=A&Version=1&S=a+b%20c", "List.member.1=a&List.member.2=b", "Map.entry.1.key=a&Map.entry.1.value=b",
		"Many.1.S=x&Many.2.Inner.N=5&T=true&B=AP8%3D&F=1.5&L=7", "List=&Map=", "S=a&S=b", "List.member.0=x", "a.b.c.d=e&&=",
		"D=2023-11-14T22:13:20Z&E=RED", "%53=%zz", strings.Repeat("a.", 40) + "=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := decodeForm(text)
		if err != nil {
			if err.Code != "MalformedInput" || err.Status != 400 || !utf8.ValidString(err.Message) {
				t.Errorf("error %+v", err)
			}
			return
		}
		var b strings.Builder
		writeForm(&b, "", &first)
		second, err := decodeForm(b.String())
		if err != nil {
			t.Fatalf("cannot read what was written: %v: %s", err, b.String())
		}
		first.D, second.D = nil, nil // not written
		if diff := cmp.Diff(first, second, cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("%s written as %s (-first +second):\n%s", text, b.String(), diff)
		}
	})
}

// writeForm writes v as a client does.
func writeForm(b *strings.Builder, prefix string, v *thing) {
	put := func(name, value string) {
		b.WriteString("&" + prefix + name + "=")
		for i := range len(value) {
			b.WriteString("%" + string(hexDigits[value[i]>>4]) + string(hexDigits[value[i]&15]))
		}
	}
	if v.S != nil {
		put("S", *v.S)
	}
	if v.E != "" {
		put("E", strings.TrimSuffix(string(v.E), emptyEnum))
	}
	if v.B != nil {
		put("B", strings.Trim(string(AppendBlob(nil, v.B)), `"`))
	}
	if v.T != nil {
		put("T", strconv.FormatBool(*v.T))
	}
	if v.N != nil {
		put("N", strconv.Itoa(int(*v.N)))
	}
	if v.L != nil {
		put("L", strconv.FormatInt(*v.L, 10))
	}
	if v.F != nil {
		put("F", floatText(*v.F))
	}
	if v.Inner != nil {
		before := b.Len()
		writeForm(b, prefix+"Inner.", v.Inner)
		if b.Len() == before {
			put("Inner.Unknown", "") // an empty structure cannot be written otherwise
		}
	}
	writeCollections(put, v)
	for i := range v.Many {
		item := prefix + "Many." + strconv.Itoa(i+1) + "."
		before := b.Len()
		writeForm(b, item, &v.Many[i])
		if b.Len() == before {
			b.WriteString("&" + item + "Unknown=")
		}
	}
	if v.Many != nil && len(v.Many) == 0 {
		put("Many", "")
	}
}

func writeCollections(put func(name, value string), v *thing) {
	for i, s := range v.List {
		put("List.member."+strconv.Itoa(i+1), s)
	}
	if v.List != nil && len(v.List) == 0 {
		put("List", "")
	}
	for i, k := range sortedKeys(v.Map, new(keyRoom)) {
		put("Map.entry."+strconv.Itoa(i+1)+".key", k)
		put("Map.entry."+strconv.Itoa(i+1)+".value", v.Map[k])
	}
	if v.Map != nil && len(v.Map) == 0 {
		put("Map", "")
	}
}
