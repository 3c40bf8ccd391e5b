package main

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// maxRanges is how many ranges beyond U+00FF a class may have and still be matched by a loop over them.
const maxRanges = 8

// lookaheads are the patterns that package regexp cannot express, as an expression and a text that must not occur.
var lookaheads = map[string][2]string{
	`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: {`[a-z0-9][a-z0-9-]{1,61}[a-z0-9]`, "--"},
}

// pattern is the Go expression for a codec.Pattern.
func pattern(source string) (string, error) {
	if l, ok := lookaheads[source]; ok {
		return fmt.Sprintf("&codec.Pattern{Source: %q, Expr: %q, Without: %q}", source, l[0], l[1]), nil
	}
	expr := translate(source)
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return "", err
	}
	if class, empty, ok := repeatedClass(re); ok {
		if low, high := split(class); len(high) <= maxRanges {
			return fmt.Sprintf("&codec.Pattern{Source: %q, Low: [4]uint64{%#x, %#x, %#x, %#x}%s%s}", source,
				low[0], low[1], low[2], low[3], highLiteral(high), emptyLiteral(empty)), nil
		}
	}
	return fmt.Sprintf("&codec.Pattern{Source: %q, Expr: %q}", source, expr), nil
}

// codePoint finds the escapes of code points. The models write \u10000 and \u10FFFF for the ends of the supplementary
// planes (to Java they would be four digits and a character).
var codePoint = regexp.MustCompile(`\\u(10FFFF|10000|[0-9A-F]{4})`)

// translate turns a Java pattern into Go's syntax. Java's \s has a vertical tab that Go's lacks.
func translate(source string) string {
	return strings.ReplaceAll(codePoint.ReplaceAllString(source, `\x{$1}`), `\s`, `\t\n\v\f\r `)
}

// repeatedClass says whether the expression is one class of characters any number of times, or at least once.
func repeatedClass(re *syntax.Regexp) (class []rune, empty, ok bool) {
	re = re.Simplify()
	for re.Op == syntax.OpConcat && len(re.Sub) == 3 && re.Sub[0].Op == syntax.OpBeginText && re.Sub[2].Op == syntax.OpEndText {
		re = re.Sub[1]
	}
	if re.Op != syntax.OpStar && re.Op != syntax.OpPlus {
		return nil, false, false
	}
	if re.Sub[0].Op != syntax.OpCharClass {
		return nil, false, false
	}
	return re.Sub[0].Rune, re.Op == syntax.OpStar, true
}

// split divides a class into a bitmap of U+0000 to U+00FF and the ranges beyond.
func split(class []rune) (low [4]uint64, high [][2]rune) {
	for i := 0; i < len(class); i += 2 {
		from, to := class[i], class[i+1]
		for ; from <= to && from < 256; from++ {
			low[from>>6] |= 1 << (from & 63)
		}
		if from <= to {
			high = append(high, [2]rune{from, to})
		}
	}
	return low, high
}

func highLiteral(high [][2]rune) string {
	if len(high) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(", High: [][2]rune{")
	for i, r := range high {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "{%#x, %#x}", r[0], r[1])
	}
	b.WriteString("}")
	return b.String()
}

func emptyLiteral(empty bool) string {
	if empty {
		return ", Empty: true"
	}
	return ""
}
