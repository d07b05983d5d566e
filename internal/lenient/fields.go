package lenient

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// field is one field of a struct as encoding/json sees it.
type field struct {
	name     string
	index    []int
	owner    reflect.Type // the struct that declares it
	tagged   bool         // its name is from a tag
	quoted   bool         // the tag says "string"
	required bool
}

// fieldsOf lists the fields of a struct as encoding/json does: those of embedded
// structs belong to it, the least nested of a name counts, and among equally nested
// ones a tagged one.
func fieldsOf(t reflect.Type) []field {
	var all []field
	level := []field{{owner: t}}
	visited := map[reflect.Type]bool{}
	for len(level) > 0 {
		var next, here []field
		for _, parent := range level {
			if visited[parent.owner] {
				continue
			}
			visited[parent.owner] = true
			for i := range parent.owner.NumField() {
				f, embedded := describe(parent, i)
				if embedded {
					next = append(next, f)
				} else if f.name != "" && !slices.ContainsFunc(all, func(g field) bool { return g.name == f.name }) {
					here = append(here, f)
				}
			}
		}
		all = append(all, dominant(here)...)
		level = next
	}
	return all
}

// describe returns the i-th field of parent.owner. embedded reports that the field
// is a struct whose fields count as its parent's; then owner is that struct. The
// name of a field that JSON ignores is "".
func describe(parent field, i int) (f field, embedded bool) {
	s := parent.owner.Field(i)
	tag := s.Tag.Get("json")
	name, options, _ := strings.Cut(tag, ",")
	f = field{name: name, index: append(slices.Clone(parent.index), i), owner: parent.owner, tagged: name != ""}
	f.quoted = slices.Contains(strings.Split(options, ","), "string")
	f.required = s.Tag.Get("lenient") == "required"
	target := s.Type
	if target.Kind() == reflect.Pointer {
		target = target.Elem()
	}
	switch {
	case tag == "-":
		return field{}, false
	case s.Anonymous && name == "" && target.Kind() == reflect.Struct:
		f.owner = target
		return f, true
	case !s.IsExported():
		return field{}, false
	case name == "":
		f.name = s.Name
	}
	return f, false
}

// dominant keeps of the fields of one name the one that counts, if there is one.
func dominant(fields []field) []field {
	var kept []field
	for _, f := range fields {
		rivals := 0
		for _, g := range fields {
			if g.name == f.name && (g.tagged || !f.tagged) {
				rivals++ // f itself is one
			}
		}
		if rivals == 1 {
			kept = append(kept, f)
		}
	}
	return kept
}

// in returns the field of v, making the embedded structs on the way. ok is false if
// one of them cannot be set.
func (f *field) in(v reflect.Value) (target reflect.Value, ok bool) {
	for _, i := range f.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !v.CanSet() {
					return v, false
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, v.CanSet()
}

// unquoted returns the JSON within a JSON string, if the field's tag asks for one.
func (f *field) unquoted(raw json.RawMessage) json.RawMessage {
	var inner string
	if f.quoted && json.Unmarshal(raw, &inner) == nil && json.Valid([]byte(inner)) {
		return json.RawMessage(inner)
	}
	return raw
}

var (
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()
)

// decodesItself reports whether a value has a method that decodes it.
func decodesItself(v reflect.Value) bool {
	t := v.Addr().Type()
	return t.Implements(unmarshalerType) || t.Implements(textUnmarshalerType)
}
