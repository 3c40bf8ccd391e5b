package authz

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// naiveMatch is the plain definition of a pattern with wildcards.
func naiveMatch(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return naiveMatch(pattern[1:], s) || s != "" && naiveMatch(pattern, s[1:])
	case s == "":
		return false
	}
	return (pattern[0] == '?' || pattern[0] == s[0]) && naiveMatch(pattern[1:], s[1:])
}

func TestGlobIsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(alphabet string, most int) string {
		b := make([]byte, r.IntN(most))
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	matches := 0
	for range 50000 {
		glob, s := text("ab*?", 8), text("abAB", 10)
		p := compileGlob(glob)
		if got, want := p.match(&evaluator{}, s), naiveMatch(glob, s); got != want {
			t.Fatalf("%q matches %q: %v, want %v", glob, s, got, want)
		}
		if got, want := p.matchFold(s), naiveMatch(glob, strings.ToLower(s)); got != want {
			t.Fatalf("%q matches %q in any case: %v, want %v", glob, s, got, want)
		} else if got {
			matches++
		}
	}
	if matches < 1000 {
		t.Errorf("only %d matches", matches)
	}
}

// TestHostilePatternIsBounded has a pattern and a text that take a naive matcher forever.
func TestHostilePatternIsBounded(t *testing.T) {
	p := compileGlob(strings.Repeat("*a", 5000) + "b")
	text := strings.Repeat("a", 2048)
	start := time.Now()
	if p.match(&evaluator{}, text) {
		t.Error("matches")
	}
	q := compileGlob("*" + strings.Repeat("?", 1024) + "b*")
	if q.match(&evaluator{}, text) {
		t.Error("matches")
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestShapes(t *testing.T) {
	for text, want := range map[string]shape{
		"": literalShape, "abc": literalShape, "*": anyShape, "**": anyShape, "abc*": prefixShape, "abc***": prefixShape,
		"*abc": globShape, "a*b": globShape, "a?": globShape, "?": globShape,
	} {
		if p := compileGlob(text); p.shape != want {
			t.Errorf("%q has shape %d, want %d", text, p.shape, want)
		}
	}
}

func TestDecimalsCompareExactly(t *testing.T) {
	sorted := []string{"-100000000000000000000", "-10.5", "-10.25", "-1", "-0.5", "0", "0.05", "0.45", "0.5", "1", "1.000000000000000000001",
		"9", "10", "99999999999999999999", "100000000000000000000"}
	for i, a := range sorted {
		for j, b := range sorted {
			x, okX := parseDecimal(a)
			y, okY := parseDecimal(b)
			got := x.compare(y)
			if !okX || !okY || got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("%s compared with %s is %d", a, b, got)
			}
		}
	}
}
