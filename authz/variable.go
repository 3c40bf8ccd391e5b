package authz

import (
	"strings"
	"unicode"
)

// variableTokens compiles text that may have policy variables (version 2012-10-17 only): ${key}, ${key, 'default'},
// and ${*} ${?} ${$} for the characters themselves. With wild, * and ? outside of them are wildcards. It returns
// false where a variable is malformed. The value of a variable is never read as a pattern.
func variableTokens(text string, wild bool) ([]token, bool) {
	var tokens []token
	for text != "" {
		before, rest, found := strings.Cut(text, "${")
		if wild {
			tokens = globTokens(tokens, before)
		} else if before != "" {
			tokens = append(tokens, token{text: before})
		}
		if !found {
			break
		}
		body, after, closed := cutVariable(rest)
		t, ok := parseVariable(body)
		if !closed || !ok {
			return nil, false
		}
		tokens = append(tokens, t)
		text = after
	}
	return joinLiterals(tokens), true
}

// cutVariable finds the brace that ends a variable: the first one outside of the quoted default.
func cutVariable(s string) (body, after string, ok bool) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case s[i] == '}' && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}

func parseVariable(body string) (token, bool) {
	if body == "*" || body == "?" || body == "$" {
		return token{text: body}, true
	}
	key, fallback, hasFallback := strings.Cut(body, ",")
	key = strings.TrimSpace(key)
	t := token{kind: variableToken, text: strings.ToLower(key), hasFallback: hasFallback}
	if !keyForm(key) {
		return t, false
	}
	if hasFallback {
		fallback = strings.TrimSpace(fallback)
		if len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'' {
			return t, false
		}
		t.fallback = fallback[1 : len(fallback)-1]
	}
	return t, !strings.Contains(t.fallback, "'")
}

// keyForm tells whether a text can name a context key: a service prefix, a colon and a name. The name may have
// nearly any character, since it may have a tag's key or a key of an encryption context in it.
func keyForm(key string) bool {
	service, name, found := strings.Cut(key, ":")
	return found && service != "" && name != "" && vendorForm(service) && !strings.Contains(name, "${") &&
		strings.IndexFunc(name, unicode.IsControl) < 0
}

func joinLiterals(tokens []token) []token {
	joined := tokens[:0]
	for _, t := range tokens {
		if n := len(joined); n > 0 && t.kind == literalToken && joined[n-1].kind == literalToken {
			joined[n-1].text += t.text
			continue
		}
		joined = append(joined, t)
	}
	return joined
}

// compileText compiles the text of a Resource or of a string or ARN condition, with variables where the version of
// the language has them.
func compileText(text string, variables, wild bool) (pattern, bool) {
	if !variables {
		if wild {
			return compileGlob(text), true
		}
		return compileLiteral(text), true
	}
	tokens, ok := variableTokens(text, wild)
	return shaped(text, tokens), ok
}
