package codec

import (
	"strconv"
	"strings"
	"time"
)

// Limits of what one input puts into its audit record, in bytes. Strings are counted before JSON escaping, which makes
// six bytes of a control character, so an input is at most MaxAudit and six times maxAuditString long.
const (
	MaxAudit       = 96 << 10 // of a whole input; what comes after is left out and "truncated": true says so
	maxAuditString = 32 << 10 // of one string; the rest is cut and counted
)

// Audit writes the JSON object of an input for the audit record. Generated code calls it; members that are absent write
// nothing.
type Audit struct {
	buf   []byte
	limit int // length of buf beyond which nothing is added
	cut   bool
}

// NewAudit starts an object at the end of b.
func NewAudit(b []byte) Audit {
	return Audit{buf: append(b, '{'), limit: len(b) + MaxAudit}
}

// Done ends the object and returns the buffer.
func (a *Audit) Done() []byte {
	if a.cut {
		a.buf = append(AppendName(a.buf, "truncated"), "true"...)
	}
	return append(a.buf, '}')
}

// room says whether there is room for n more bytes and remembers if there was not.
func (a *Audit) room(n int) bool {
	if len(a.buf)+n > a.limit {
		a.cut = true
		return false
	}
	return true
}

// name starts a member.
func (a *Audit) name(name string) { a.buf = AppendName(a.buf, name) }

// Text writes a string member, also an empty one.
func (a *Audit) Text(name, s string) {
	if a.room(min(len(s), maxAuditString)) {
		a.name(name)
		a.text(s)
	}
}

func (a *Audit) text(s string) {
	if len(s) <= maxAuditString {
		a.buf = AppendString(a.buf, s)
		return
	}
	kept := clip(s, maxAuditString)
	a.buf = AppendString(a.buf, kept+"...("+strconv.Itoa(len(s)-len(kept))+" bytes more)")
}

// String writes a string member.
func (a *Audit) String(name string, v *string) {
	if v != nil {
		a.Text(name, *v)
	}
}

// AuditEnum writes a member with an enumeration.
func AuditEnum[T ~string](a *Audit, name string, v T) {
	if v != "" {
		a.Text(name, strings.TrimSuffix(string(v), emptyEnum))
	}
}

// Bool writes a boolean member.
func (a *Audit) Bool(name string, v *bool) {
	if v != nil && a.room(8) {
		a.buf = MemberBool(a.buf, name, v)
	}
}

// AuditInt writes a whole number.
func AuditInt[T int32 | int64](a *Audit, name string, v *T) {
	if v != nil && a.room(20) {
		a.buf = MemberInt(a.buf, name, v)
	}
}

// AuditFloat writes a number.
func AuditFloat[T float32 | float64](a *Audit, name string, v *T) {
	if v != nil && a.room(24) {
		a.buf = MemberFloat(a.buf, name, v)
	}
}

// Time writes a timestamp as ISO 8601.
func (a *Audit) Time(name string, v *time.Time) {
	if v != nil && a.room(24) {
		a.buf = MemberTime(a.buf, name, v, AppendTimeISO8601)
	}
}

// auditor is a pointer to a structure that can be written to an audit record.
type auditor[T any] interface {
	*T
	WriteAudit(a *Audit)
}

// AuditStruct writes a structure member.
func AuditStruct[T any, P auditor[T]](a *Audit, name string, v *T) {
	if v == nil || !a.room(0) {
		return
	}
	a.name(name)
	a.buf = append(a.buf, '{')
	P(v).WriteAudit(a)
	a.buf = append(a.buf, '}')
}

// AuditStructs writes a list of structures.
func AuditStructs[T any, P auditor[T]](a *Audit, name string, v []T) {
	if v == nil || !a.room(0) {
		return
	}
	a.name(name)
	a.buf = append(a.buf, '[')
	for i := range v {
		if !a.room(0) {
			break
		}
		a.comma('[')
		a.buf = append(a.buf, '{')
		P(&v[i]).WriteAudit(a)
		a.buf = append(a.buf, '}')
	}
	a.buf = append(a.buf, ']')
}

// AuditStrings writes a list of strings or enumerations.
func AuditStrings[T ~string](a *Audit, name string, v []T) {
	if v == nil || !a.room(0) {
		return
	}
	a.name(name)
	a.buf = append(a.buf, '[')
	for i := range v {
		if !a.room(min(len(v[i]), maxAuditString)) {
			break
		}
		a.comma('[')
		a.text(string(v[i]))
	}
	a.buf = append(a.buf, ']')
}

// AuditMap writes a map of strings in the order of its keys.
func AuditMap[T ~string](a *Audit, name string, v map[string]T) {
	if v == nil || !a.room(0) {
		return
	}
	a.name(name)
	a.buf = append(a.buf, '{')
	for _, k := range sortedKeys(v, new(keyRoom)) {
		if len(k) > maxAuditString || !a.room(len(k)+min(len(v[k]), maxAuditString)) {
			a.cut = true
			break
		}
		a.name(k)
		a.text(string(v[k]))
	}
	a.buf = append(a.buf, '}')
}

// comma separates list elements.
func (a *Audit) comma(open byte) {
	if a.buf[len(a.buf)-1] != open {
		a.buf = append(a.buf, ',')
	}
}
