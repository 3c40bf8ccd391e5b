package codec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValidator(t *testing.T) {
	name := &Rule{Min: 2, HasMin: true, Max: 4, HasMax: true, Pattern: &Pattern{Source: "[a-z]+", Low: [4]uint64{1: 0x7fffffe00000000}}}
	secret := &Rule{Max: 4, HasMax: true, Sensitive: true}
	days := &Rule{Min: 7, HasMin: true, Max: 30, HasMax: true}
	const at = "1 validation error detected: Value "
	tests := map[string]struct {
		check func(v *Validator)
		want  string
	}{
		"nothing":         {func(v *Validator) {}, ""},
		"present":         {func(v *Validator) { v.Required("a", true) }, ""},
		"absent":          {func(v *Validator) { v.Required("keyId", false) }, at + "null at 'keyId' failed to satisfy constraint: Member must not be null"},
		"good":            {func(v *Validator) { v.String("a", ptr("abcd"), name) }, ""},
		"no string":       {func(v *Validator) { v.String("a", nil, name) }, ""},
		"long":            {func(v *Validator) { v.String("a", ptr("abcde"), name) }, at + "'abcde' at 'a' failed to satisfy constraint: Member must have length less than or equal to 4"},
		"short":           {func(v *Validator) { v.String("a", ptr("a"), name) }, at + "'a' at 'a' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		"pattern":         {func(v *Validator) { v.String("a", ptr("a-b"), name) }, at + "'a-b' at 'a' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+"},
		"pattern, length": {func(v *Validator) { v.String("a", ptr(""), name) }, "2 validation errors detected: Value '' at 'a' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+; Value '' at 'a' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		"code points": {func(v *Validator) {
			v.String("a", ptr("😀😀😀😀"), &Rule{Max: 4, HasMax: true, Min: 4, HasMin: true})
		}, ""},
		"code points, short": {func(v *Validator) { v.String("a", ptr("éé"), &Rule{Min: 4, HasMin: true}) },
			at + "'éé' at 'a' failed to satisfy constraint: Member must have length greater than or equal to 4"},
		"secret":     {func(v *Validator) { v.String("a", ptr("hunter2"), secret) }, at + "at 'a' failed to satisfy constraint: Member must have length less than or equal to 4"},
		"long value": {func(v *Validator) { v.String("a", ptr(strings.Repeat("x", 2000)), &Rule{Max: 4, HasMax: true}) }, at + "at 'a' failed to satisfy constraint: Member must have length less than or equal to 4"},
		"enum":       {func(v *Validator) { v.Enum("keySpec", "GREEN", &ruleColor) }, at + "'GREEN' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [RED, BLUE]"},
		"enum empty": {func(v *Validator) { v.Enum("keySpec", emptyEnum, &ruleColor) }, at + "'' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [RED, BLUE]"},
		"enum good":  {func(v *Validator) { v.Enum("keySpec", "RED", &ruleColor); v.Enum("keySpec", "", &ruleColor) }, ""},
		"blob":       {func(v *Validator) { v.Blob("plaintext", make([]byte, 5), secret) }, at + "at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4"},
		"blob empty": {func(v *Validator) { v.Blob("plaintext", []byte{}, name) }, at + "at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		"int":        {func(v *Validator) { Int(v, "days", ptr[int32](31), days) }, at + "'31' at 'days' failed to satisfy constraint: Member must have value less than or equal to 30"},
		"int small":  {func(v *Validator) { Int(v, "days", ptr[int32](6), days) }, at + "'6' at 'days' failed to satisfy constraint: Member must have value greater than or equal to 7"},
		"int beyond": {func(v *Validator) { Int(v, "days", ptr[int32](1<<31-1), days) }, at + "at 'days' failed to satisfy constraint: Member must have value less than or equal to 30"},
		"int good":   {func(v *Validator) { Int(v, "days", ptr[int64](7), days); Int[int32](v, "days", nil, days) }, ""},
		"list size":  {func(v *Validator) { Strings(v, "l", []string{"ab"}, &Rule{Min: 2, HasMin: true}, name) }, at + "'[ab]' at 'l' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		"list element": {func(v *Validator) { Strings(v, "l", []string{"ab", "C"}, nil, name) },
			at + "'[ab, C]' at 'l' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 4, Member must have length greater than or equal to 2, Member must satisfy regular expression pattern: [a-z]+]"},
		"list enum":   {func(v *Validator) { Strings(v, "l", []color{"RED", emptyEnum}, nil, &ruleColor) }, at + "'[RED, ]' at 'l' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [RED, BLUE]]"},
		"list secret": {func(v *Validator) { Strings(v, "l", []string{"hunter2"}, nil, secret) }, at + "at 'l' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 4]"},
		"list good": {func(v *Validator) {
			Strings(v, "l", []string{"ab", "cd"}, nil, name)
			Strings[string](v, "l", nil, days, name)
		}, ""},
		"structures": {func(v *Validator) {
			v.Size("tags", 51, true, &Rule{Max: 50, HasMax: true})
			v.Size("tags", 0, false, days)
		}, at + "at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50"},
		"map value": {func(v *Validator) { StringMap(v, "m", map[string]string{"b": "ok", "a": "X"}, nil, nil, name) },
			at + "'{a=X, b=ok}' at 'm' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 4, Member must have length greater than or equal to 2, Member must satisfy regular expression pattern: [a-z]+]"},
		"map key":  {func(v *Validator) { StringMap(v, "m", map[string]string{"A": "b"}, nil, name, nil) }, at + "'{A=b}' at 'm' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 4, Member must have length greater than or equal to 2, Member must satisfy regular expression pattern: [a-z]+]"},
		"map size": {func(v *Validator) { StringMap(v, "m", map[string]string{}, days, secret, nil) }, at + "at 'm' failed to satisfy constraint: Member must have length greater than or equal to 7"},
		"paths": {func(v *Validator) {
			v.EnterIndex("tags", 0)
			v.Required("tagKey", false)
			v.Leave()
			v.Enter("recipient")
			v.EnterKey("map", "key")
			v.Required("x", false)
			v.Leave()
			v.Leave()
			v.Required("y", false)
		}, "3 validation errors detected: Value null at 'tags.1.member.tagKey' failed to satisfy constraint: Member must not be null; " +
			"Value null at 'recipient.map.key.member.x' failed to satisfy constraint: Member must not be null; Value null at 'y' failed to satisfy constraint: Member must not be null"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var v Validator
			test.check(&v)
			err := v.Err(JSON11)
			if test.want == "" {
				if err != nil {
					t.Fatalf("unexpected %v", err)
				}
				return
			}
			want := &Error{Code: "ValidationException", Message: test.want, Status: 400, Sender: true}
			if diff := cmp.Diff(want, err); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if err := v.Err(JSON11); err != nil {
				t.Errorf("Err does not empty the validator: %v", err)
			}
		})
	}
}

func TestValidatorIsBounded(t *testing.T) {
	var v Validator
	for i := range 1000 {
		v.EnterIndex("tags", i)
		v.Required("tagKey", false)
		v.Leave()
	}
	err := v.Err(Query)
	if err.Code != "ValidationError" || strings.Count(err.Message, ";") != maxViolations-1 || !strings.HasPrefix(err.Message, "10 validation errors detected: ") {
		t.Errorf("1000 violations: %v", err)
	}
}

func TestPatternMatch(t *testing.T) {
	class := &Pattern{Low: [4]uint64{1: 0x7fffffe00000000}, High: [][2]rune{{0x1F600, 0x1F64F}}}
	star := &Pattern{Low: [4]uint64{0: 0x3ff000000000000}, Empty: true}
	expr := &Pattern{Expr: "a|ab", Without: "bb"}
	tests := []struct {
		p    *Pattern
		s    string
		want bool
	}{
		{class, "abcz", true}, {class, "abC", false}, {class, "", false}, {class, "a😀", true}, {class, "aé", false},
		{class, "a\U0001F650", false}, {class, "ab\n", false},
		{star, "", true}, {star, "0123456789", true}, {star, "x", false},
		{expr, "a", true}, {expr, "ab", true}, {expr, "abc", false}, {expr, "xa", false}, {expr, "a\n", false},
		{&Pattern{Expr: "[a-z-]+", Without: "--"}, "a-b", true}, {&Pattern{Expr: "[a-z-]+", Without: "--"}, "a--b", false},
	}
	for _, test := range tests {
		if got := test.p.Match(test.s); got != test.want {
			t.Errorf("%+v.Match(%q) = %v", test.p.Expr, test.s, got)
		}
	}
}
