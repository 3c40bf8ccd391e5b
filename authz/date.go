package authz

import (
	"strconv"
	"strings"
	"time"
)

// dateComparer compares points in time.
type dateComparer struct {
	order order
	with  time.Time
}

func compileDate(o order, text string) (comparer, bool) {
	t, ok := parseDate(text)
	return &dateComparer{o, t}, ok
}

func (d *dateComparer) matches(value string) bool {
	t, ok := parseDate(value)
	return ok && d.order.holds(t.Compare(d.with))
}

// parseDate reads the forms of the W3C profile of ISO 8601 (YYYY-MM, YYYY-MM-DD, and these with a time and time
// zone, to the minute, second or a fraction of nine digits) and seconds since 1970. A text of digits only is always
// seconds, never a year.
func parseDate(s string) (time.Time, bool) {
	if digitsOnly(s) {
		n, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(n, 0), err == nil && n <= maxEpoch
	}
	if len(s) > len("2006-01-02T15:04:05.999999999+00:00") || strings.ContainsAny(s, ", ") {
		return time.Time{}, false
	}
	if len(s) > len("2006-01-02") && strings.IndexByte(s, ':') != len("2006-01-02T15") {
		return time.Time{}, false // package time would take an hour of one digit
	}
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// maxEpoch is the last second of the year 9999, so that every date can be written in both ways.
const maxEpoch = 253402300799
