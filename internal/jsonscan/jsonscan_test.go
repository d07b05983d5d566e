package jsonscan_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/connix-io/connix-go/internal/jsonscan"
)

// scan returns the fields of an object, the last of several with one key.
func scan(text string) (fields map[string]string, ok bool) {
	fields = map[string]string{}
	ok = jsonscan.Object([]byte(text), func(key, value []byte) { fields[string(key)] = string(value) })
	return fields, ok
}

func TestObject_fields(t *testing.T) {
	tests := map[string]struct {
		text string
		want map[string]string
	}{
		"empty":            {"{}", map[string]string{}},
		"blanks":           {" {\n\t\"a\" : [ 1 , 2 ] ,\r\"b\":{\"c\":\"d\"} } ", map[string]string{"a": "[ 1 , 2 ]", "b": `{"c":"d"}`}},
		"every kind":       {`{"s":"x","n":-1.5e+7,"t":true,"f":false,"z":null,"o":{},"a":[]}`, map[string]string{"s": `"x"`, "n": "-1.5e+7", "t": "true", "f": "false", "z": "null", "o": "{}", "a": "[]"}},
		"escaped keys":     {`{"\u0069d":"\u00e9\"\\","k\\":"\t"}`, map[string]string{"id": `"\u00e9\"\\"`, `k\`: `"\t"`}},
		"the last of two":  {`{"a":1,"a":2}`, map[string]string{"a": "2"}},
		"inner keys":       {`{"a":{"b":1},"c":[{"d":2}]}`, map[string]string{"a": `{"b":1}`, "c": `[{"d":2}]`}},
		"an empty key":     {`{"":0}`, map[string]string{"": "0"}},
		"cases differ":     {`{"ID":1,"id":2}`, map[string]string{"ID": "1", "id": "2"}},
		"numbers that end": {`{"a":0,"b":-0.1E-9,"c":12}`, map[string]string{"a": "0", "b": "-0.1E-9", "c": "12"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := scan(tt.text)
			if !ok || !maps.Equal(got, tt.want) {
				t.Errorf("%q, %v; want %q", got, ok, tt.want)
			}
		})
	}
}

func TestObject_refuses(t *testing.T) {
	for _, text := range []string{
		"", " ", "null", "true", "17", `"text"`, `[{"a":1}]`, `{"a":1`, `{"a":1}}`, `{"a":1} x`, `{"a":1,}`, `{,"a":1}`,
		`{"a":1 "b":2}`, `{"a" 1}`, `{'a':1}`, `{"a":}`, `{"a":[1,]}`, `{"a":[1 2]}`, `{"a":[}`, `{"a":01}`, `{"a":1.}`, `{"a":.5}`,
		`{"a":1e}`, `{"a":-}`, `{"a":+1}`, `{"a":tru}`, `{"a":nul`, `{"a":"` + "\n" + `"}`, `{"a":"\x"}`, `{"a":"\u12g4"}`,
		`{"a":"\u12`, `{"a":"\`, `{"a":"`, `{"a`, `{`, "\ufeff{}", "<html></html>", "a=1", "\v{}",
	} {
		if got, ok := scan(text); ok {
			t.Errorf("%q was accepted: %q", text, got)
		}
		if json.Valid([]byte(text)) && text[0] == '{' {
			t.Errorf("%q is valid", text)
		}
	}
}

// TestObject_depth bounds nesting as encoding/json does.
func TestObject_depth(t *testing.T) {
	for _, depth := range []int{100, 9998, 9999, 10000, 200000} {
		for open, end := range map[string]string{"[": "]", `{"a":`: "}"} {
			text := `{"data":` + strings.Repeat(open, depth) + "0" + strings.Repeat(end, depth) + "}"
			if _, ok := scan(text); ok != json.Valid([]byte(text)) {
				t.Errorf("depth %d of %s: accepted %v", depth, open, ok)
			}
		}
	}
}

func TestText(t *testing.T) {
	for value, want := range map[string]string{
		`"plain"`: "plain", `""`: "", `"é"`: "é", `"\u00e9\"\\\ud83d\ude00"`: "é\"\\😀", `"\ud800"`: "\ufffd",
		"\"\xff\"": "\ufffd", "17": "17", "-1.5e+7": "-1.5e+7", "9007199254740993": "9007199254740993",
		"null": "", "true": "", "false": "", "{}": "", "[]": "",
	} {
		if got := jsonscan.Text([]byte(value)); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}

// FuzzObject accepts what encoding/json accepts and finds the same in it.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		`{"id":"evt_1","type":"agent.launched","data":{"a":[1,2,{"b":null}]}}`, `{"\u0074ype":"t","id":-1.5e+7,"data":"\ud800\"","":"x"}`,
		`{"data":[[],{},"",0,-0.1E-9,true,false,null]}x`, "{\"type\":\"\xff\",\"data\":\"\x1f\"}", "[]", "{}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := scan(text)
		var want map[string]json.RawMessage
		valid := json.Unmarshal([]byte(text), &want) == nil && want != nil
		if ok != valid {
			t.Fatalf("%q: accepted %v, want %v", text, ok, valid)
		}
		if !valid {
			return
		}
		for key, value := range want {
			if strings.Contains(key, "\ufffd") {
				continue // several keys become one
			}
			if got[key] != string(value) {
				t.Errorf("%q: field %q is %q, want %q", text, key, got[key], value)
			}
			var s string
			if json.Unmarshal(value, &s) == nil && value[0] == '"' && jsonscan.Text(value) != s {
				t.Errorf("%q: text %q, want %q", value, jsonscan.Text(value), s)
			}
		}
	})
}
