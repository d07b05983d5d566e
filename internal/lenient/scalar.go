package lenient

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// scalar coerces a boolean, a number or text to the kind of v.
func scalar(raw []byte, v reflect.Value, path string) error {
	kind := kindOf(raw)
	if kind == "object" || kind == "array" {
		return wrongKind(raw, path)
	}
	if v.Kind() == reflect.String {
		v.SetString(string(raw)) // Unmarshal reads JSON strings
		return nil
	}
	text := string(raw)
	if kind == "string" {
		if json.Unmarshal(raw, &text) != nil {
			return wrongKind(raw, path)
		}
		if text = strings.TrimSpace(text); text == "" {
			return errAbsent
		}
	}
	if !parse(text, v) {
		return wrongKind(raw, path)
	}
	return nil
}

// parse sets v to the boolean or number that text holds.
func parse(text string, v reflect.Value) bool {
	switch {
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return false
		}
		v.SetBool(b)
	case v.CanInt():
		n, ok := whole(text)
		if !ok || v.OverflowInt(n) {
			return false
		}
		v.SetInt(n)
	case v.CanUint():
		n, ok := whole(text)
		if !ok || n < 0 || v.OverflowUint(uint64(n)) {
			return false
		}
		v.SetUint(uint64(n))
	case v.CanFloat():
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || !json.Valid([]byte(text)) || v.OverflowFloat(f) {
			return false
		}
		v.SetFloat(f)
	default:
		return false
	}
	return true
}

// whole reads a whole number, also one written as 3.0 or 3e2.
func whole(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(text, 64)
	return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) <= exact
}
