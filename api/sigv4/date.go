package sigv4

import (
	"net/http"
	"time"
)

// stampLayout is ISO 8601's basic format to the second, in UTC.
const stampLayout = "20060102T150405Z"

// parseDate reads the time of signing and returns it also as it stands in the string to sign. With httpDate it takes, besides
// the ISO form, those of RFC 9110, section 5.6.7, which a client that signs with the Date header may send.
func parseDate(text string, httpDate bool) (time.Time, string, error) {
	if len(text) == len(stampLayout) {
		if at, err := time.Parse(stampLayout, text); err == nil {
			return at, text, nil
		}
	}
	if httpDate && len(text) <= maxDate {
		if at, err := http.ParseTime(text); err == nil {
			at = at.UTC()
			return at, at.Format(stampLayout), nil
		}
	}
	return time.Time{}, "", incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601",
		echo(text))
}
