// Package lenient reads JSON that is not quite in the form that its reader expects:
// numbers in strings, times in other forms than RFC 3339, optional fields of another
// kind, errors in other envelopes. It decides from the JSON and the Go type alone.
package lenient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Coerce decodes a body that [Unmarshal] could not decode into v. It coerces values
// to the types of the fields: "5" to a number, 5 to text, other forms of a time to a
// time. A time that cannot be read is left zero.
//
// In the structs for which tolerant reports true, every field that cannot be read is
// left as it was, unless its tag says lenient:"required". In all others it is an
// error. Coerce returns the paths of the values that it left out.
func Coerce(body []byte, v reflect.Value, tolerant func(reflect.Type) bool) (unread []string, err error) {
	body = TrimMark(body)
	if !json.Valid(body) {
		return nil, errNotJSON
	}
	c := coercion{tolerant: tolerant}
	if err := c.value(body, v, ""); err != nil && !errors.Is(err, errAbsent) {
		return nil, err
	}
	return c.unread, nil
}

var (
	errNotJSON = errors.New("the body is not valid JSON")
	errDepth   = errors.New("the JSON is nested too deeply")
	// errAbsent reports a value that means no value, such as "" for a number.
	errAbsent = errors.New("no value")
)

// maxDepth bounds how deep values of one type may nest: every level is read again.
const maxDepth = 64

// coercion is one pass over a body.
type coercion struct {
	tolerant func(reflect.Type) bool
	unread   []string
	depth    int
}

var timeType = reflect.TypeFor[time.Time]()

// value decodes raw, which is valid JSON, into v. After an error v is as it was.
func (c *coercion) value(raw []byte, v reflect.Value, path string) error {
	if c.depth++; c.depth > maxDepth {
		return errDepth
	}
	defer func() { c.depth-- }()
	before := reflect.New(v.Type()).Elem()
	before.Set(v)
	err := Unmarshal(raw, v.Addr().Interface())
	if err == nil {
		return nil
	}
	v.Set(before)
	switch {
	case v.Type() == timeType:
		return c.time(raw, v, path)
	case v.Kind() == reflect.Pointer:
		return c.pointer(raw, v, path)
	case decodesItself(v):
		return at(path, err)
	}
	switch v.Kind() {
	case reflect.Struct:
		return c.object(raw, v, path)
	case reflect.Slice:
		return c.slice(raw, v, path)
	case reflect.Map:
		return c.entries(raw, v, path)
	}
	return scalar(raw, v, path)
}

func (c *coercion) time(raw []byte, v reflect.Value, path string) error {
	t, ok := Time(raw)
	if !ok {
		if string(raw) != `""` {
			c.unread = append(c.unread, path)
		}
		return errAbsent
	}
	v.Set(reflect.ValueOf(t))
	return nil
}

func (c *coercion) pointer(raw []byte, v reflect.Value, path string) error {
	target := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		target.Elem().Set(v.Elem())
	}
	switch err := c.value(raw, target.Elem(), path); {
	case errors.Is(err, errAbsent):
		v.SetZero()
	case err != nil:
		return err
	default:
		v.Set(target)
	}
	return nil
}

func (c *coercion) object(raw []byte, v reflect.Value, path string) error {
	values, err := members(raw, path)
	if err != nil {
		return err
	}
	for _, f := range fieldsOf(v.Type()) {
		raw, ok := member(values, f.name)
		if !ok || string(raw) == "null" {
			continue // Unmarshal has seen to null
		}
		target, ok := f.in(v)
		if !ok {
			continue
		}
		place := strings.TrimPrefix(path+"."+f.name, ".")
		switch err := c.value(f.unquoted(raw), target, place); {
		case err == nil:
		case errors.Is(err, errAbsent):
		case f.required || !c.tolerant(f.owner):
			return err
		default:
			c.unread = append(c.unread, place)
		}
	}
	return nil
}

func (c *coercion) slice(raw []byte, v reflect.Value, path string) error {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return wrongKind(raw, path)
	}
	slice := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if err := c.value(item, slice.Index(i), path+"["+strconv.Itoa(i)+"]"); err != nil && !errors.Is(err, errAbsent) {
			return err
		}
	}
	v.Set(slice)
	return nil
}

func (c *coercion) entries(raw []byte, v reflect.Value, path string) error {
	values, err := members(raw, path)
	if err != nil || v.Type().Key().Kind() != reflect.String {
		return wrongKind(raw, path)
	}
	entries := reflect.MakeMapWithSize(v.Type(), len(values))
	for key, raw := range values {
		entry := reflect.New(v.Type().Elem()).Elem()
		if err := c.value(raw, entry, path+"."+key); err != nil && !errors.Is(err, errAbsent) {
			return err
		}
		entries.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), entry)
	}
	v.Set(entries)
	return nil
}

// members returns the values of a JSON object.
func members(raw []byte, path string) (map[string]json.RawMessage, error) {
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) != nil {
		return nil, wrongKind(raw, path)
	}
	return values, nil
}

// member returns the value of a name, which is compared as encoding/json does: an
// exact match first, then without regard to case.
func member(values map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	if raw, ok := values[name]; ok {
		return raw, true
	}
	found := ""
	for key := range values {
		if strings.EqualFold(key, name) && (found == "" || key < found) {
			found = key
		}
	}
	raw, ok := values[found]
	return raw, ok && found != ""
}

// wrongKind describes a value of another kind than its field.
func wrongKind(raw []byte, path string) error {
	if path == "" {
		path = "the response"
	}
	return fmt.Errorf("%s is a JSON %s", path, kindOf(raw))
}

func kindOf(raw []byte) string {
	switch raw = bytes.TrimSpace(raw); raw[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// at adds the path of a value to an error about it.
func at(path string, err error) error {
	if path == "" {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}
