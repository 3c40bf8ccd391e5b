package codec

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxShown is the longest value that a message repeats, in bytes.
const maxShown = 1024

// maxViolations is how many violations one message lists; AWS stops at ten as well.
const maxViolations = 10

// Rule holds the constraints of one shape. Generated packages keep them as constants: do not change them.
type Rule struct {
	Min, Max  int64 // length in code points or bytes or elements, or value; see HasMin and HasMax
	HasMin    bool
	HasMax    bool
	Sensitive bool     // the value never appears in a message
	Enum      []string // permitted values, in the order in which AWS prints them
	Pattern   *Pattern
}

// Validator collects violated constraints and words them as AWS does. The zero value is ready, and ready again after
// Err. It is not safe for concurrent use.
type Validator struct {
	path  []step
	count int
	text  []byte
}

// step is one part of the way to the member under test.
type step struct {
	name  string
	index int    // of a list element, from 1; 0 for a structure
	key   string // of a map entry
	inMap bool
}

// Err is the error for what was found, nil if nothing was: a ValidationException, which Query services call
// ValidationError. It empties v.
func (v *Validator) Err(p Protocol) *Error {
	if v.count == 0 {
		return nil
	}
	code := "ValidationException"
	if p == Query {
		code = "ValidationError"
	}
	noun := " validation errors"
	if v.count == 1 {
		noun = " validation error"
	}
	e := &Error{
		Code:    code,
		Message: strconv.Itoa(v.count) + noun + " detected: " + string(v.text),
		Status:  http.StatusBadRequest,
		Sender:  true,
	}
	v.path, v.count, v.text = v.path[:0], 0, nil
	return e
}

// Enter goes into a structure member, Leave comes back.
func (v *Validator) Enter(name string) { v.path = append(v.path, step{name: name}) }

// EnterIndex goes into the i-th element, from 0, of a list member.
func (v *Validator) EnterIndex(name string, i int) {
	v.path = append(v.path, step{name: name, index: i + 1})
}

// EnterKey goes into an entry of a map member.
func (v *Validator) EnterKey(name, key string) {
	v.path = append(v.path, step{name: name, key: key, inMap: true})
}

// Leave comes back from the last Enter, EnterIndex or EnterKey.
func (v *Validator) Leave() { v.path = v.path[:len(v.path)-1] }

// report adds a violation. Shown is what stands between "Value" and "at", with its space.
func (v *Validator) report(name, shown, constraint string) {
	if v.count == maxViolations {
		return
	}
	if v.count++; v.count > 1 {
		v.text = append(v.text, "; "...)
	}
	v.text = append(v.text, "Value"...)
	v.text = append(v.text, shown...)
	v.text = append(v.text, " at '"...)
	for _, s := range v.path {
		v.text = append(v.text, s.name...)
		v.text = append(v.text, '.')
		switch {
		case s.index > 0:
			v.text = strconv.AppendInt(v.text, int64(s.index), 10)
			v.text = append(v.text, ".member."...)
		case s.inMap:
			v.text = append(v.text, clip(s.key, maxShown)...)
			v.text = append(v.text, ".member."...)
		}
	}
	v.text = append(v.text, name...)
	v.text = append(v.text, "' failed to satisfy constraint: "...)
	v.text = append(v.text, constraint...)
}

// Required reports a member that is absent.
func (v *Validator) Required(name string, present bool) {
	if !present {
		v.report(name, " null", "Member must not be null")
	}
}

// String checks a string, if there is one.
func (v *Validator) String(name string, s *string, r *Rule) {
	if s != nil {
		v.text1(name, *s, r)
	}
}

// Enum checks a member with an enumeration, if there is one.
func (v *Validator) Enum(name, s string, r *Rule) {
	if s != "" {
		v.text1(name, strings.TrimSuffix(s, emptyEnum), r)
	}
}

func (v *Validator) text1(name, s string, r *Rule) {
	if r.ok(s) {
		return
	}
	shown := ""
	if !r.Sensitive && len(s) <= maxShown {
		shown = " '" + s + "'"
	}
	for _, c := range r.violated(s) {
		v.report(name, shown, c)
	}
}

// ok is the fast path: whether s satisfies the rule.
func (r *Rule) ok(s string) bool {
	if r.Enum != nil && !slices.Contains(r.Enum, s) {
		return false
	}
	return r.lengthOK(s) && (r.Pattern == nil || r.Pattern.Match(s))
}

func (r *Rule) lengthOK(s string) bool {
	n := int64(len(s))
	if r.HasMin && n < r.Min {
		return false
	}
	if (!r.HasMax || n <= r.Max) && (!r.HasMin || n >= 4*r.Min) {
		return true // whatever the width of its characters, at most 4 bytes each
	}
	n = int64(utf8.RuneCountInString(s))
	return r.inRange(n)
}

func (r *Rule) inRange(n int64) bool {
	return (!r.HasMin || n >= r.Min) && (!r.HasMax || n <= r.Max)
}

// violated words every constraint that s does not satisfy, in AWS's order: the pattern comes before the lengths.
func (r *Rule) violated(s string) []string {
	var out []string
	n := int64(utf8.RuneCountInString(s))
	if r.Pattern != nil && !r.Pattern.Match(s) {
		out = append(out, r.pattern())
	}
	if r.HasMax && n > r.Max {
		out = append(out, r.maxLength())
	}
	if r.HasMin && n < r.Min {
		out = append(out, r.minLength())
	}
	if r.Enum != nil && !slices.Contains(r.Enum, s) {
		out = append(out, r.enum())
	}
	return out
}

func (r *Rule) maxLength() string {
	return "Member must have length less than or equal to " + strconv.FormatInt(r.Max, 10)
}

func (r *Rule) minLength() string {
	return "Member must have length greater than or equal to " + strconv.FormatInt(r.Min, 10)
}

func (r *Rule) pattern() string {
	return "Member must satisfy regular expression pattern: " + r.Pattern.Source
}

func (r *Rule) enum() string {
	return "Member must satisfy enum value set: [" + strings.Join(r.Enum, ", ") + "]"
}

// all words every constraint of the rule, for elements of lists and maps: there the lengths come first.
func (r *Rule) all() string {
	var out []string
	if r.HasMax {
		out = append(out, r.maxLength())
	}
	if r.HasMin {
		out = append(out, r.minLength())
	}
	if r.Pattern != nil {
		out = append(out, r.pattern())
	}
	if r.Enum != nil {
		out = append(out, r.enum())
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// Blob checks the length of a blob, if there is one.
func (v *Validator) Blob(name string, b []byte, r *Rule) {
	if b != nil {
		v.length(name, "", len(b), r)
	}
}

// length checks a length. Shown is the value as report wants it.
func (v *Validator) length(name, shown string, n int, r *Rule) {
	if r.HasMax && int64(n) > r.Max {
		v.report(name, shown, r.maxLength())
	}
	if r.HasMin && int64(n) < r.Min {
		v.report(name, shown, r.minLength())
	}
}

// Int checks a whole number, if there is one.
func Int[T int32 | int64](v *Validator, name string, n *T, r *Rule) {
	if n == nil || r.inRange(int64(*n)) {
		return
	}
	shown := " '" + strconv.FormatInt(int64(*n), 10) + "'"
	if r.Sensitive || saturated(*n) {
		shown = ""
	}
	if r.HasMax && int64(*n) > r.Max {
		v.report(name, shown, "Member must have value less than or equal to "+strconv.FormatInt(r.Max, 10))
	}
	if r.HasMin && int64(*n) < r.Min {
		v.report(name, shown, "Member must have value greater than or equal to "+strconv.FormatInt(r.Min, 10))
	}
}
