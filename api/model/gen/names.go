package main

import (
	"strings"
	"unicode"
)

// exported is a shape's or member's name as a Go name.
func exported(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// lowerCamel is a member's name as CloudTrail and validation messages write it.
func lowerCamel(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// constant is the Go name of an enumeration's value: words in capitals become words with a capital, so that
// ECC_NIST_P256 of KeySpec is KeySpecEccNistP256.
func constant(typeName, value string) string {
	words := strings.FieldsFunc(value, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	var b strings.Builder
	b.WriteString(typeName)
	for _, w := range words {
		if w == strings.ToUpper(w) {
			w = strings.ToLower(w)
		}
		b.WriteString(exported(w))
	}
	return b.String()
}

// readingVerbs begin the names of operations that change nothing that is stored, as CloudTrail's readOnly counts them:
// cryptographic operations and the issuing of credentials are among them.
var readingVerbs = []string{
	"Assume", "Decode", "Decrypt", "Derive", "Describe", "Encrypt", "Generate", "Get", "List", "ReEncrypt", "Sign",
	"Simulate", "Verify",
}

func readOnly(operation string) bool {
	for _, verb := range readingVerbs {
		if strings.HasPrefix(operation, verb) {
			return true
		}
	}
	return false
}
