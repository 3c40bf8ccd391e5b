package codec

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func (v *thing) WriteAudit(a *Audit) {
	a.String("s", v.S)
	AuditEnum(a, "e", v.E)
	a.Bool("t", v.T)
	AuditInt(a, "n", v.N)
	AuditFloat(a, "f", v.F)
	a.Time("d", v.D)
	AuditStruct(a, "inner", v.Inner)
	AuditStrings(a, "list", v.List)
	AuditMap(a, "map", v.Map)
	AuditStructs(a, "many", v.Many)
}

func writeAudit(v *thing) string {
	a := NewAudit([]byte("before"))
	v.WriteAudit(&a)
	return strings.TrimPrefix(string(a.Done()), "before")
}

func TestAudit(t *testing.T) {
	tests := map[string]struct {
		in   thing
		want string
	}{
		"nothing": {thing{}, `{}`},
		"all": {thing{S: ptr("a\"\xff"), E: "RED", T: ptr(false), N: ptr[int32](7), F: ptr(0.5), D: ptr(time.Unix(1700000000, 0)),
			Inner: &thing{S: ptr("")}, List: []string{"x", "y"}, Map: map[string]string{"b": "2", "a": "1"}, Many: []thing{{}, {N: ptr[int32](1)}}},
			`{"s":"a\"` + "\uFFFD" + `","e":"RED","t":false,"n":7,"f":0.5,"d":"2023-11-14T22:13:20Z","inner":{"s":""},` +
				`"list":["x","y"],"map":{"a":"1","b":"2"},"many":[{},{"n":1}]}`},
		"empty enumeration": {thing{E: emptyEnum}, `{"e":""}`},
		"empty collections": {thing{List: []string{}, Map: map[string]string{}, Many: []thing{}}, `{"list":[],"map":{},"many":[]}`},
		"long string":       {thing{S: ptr(strings.Repeat("é", maxAuditString/2+1))}, `{"s":"` + strings.Repeat("é", maxAuditString/2) + `...(2 bytes more)"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := writeAudit(&test.in); got != test.want {
				t.Errorf("audit form %.200s, want %.200s", got, test.want)
			}
		})
	}
}

// Whatever is sent, the audit form is valid JSON, says so when it is not whole, and has a bound.
func TestAuditIsBounded(t *testing.T) {
	long := strings.Repeat("\x00", maxAuditString) // the worst case: six bytes for each
	list := make([]string, 100_000)
	many := make([]thing, 100_000)
	huge := map[string]string{}
	for i := range 100 {
		huge[strings.Repeat("k", i+1)] = long
	}
	tests := map[string]thing{
		"strings":    {List: []string{long, long, long, long, long, long}},
		"many":       {List: list},
		"structures": {Many: many},
		"map":        {Map: huge},
		"long key":   {Map: map[string]string{strings.Repeat("k", 1<<20): "v"}},
		"nested":     {Many: []thing{{Map: huge, List: list}, {Map: huge, Many: many}}},
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			got := writeAudit(&in)
			if !json.Valid([]byte(got)) {
				t.Errorf("not JSON: %.100s", got)
			}
			if len(got) > MaxAudit+6*maxAuditString+1024 {
				t.Errorf("%d bytes", len(got))
			}
			if !strings.HasSuffix(got, `"truncated":true}`) {
				t.Errorf("ends with %s", got[len(got)-40:])
			}
		})
	}
}
