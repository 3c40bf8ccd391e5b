package codec

import "slices"

// keyRoom is how many keys of a map are sorted without an allocation.
type keyRoom [8]string

// sortedKeys gives the keys of m in byte order, so that output does not depend on the map's. It uses room if that is
// large enough.
func sortedKeys[T any](m map[string]T, room *keyRoom) []string {
	keys := room[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
