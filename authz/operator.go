package authz

import "strings"

// family is how a condition operator reads values.
type family uint8

const (
	stringFamily  family = iota + 1 // case-sensitive, * and ? are themselves
	foldFamily                      // the same in any case
	likeFamily                      // case-sensitive with wildcards
	numericFamily                   // decimal numbers
	dateFamily                      // points in time
	boolFamily                      // true and false
	binaryFamily                    // bytes in base64
	ipFamily                        // addresses and CIDR ranges
	arnFamily                       // ARNs, with wildcards in each part
	nullFamily                      // whether the key is there
)

// order is what a comparison of numbers or dates asks for.
type order uint8

const (
	equal order = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// holds tells whether a comparison's result (negative, 0 or positive) is what is asked for.
func (o order) holds(comparison int) bool {
	switch o {
	case less:
		return comparison < 0
	case lessOrEqual:
		return comparison <= 0
	case greater:
		return comparison > 0
	case greaterOrEqual:
		return comparison >= 0
	}
	return comparison == 0
}

// quantifier is the set operator before a condition operator.
type quantifier uint8

const (
	oneValue     quantifier = iota // none: the key is meant to have one value
	forAllValues                   // every value of the request must match; true if there are none
	forAnyValue                    // at least one must; false if there are none
)

// operator is a condition operator taken apart.
type operator struct {
	name     string // as written
	family   family
	order    order
	negated  bool
	ifExists bool // true where the key is absent
	set      quantifier
}

// parseOperator reads a name such as ForAnyValue:StringNotLikeIfExists. Names are case-sensitive.
func parseOperator(name string) (operator, bool) {
	op := operator{name: name}
	base := name
	if rest, ok := strings.CutPrefix(base, "ForAllValues:"); ok {
		op.set, base = forAllValues, rest
	} else if rest, ok := strings.CutPrefix(base, "ForAnyValue:"); ok {
		op.set, base = forAnyValue, rest
	}
	base, op.ifExists = strings.CutSuffix(base, "IfExists")
	op.family, op.negated = plainOperator(base)
	if op.family == 0 {
		op.family, op.order, op.negated = orderedOperator(base)
	}
	if op.family == nullFamily && (op.ifExists || op.set != oneValue) {
		return op, false
	}
	return op, op.family != 0
}

func plainOperator(name string) (f family, negated bool) {
	switch name {
	case "StringEquals":
		return stringFamily, false
	case "StringNotEquals":
		return stringFamily, true
	case "StringEqualsIgnoreCase":
		return foldFamily, false
	case "StringNotEqualsIgnoreCase":
		return foldFamily, true
	case "StringLike":
		return likeFamily, false
	case "StringNotLike":
		return likeFamily, true
	case "Bool":
		return boolFamily, false
	case "BinaryEquals":
		return binaryFamily, false
	case "IpAddress":
		return ipFamily, false
	case "NotIpAddress":
		return ipFamily, true
	case "ArnEquals", "ArnLike":
		return arnFamily, false
	case "ArnNotEquals", "ArnNotLike":
		return arnFamily, true
	case "Null":
		return nullFamily, false
	}
	return 0, false
}

// orderedOperator reads the operators on numbers and dates.
func orderedOperator(name string) (f family, o order, negated bool) {
	rest, numeric := strings.CutPrefix(name, "Numeric")
	f = numericFamily
	if !numeric {
		var date bool
		if rest, date = strings.CutPrefix(name, "Date"); !date {
			return 0, 0, false
		}
		f = dateFamily
	}
	switch rest {
	case "Equals":
		return f, equal, false
	case "NotEquals":
		return f, equal, true
	case "LessThan":
		return f, less, false
	case "LessThanEquals":
		return f, lessOrEqual, false
	case "GreaterThan":
		return f, greater, false
	case "GreaterThanEquals":
		return f, greaterOrEqual, false
	}
	return 0, 0, false
}
