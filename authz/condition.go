package authz

import "strings"

// condition is one compiled operator and key of a Condition. All of a statement's must hold; of the values of one,
// any does.
type condition struct {
	operator
	key      string // in lower case
	keyText  string // as written
	operands []operand
}

// operand is one value of a condition, compiled for its operator's family.
type operand struct {
	text    string   // as written
	pattern *pattern // strings, and Bool
	arn     *arnPattern
	other   comparer // numbers, dates, bytes and addresses
}

// comparer compares a value of the request with one of the policy. What cannot be read does not match.
type comparer interface {
	matches(value string) bool
}

func (p *parser) conditions(n node) []condition {
	if n.kind != objectNode {
		p.syntax(n.offset, "Condition must be an object")
		return nil
	}
	var list []condition
	for _, m := range n.members {
		op, ok := parseOperator(m.name)
		if !ok {
			p.syntax(m.offset, "unknown condition operator "+quote(m.name))
			continue
		}
		if m.value.kind != objectNode {
			p.syntax(m.value.offset, "a condition operator has an object of keys and values")
			continue
		}
		for _, key := range m.value.members {
			list = append(list, p.condition(op, key))
		}
	}
	return list
}

func (p *parser) condition(op operator, key member) condition {
	c := condition{operator: op, key: strings.ToLower(key.name), keyText: key.name}
	if !keyForm(key.name) {
		p.report(rankActionForm, key.offset, msgVendor, "condition key "+quote(key.name))
	}
	values := key.value.items
	if key.value.kind != arrayNode {
		values = []node{key.value}
	}
	c.operands = make([]operand, 0, len(values))
	for _, v := range values {
		if v.kind != stringNode && v.kind != numberNode && v.kind != boolNode {
			p.syntax(v.offset, "a condition's value must be a string, number or boolean")
			continue
		}
		o, ok := compileOperand(op, v.text, p.version == Version2012)
		if !ok {
			p.report(rankLegacy, v.offset, msgLegacy, quote(v.text)+" is not a value for "+op.name)
		}
		c.operands = append(c.operands, o)
	}
	return c
}

// compileOperand compiles a value. Policy variables are for strings, ARNs and Bool only.
func compileOperand(op operator, text string, variables bool) (operand, bool) {
	o := operand{text: text}
	ok := true
	switch op.family {
	case stringFamily, foldFamily, likeFamily:
		var p pattern
		p, ok = compileText(text, variables, op.family == likeFamily)
		o.pattern = &p
	case boolFamily:
		var p pattern
		p, ok = compileText(text, variables, false)
		o.pattern = &p
		ok = ok && (p.shape == variableShape || truth(text) != notTruth)
	case arnFamily:
		o.arn, ok = compileARNValue(text, variables)
	case numericFamily:
		o.other, ok = compileNumber(op.order, text)
	case dateFamily:
		o.other, ok = compileDate(op.order, text)
	case binaryFamily:
		o.other, ok = compileBinary(text)
	case ipFamily:
		o.other, ok = compileAddress(text)
	case nullFamily:
		ok = truth(text) != notTruth
	}
	return o, ok
}

// compileARNValue compiles a value of an ARN operator: "*", or a pattern of six parts (fewer if the last ends with
// a star).
func compileARNValue(text string, variables bool) (*arnPattern, bool) {
	p := &arnPattern{text: text, all: text == "*"}
	if p.all {
		return p, true
	}
	parts := splitPattern(text)
	if parts[0] != "arn" || len(parts) < 2 || len(parts) < 6 && !strings.HasSuffix(text, "*") {
		return p, false
	}
	return p, p.compile(parts, variables)
}

// truthValue is how a text reads as a boolean.
type truthValue uint8

const (
	notTruth truthValue = iota
	isTrue
	isFalse
)

func truth(s string) truthValue {
	switch {
	case equalFold(s, "true"):
		return isTrue
	case equalFold(s, "false"):
		return isFalse
	}
	return notTruth
}
