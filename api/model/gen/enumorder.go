package main

import (
	"slices"
)

// enumOrder is the order in which AWS prints an enumeration in a validation message: that of a hash set of the values
// that has 32 buckets at least, grows at three quarters, takes Java's String.hashCode as it is, and puts later values
// before earlier ones of the same bucket. It was found from recorded messages of KMS (KeySpec, twelve values) and
// DynamoDB (ReturnValue, Select, ComparisonOperator and others), all of which it reproduces.
func enumOrder(values []string) []string {
	buckets := uint32(32)
	for uint32(len(values)) > buckets/4*3 {
		buckets *= 2
	}
	out := slices.Clone(values)
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b string) int {
		return int(javaHash(a)%buckets) - int(javaHash(b)%buckets)
	})
	return out
}

// javaHash is String.hashCode for ASCII.
func javaHash(s string) uint32 {
	var h uint32
	for i := range len(s) {
		h = 31*h + uint32(s[i])
	}
	return h
}
