package access

import (
	"strconv"
	"time"

	"ostiary.dev/authz"
)

// keys answers the global condition keys that concern the request (AWS global condition context keys), and asks the
// service for its own. Those that concern the principal are answered by package authz itself. Keys that never have a
// value here are absent, as AWS leaves them out.
type keys struct {
	call  *Call
	facts authz.ContextKeys // of the service, or nil
}

// Lookup gives the values of a condition key, named in lower case.
func (k *keys) Lookup(name string) ([]string, bool) {
	if v, ok := k.global(name); ok {
		return []string{v}, v != ""
	}
	if k.facts == nil {
		return nil, false
	}
	return k.facts.Lookup(name)
}

func (k *keys) global(name string) (value string, known bool) {
	c := k.call
	switch name {
	case "aws:sourceip":
		if !c.SourceIP.IsValid() {
			return "", true
		}
		return c.SourceIP.String(), true
	case "aws:securetransport":
		return "true", true
	case "aws:currenttime":
		return c.Time.UTC().Format(time.RFC3339), true
	case "aws:epochtime":
		return strconv.FormatInt(c.Time.Unix(), 10), true
	case "aws:useragent":
		return c.UserAgent, true
	case "aws:referer":
		return c.Referer, true
	case "aws:requestedregion":
		return c.Region, true
	case "aws:viaawsservice":
		return "false", true
	}
	return "", false
}
