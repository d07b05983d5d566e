package connix

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// relax rewrites JSON that a plain pass could not read as typ, so that a second
// pass can: empty and odd times, numbers in strings and strings in numbers. It
// is slow, and only ever sees what would otherwise be an error. changed is
// false where it found nothing to mend.
func relax(body []byte, typ reflect.Type) (relaxed []byte, changed bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		return nil, false
	}
	value = relaxValue(value, typ, &changed)
	if !changed {
		return nil, false
	}
	relaxed, err := json.Marshal(value)
	return relaxed, err == nil
}

var (
	timeType        = reflect.TypeFor[time.Time]()
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
)

// relaxValue returns value as typ wants it; nil where it holds nothing usable.
func relaxValue(value any, typ reflect.Type, changed *bool) any {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == timeType:
		return relaxTime(value, changed)
	case reflect.PointerTo(typ).Implements(unmarshalerType):
		return value
	}
	switch typ.Kind() {
	case reflect.Struct:
		relaxStruct(value, typ, changed)
	case reflect.Slice:
		items, _ := value.([]any)
		for i := range items {
			items[i] = relaxValue(items[i], typ.Elem(), changed)
		}
	case reflect.Int, reflect.Int64:
		return relaxNumber(value, true, changed)
	case reflect.Float64:
		return relaxNumber(value, false, changed)
	case reflect.String:
		if n, ok := value.(json.Number); ok {
			*changed = true
			return n.String()
		}
	}
	return value
}

func relaxStruct(value any, typ reflect.Type, changed *bool) {
	object, _ := value.(map[string]any)
	for field := range typ.Fields() {
		if field.Anonymous {
			relaxStruct(value, field.Type, changed)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if v, ok := object[name]; ok && name != "" {
			object[name] = relaxValue(v, field.Type, changed)
		}
	}
}

// timeForms are the ways an API writes a time besides RFC 3339.
var timeForms = []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.DateOnly, time.RFC1123}

// relaxTime reads other forms of a time, Unix seconds among them; what is none
// becomes null, which leaves the field zero.
func relaxTime(value any, changed *bool) any {
	switch v := value.(type) {
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil && t.Year() >= 0 {
			return v
		}
		*changed = true
		for _, form := range timeForms {
			if t, err := time.Parse(form, strings.TrimSpace(v)); err == nil {
				return t.UTC().Format(time.RFC3339Nano)
			}
		}
	case json.Number:
		*changed = true
		const year10000 = 253402300800
		if f, err := v.Float64(); err == nil && f > 0 && f < year10000 {
			whole, fraction := math.Modf(f)
			return time.Unix(int64(whole), int64(fraction*1e9)).UTC().Format(time.RFC3339Nano)
		}
	case nil:
		return nil
	default:
		*changed = true
	}
	return nil
}

// relaxNumber reads a number in a string, and a whole one written as 3.0.
func relaxNumber(value any, whole bool, changed *bool) any {
	text := ""
	switch v := value.(type) {
	case string:
		text = strings.TrimSpace(v)
	case json.Number:
		text = v.String()
	default:
		return value
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || whole && (f != math.Trunc(f) || math.Abs(f) > 1<<53):
		if _, isText := value.(string); isText && text == "" {
			*changed = true
			return nil
		}
		return value
	case whole:
		n := json.Number(strconv.FormatInt(int64(f), 10))
		*changed = *changed || n != value
		return n
	}
	n := json.Number(strconv.FormatFloat(f, 'g', -1, 64))
	if _, isText := value.(string); isText {
		*changed = true
		return n
	}
	return value
}
