package codec

import (
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// Pattern is a regular expression that a string must match as a whole. Most patterns of the models are one class of
// characters, repeated; those are matched without package regexp, which the others compile at first use.
type Pattern struct {
	Source string // as the model has it and messages print it

	// One class, repeated: the expression is nil.
	Low   [4]uint64 // which of U+0000 to U+00FF are in the class
	High  [][2]rune // ranges beyond
	Empty bool      // the empty string matches

	Expr    string // otherwise, the pattern in Go's syntax, unanchored
	Without string // and the string must not contain this, for patterns with a lookahead that package regexp lacks

	once sync.Once
	re   *regexp.Regexp
}

// Match says whether all of s matches.
func (p *Pattern) Match(s string) bool {
	if p.Expr != "" {
		p.once.Do(func() { p.re = regexp.MustCompile(`\A(?:` + p.Expr + `)\z`) })
		return p.re.MatchString(s) && (p.Without == "" || !strings.Contains(s, p.Without))
	}
	if s == "" {
		return p.Empty
	}
	for i := 0; i < len(s); {
		c, n := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRuneInString(s[i:])
		}
		if !p.has(c) {
			return false
		}
		i += n
	}
	return true
}

func (p *Pattern) has(c rune) bool {
	if c < 256 {
		return p.Low[c>>6]&(1<<(c&63)) != 0
	}
	for _, r := range p.High {
		if r[0] <= c && c <= r[1] {
			return true
		}
	}
	return false
}
