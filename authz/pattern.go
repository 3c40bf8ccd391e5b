package authz

import (
	"strings"
	"unicode/utf8"
)

// pattern is a compiled string that may have wildcards and policy variables. The common shapes are told apart, so
// that most comparisons are one look at the text.
type pattern struct {
	text   string // as written
	shape  shape
	lit    string  // of a literal or a prefix
	tokens []token // of a glob
}

type shape uint8

const (
	literalShape  shape = iota
	anyShape            // "*"
	prefixShape         // literal, then "*"
	globShape           // tokens without variables
	variableShape       // tokens with at least one variable
)

// token is a part of a glob.
type token struct {
	kind tokenKind
	text string // of a literal; the key of a variable, in lower case
	// fallback is a variable's default value, if it has one.
	fallback    string
	hasFallback bool
}

type tokenKind uint8

const (
	literalToken  tokenKind = iota
	starToken               // any number of characters, also none
	oneToken                // one character
	variableToken           // the value of a context key
)

// compileGlob compiles text in which * and ? are wildcards and there are no variables.
func compileGlob(text string) pattern { return shaped(text, globTokens(nil, text)) }

// compileLiteral compiles text without wildcards and variables.
func compileLiteral(text string) pattern { return pattern{text: text, lit: text} }

func globTokens(tokens []token, text string) []token {
	for text != "" {
		switch i := strings.IndexAny(text, "*?"); {
		case i < 0:
			return append(tokens, token{text: text})
		case i > 0:
			tokens = append(tokens, token{text: text[:i]})
			text = text[i:]
		case text[0] == '?':
			tokens = append(tokens, token{kind: oneToken})
			text = text[1:]
		default:
			if n := len(tokens); n == 0 || tokens[n-1].kind != starToken {
				tokens = append(tokens, token{kind: starToken})
			}
			text = text[1:]
		}
	}
	return tokens
}

// shaped finds the simplest shape for tokens.
func shaped(text string, tokens []token) pattern {
	p := pattern{text: text}
	for _, t := range tokens {
		if t.kind == variableToken {
			p.shape, p.tokens = variableShape, tokens
			return p
		}
	}
	switch {
	case len(tokens) == 0:
	case len(tokens) == 1 && tokens[0].kind == literalToken:
		p.lit = tokens[0].text
	case len(tokens) == 1 && tokens[0].kind == starToken:
		p.shape = anyShape
	case len(tokens) == 2 && tokens[0].kind == literalToken && tokens[1].kind == starToken:
		p.shape, p.lit = prefixShape, tokens[0].text
	default:
		p.shape, p.tokens = globShape, tokens
	}
	return p
}

// match compares a value; ev resolves variables.
func (p *pattern) match(ev *evaluator, s string) bool {
	switch p.shape {
	case literalShape:
		return s == p.lit
	case anyShape:
		return true
	case prefixShape:
		return strings.HasPrefix(s, p.lit)
	}
	return matchTokens(ev, p.tokens, s)
}

// matchFold compares a value in any case with a pattern that was compiled in lower case and has no variables.
func (p *pattern) matchFold(s string) bool {
	switch p.shape {
	case literalShape:
		return equalFold(s, p.lit)
	case anyShape:
		return true
	case prefixShape:
		return hasPrefixFold(s, p.lit)
	}
	return matchTokens(nil, p.tokens, s)
}

// matchTokens is the usual greedy match that goes back only to the last star: its cost is at most the length of s
// times that of the pattern between two stars, and what is left of the decision's steps. Without ev, literals are in lower case and s may be in any case. A
// variable without a value matches nothing.
func matchTokens(ev *evaluator, tokens []token, s string) bool {
	star, starAt := -1, 0 // the last star, and where the text that it stands for ends
	i, at := 0, 0
	for {
		if ev != nil && !ev.spend(1) {
			return false
		}
		if i == len(tokens) {
			if at == len(s) {
				return true
			}
		} else if tokens[i].kind == starToken {
			star, starAt = i, at
			i++
			continue
		} else if n, ok := tokens[i].consume(ev, s[at:]); ok {
			i++
			at += n
			continue
		}
		if star < 0 || starAt == len(s) {
			return false
		}
		_, size := utf8.DecodeRuneInString(s[starAt:])
		starAt += size
		i, at = star+1, starAt
	}
}

// consume tells how many bytes at the start of s a token other than a star stands for.
func (t *token) consume(ev *evaluator, s string) (int, bool) {
	switch t.kind {
	case oneToken:
		_, size := utf8.DecodeRuneInString(s)
		return size, size > 0
	case variableToken:
		value, ok := ev.variable(t)
		return len(value), ok && strings.HasPrefix(s, value)
	}
	if ev == nil {
		return len(t.text), hasPrefixFold(s, t.text)
	}
	return len(t.text), strings.HasPrefix(s, t.text)
}
