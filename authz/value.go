package authz

import (
	"cmp"
	"encoding/base64"
	"net/netip"
	"strings"
)

// decimal is an exact decimal number: digits without leading or trailing zeros.
type decimal struct {
	negative        bool
	whole, fraction string
}

// parseDecimal reads an optional minus, digits and an optional fraction.
func parseDecimal(s string) (decimal, bool) {
	var d decimal
	s, d.negative = strings.CutPrefix(s, "-")
	whole, fraction, found := strings.Cut(s, ".")
	if !digitsOnly(whole) || found && !digitsOnly(fraction) {
		return d, false
	}
	d.whole, d.fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if d.whole == "" && d.fraction == "" {
		d.negative = false
	}
	return d, true
}

func (d decimal) compare(e decimal) int {
	if d.negative != e.negative {
		if d.negative {
			return -1
		}
		return 1
	}
	c := cmp.Or(cmp.Compare(len(d.whole), len(e.whole)), strings.Compare(d.whole, e.whole),
		strings.Compare(d.fraction, e.fraction))
	if d.negative {
		return -c
	}
	return c
}

// numberComparer compares decimal numbers.
type numberComparer struct {
	order order
	with  decimal
}

func compileNumber(o order, text string) (comparer, bool) {
	d, ok := parseDecimal(text)
	return &numberComparer{o, d}, ok
}

func (n *numberComparer) matches(value string) bool {
	d, ok := parseDecimal(value)
	return ok && n.order.holds(d.compare(n.with))
}

// binaryComparer compares bytes given in base64.
type binaryComparer struct{ with string }

func compileBinary(text string) (comparer, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	return &binaryComparer{string(b)}, err == nil && !strings.ContainsAny(text, "\r\n")
}

func (b *binaryComparer) matches(value string) bool {
	got, err := base64.StdEncoding.Strict().DecodeString(value)
	return err == nil && string(got) == b.with
}

// addressComparer compares IP addresses with a range. An IPv4 address in IPv6 form is the IPv4 address.
type addressComparer struct{ within netip.Prefix }

// compileAddress reads an address or a range in CIDR form; bits of the host are ignored.
func compileAddress(text string) (comparer, bool) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return nil, false
		}
		a = a.Unmap()
		return &addressComparer{netip.PrefixFrom(a, a.BitLen())}, true
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return nil, false
	}
	return &addressComparer{p.Masked()}, true
}

func (c *addressComparer) matches(value string) bool {
	a, err := netip.ParseAddr(value)
	return err == nil && a.Zone() == "" && c.within.Contains(a.Unmap())
}
