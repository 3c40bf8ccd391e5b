package codec

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// The range of timestamps: years 0001 to 9999, in seconds since 1970.
const minEpoch, maxEpoch = -62135596800, 253402300799

// parseEpoch reads seconds since 1970 with an optional fraction, which is cut to nanoseconds.
func parseEpoch(s string) (time.Time, bool) {
	if strings.ContainsAny(s, "eE") {
		return parseEpochFloat(s)
	}
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec < minEpoch || sec > maxEpoch {
		return time.Time{}, false
	}
	fraction = clip(fraction+"000000000", 9)
	nsec, err := strconv.ParseUint(fraction, 10, 32)
	if err != nil {
		return time.Time{}, false
	}
	ns := int64(nsec)
	if strings.HasPrefix(s, "-") {
		ns = -ns
	}
	return time.Unix(sec, ns).UTC(), true
}

func parseEpochFloat(s string) (time.Time, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < minEpoch || f > maxEpoch {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1e3).UTC(), true
}

// ParseEpoch reads seconds since 1970.
func ParseEpoch(s string) (time.Time, bool) { return parseEpoch(s) }

// ParseISO8601 reads the RFC 3339 profile of ISO 8601, with any offset.
func ParseISO8601(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err == nil
}

// ParseHTTPDate reads the IMF-fixdate of RFC 9110, section 5.6.7, with an optional fraction.
func ParseHTTPDate(s string) (time.Time, bool) {
	t, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", s)
	return t.UTC(), err == nil
}

// appendEpoch appends seconds since 1970 in plain decimal, with milliseconds if there are any.
func appendEpoch(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		b = append(b, '-')
		ms = -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	ms %= 1000
	if ms == 0 {
		return b
	}
	b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// appendISO8601 appends UTC, with milliseconds if there are any.
func appendISO8601(b []byte, t time.Time) []byte {
	layout := "2006-01-02T15:04:05Z"
	if t.Nanosecond() >= int(time.Millisecond) {
		layout = "2006-01-02T15:04:05.000Z"
	}
	return t.UTC().AppendFormat(b, layout)
}

// appendHTTPDate appends the IMF-fixdate of RFC 9110, section 5.6.7.
func appendHTTPDate(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "Mon, 02 Jan 2006 15:04:05 GMT")
}
