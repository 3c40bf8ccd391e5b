package codec

// jsonStruct is a pointer to a structure that can be read from JSON.
type jsonStruct[T any] interface {
	*T
	DecodeJSON(r *JSON)
}

// JSONStruct reads a structure, nil for null.
func JSONStruct[T any, P jsonStruct[T]](r *JSON) *T {
	if r.Null() {
		return nil
	}
	v := new(T)
	P(v).DecodeJSON(r)
	return v
}

// JSONElement reads a structure that is an element of a list or a map.
func JSONElement[T any, P jsonStruct[T]](r *JSON) T {
	var v T
	P(&v).DecodeJSON(r)
	return v
}

// JSONList reads a list, nil for null. A null element is refused: no list of the models may have one.
func JSONList[T any](r *JSON, element func(*JSON) T) []T {
	if r.Null() {
		return nil
	}
	list := []T{}
	for ok := r.Array(); ok; ok = r.More() {
		if r.peek() == 'n' {
			r.fail("Unexpected null in a list")
			return nil
		}
		list = append(list, element(r))
	}
	return list
}

// JSONMap reads a map, nil for null. A member that is null is left out.
func JSONMap[T any](r *JSON, value func(*JSON) T) map[string]T {
	if r.Null() {
		return nil
	}
	m := map[string]T{}
	for ok := r.Object(); ok; ok = r.Next() {
		key := r.keep(r.name)
		if r.Null() {
			continue
		}
		m[key] = value(r)
	}
	return m
}

// JSONValue makes of a reader of an optional scalar a reader of an element, which cannot be absent.
func JSONValue[T any](read func(*JSON) *T) func(*JSON) T {
	return func(r *JSON) T { return deref(read(r)) }
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
