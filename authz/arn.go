package authz

import "strings"

// arn is a request's ARN in its six parts. The last has the rest of the text, colons included.
type arn [6]string

const (
	arnPartition = 1
	arnService   = 2
	arnAccount   = 4
	arnResource  = 5
)

// splitARN splits text of the form arn:partition:service:region:account:resource.
func splitARN(text string) (a arn, ok bool) {
	for i := range arnResource {
		var found bool
		if a[i], text, found = strings.Cut(text, ":"); !found {
			return a, false
		}
	}
	a[arnResource] = text
	return a, a[0] == "arn"
}

// arnPattern is one entry of Resource, or one value of an ARN condition. Wildcards match within a part only, except
// that the last part, and a star that ends a shortened pattern (arn:aws:kms:*), stand for all the rest.
type arnPattern struct {
	text  string
	all   bool // "*": also matches what is not an ARN
	parts []pattern
}

// match compares an ARN.
func (p *arnPattern) match(ev *evaluator, a *arn) bool {
	// From the end, which is what usually differs.
	for i := len(p.parts) - 1; i >= 0; i-- {
		if part := &p.parts[i]; part.shape != anyShape && !part.match(ev, a[i+1]) {
			return false
		}
	}
	return true
}

// compileResource compiles an entry of Resource. The message, if any, is AWS's reason to refuse it.
func compileResource(text string, variables bool) (arnPattern, string) {
	p := arnPattern{text: text}
	if text == "*" {
		p.all = true
		return p, ""
	}
	parts := splitPattern(text)
	switch {
	case len(parts) < 2:
		return p, "Resource " + text + ` must be in ARN format or "*".`
	case parts[0] != "arn" || !partitionForm(parts[1]):
		return p, partitionMessage(parts)
	case len(parts) == 2 || strings.ContainsAny(parts[2], "*?"):
		return p, msgFullVendor
	case parts[2] == "":
		return p, msgLegacy
	case parts[2] == "iam" && len(parts) > 3 && parts[3] != "" && parts[3] != "*":
		return p, "IAM resource " + text + " cannot contain region information."
	case len(parts) < 6 && !strings.HasSuffix(text, "*"):
		return p, msgLegacy
	}
	if !p.compile(parts, variables) {
		return p, msgSyntax
	}
	return p, ""
}

// compile compiles the parts after "arn". Only the last may have variables.
func (p *arnPattern) compile(parts []string, variables bool) bool {
	p.parts = make([]pattern, 0, len(parts)-1)
	for i, part := range parts[1:] {
		c, ok := compileText(part, variables, true)
		if !ok || c.shape == variableShape && i+1 != arnResource {
			return false
		}
		p.parts = append(p.parts, c)
	}
	return true
}

// splitPattern splits at the first five colons that are not in a policy variable.
func splitPattern(text string) []string {
	parts := make([]string, 0, 6)
	start, depth := 0, 0
	for i := 0; i < len(text) && len(parts) < arnResource; i++ {
		switch {
		case text[i] == '$' && i+1 < len(text) && text[i+1] == '{':
			depth++
		case text[i] == '}' && depth > 0:
			depth--
		case text[i] == ':' && depth == 0:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

func partitionForm(s string) bool {
	return s == "aws" || s == "*" || strings.HasPrefix(s, "aws-") && vendorForm(s)
}

// partitionMessage words the refusal as AWS does: what is left out of the ARN is shown as a star.
func partitionMessage(parts []string) string {
	full := [6]string{"arn", parts[1], "*", "*", "*", "*"}
	copy(full[2:], parts[2:])
	if len(parts) == 3 && parts[2] == "" {
		full[arnService] = "*"
	}
	return `Partition "` + parts[1] + `" is not valid for resource "` + strings.Join(full[:], ":") + `".`
}
