package codec

// queryStruct is a pointer to a structure that can be read from a form.
type queryStruct[T any] interface {
	*T
	DecodeQuery(f Form)
}

// FormStruct reads a structure below f at part.
func FormStruct[T any, P queryStruct[T]](f Form, part string) *T {
	at, ok := f.At(part)
	if !ok {
		return nil
	}
	v := new(T)
	P(v).DecodeQuery(at)
	return v
}

// FormElement reads a structure that is an element of a list or a map.
func FormElement[T any, P queryStruct[T]](f Form) T {
	var v T
	P(&v).DecodeQuery(f)
	return v
}

// FormList reads a list: part.member.1, part.member.2 and so on, or part.1, part.2 when member is "". A parameter
// "part=" is the empty list.
func FormList[T any](f Form, part, member string, element func(Form) T) []T {
	at, ok := f.At(part)
	if !ok {
		return nil
	}
	return FormListAt(at, member, element)
}

// FormListAt is FormList for a list that stands at f itself, as an element of a list or a map.
func FormListAt[T any](f Form, member string, element func(Form) T) []T {
	at, ok := f.list(member)
	if !ok {
		return nil
	}
	list := []T{}
	for _, node := range at.elements() {
		list = append(list, element(Form{f.t, node}))
	}
	return list
}

// FormMap reads a map: part.entry.1.key and part.entry.1.value and so on, without the entry when entry is "".
func FormMap[T any](f Form, part, entry, key, value string, element func(Form) T) map[string]T {
	at, ok := f.At(part)
	if !ok {
		return nil
	}
	return FormMapAt(at, entry, key, value, element)
}

// FormMapAt is FormMap for a map that stands at f itself.
func FormMapAt[T any](f Form, entry, key, value string, element func(Form) T) map[string]T {
	at, ok := f.list(entry)
	if !ok {
		return nil
	}
	m := map[string]T{}
	for _, node := range at.elements() {
		pair := Form{f.t, node}
		k, haveKey := pair.scalar(key)
		v, haveValue := pair.At(value)
		if _, again := m[k]; again || !haveKey || !haveValue {
			f.fail("Invalid entry of map " + f.part())
			return nil
		}
		m[k] = element(v)
	}
	return m
}

// list finds the node whose children are the elements of the list or map at f.
func (f Form) list(member string) (Form, bool) {
	n := &f.t.nodes[f.node]
	if n.set && (n.value != "" || len(n.children) > 0) {
		f.fail("The value of parameter " + f.part() + " is not a list")
		return f, false
	}
	if n.set || member == "" {
		return f, true
	}
	inner, ok := f.At(member)
	if !ok || len(n.children) > 1 || f.t.nodes[inner.node].set {
		f.fail("Unexpected list element in " + f.part())
		return f, false
	}
	return inner, true
}

// part is the last part of the name at f, for messages.
func (f Form) part() string { return clip(f.t.nodes[f.node].part, 64) }
