package codec

import (
	"maps"
	"slices"
)

// sortedKeys gives the keys of m in byte order, so that output does not depend on the map's.
func sortedKeys[T any](m map[string]T) []string {
	return slices.Sorted(maps.Keys(m))
}
