package lenient_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/lenient"
)

type (
	// Base is embedded, by value and by pointer.
	Base struct {
		ID    int `json:"id"`
		Count int
	}
	hidden struct{ Buried int }
	// Words is embedded and not a struct.
	Words []string

	item struct {
		N *int      `json:"n"`
		T time.Time `json:"t"`
	}
	// everything has fields of all kinds.
	everything struct {
		*Base
		hidden
		Words
		Untagged int
		Text     string             `json:"text"`
		Flag     bool               `json:"flag"`
		Small    int8               `json:"small"`
		Unsigned uint16             `json:"unsigned"`
		Float    float32            `json:"float"`
		Quoted   int                `json:"quoted,string"`
		Ignored  int                `json:"-"`
		Dash     int                `json:"-,"` //nolint:staticcheck // it is the name that is tested
		Any      any                `json:"any"`
		At       *time.Time         `json:"at"`
		Items    []item             `json:"items"`
		ByName   map[string]item    `json:"by_name"`
		Floats   map[string]float64 `json:"floats"`
		Blob     []byte             `json:"blob"`
		Needed   []int              `json:"needed" lenient:"required"`
	}
)

func always(reflect.Type) bool { return true }
func never(reflect.Type) bool  { return false }

func TestCoerce_kinds(t *testing.T) {
	at := time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)
	for body, want := range map[string]everything{
		`{"id":"7","Count":"8"}`:               {Base: &Base{ID: 7, Count: 8}},
		`{"ID":"7"}`:                           {Base: &Base{ID: 7}},
		`{"untagged":"5","UNTAGGED":"6"}`:      {Untagged: 6},
		`{"Untagged":"5","untagged":"6"}`:      {Untagged: 5},
		`{"Buried":"5"}`:                       {hidden: hidden{5}},
		`{"Words":[1,"two",true]}`:             {Words: Words{"1", "two", "true"}},
		`{"text":4.5}`:                         {Text: "4.5"},
		`{"text":false}`:                       {Text: "false"},
		`{"flag":1}`:                           {Flag: true},
		`{"flag":"TRUE"}`:                      {Flag: true},
		`{"flag":"0"}`:                         {},
		`{"flag":""}`:                          {},
		`{"small":"-128"}`:                     {Small: -128},
		`{"small":3.0}`:                        {Small: 3},
		`{"unsigned":6e1}`:                     {Unsigned: 60},
		`{"float":"0.5"}`:                      {Float: 0.5},
		`{"quoted":5}`:                         {Quoted: 5},
		`{"quoted":"5","flag":"1"}`:            {Quoted: 5, Flag: true},
		`{"-":"5"}`:                            {Dash: 5},
		`{"at":"2024-01-15 10:30"}`:            {At: &at},
		`{"at":""}`:                            {},
		`{"items":[{"n":"1"},null,{"n":""}]}`:  {Items: []item{{N: new(1)}, {}, {}}},
		`{"by_name":{"a":{"n":"1"},"b":null}}`: {ByName: map[string]item{"a": {N: new(1)}, "b": {}}},
		`{"floats":{"a":"1.5"}}`:               {Floats: map[string]float64{"a": 1.5}},
		`{"any":9007199254740993,"flag":"1"}`:  {Any: json.Number("9007199254740993"), Flag: true},
		`{"Ignored":"5"}`:                      {},
	} {
		var got everything
		unread, err := lenient.Coerce([]byte(body), reflect.ValueOf(&got).Elem(), never)
		if err != nil || unread != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v, %v\nwant %+v", body, got, unread, err, want)
		}
	}
}

// What a field cannot be is left out where that is tolerated, and else an error
// that names the field.
func TestCoerce_unreadable(t *testing.T) {
	for body, path := range map[string]string{
		`{"id":{}}`: "id", `{"text":[]}`: "text", `{"flag":"maybe"}`: "flag", `{"flag":2}`: "flag", `{"small":128}`: "small", `{"small":1.5}`: "small",
		`{"unsigned":-1}`: "unsigned", `{"unsigned":70000}`: "unsigned", `{"float":"NaN"}`: "float", `{"float":"0x1p4"}`: "float", `{"float":1e300}`: "float",
		`{"items":{}}`: "items", `{"items":[{"n":[]}]}`: "items[0].n", `{"items":[7]}`: "items", `{"by_name":[]}`: "by_name", `{"by_name":{"a":7}}`: "by_name",
		`{"blob":"!"}`: "blob", `{"Words":{}}`: "Words", `{"quoted":"x"}`: "quoted",
	} {
		got := everything{Untagged: 1, Text: "before"}
		unread, err := lenient.Coerce([]byte(body), reflect.ValueOf(&got).Elem(), always)
		if err != nil || len(unread) != 1 || unread[0] != path {
			t.Errorf("%s, tolerated: %v, %v", body, unread, err)
		}
		if got.Untagged != 1 || got.Text != "before" || got.Words != nil || got.Blob != nil || got.ByName != nil {
			t.Errorf("%s changed other things: %+v", body, got)
		}
		if unread, err := lenient.Coerce([]byte(body), reflect.ValueOf(&got).Elem(), never); err == nil || unread != nil || !strings.HasPrefix(err.Error(), strings.TrimSuffix(path, "[0].n")) {
			t.Errorf("%s, not tolerated: %v, %v", body, unread, err)
		}
	}
	for _, body := range []string{`{"needed":{}}`, `{"needed":["x"]}`, `[]`, `7`, `"x"`} {
		var got everything
		if unread, err := lenient.Coerce([]byte(body), reflect.ValueOf(&got).Elem(), always); err == nil {
			t.Errorf("%s: %v, %+v", body, unread, got)
		}
	}
	for _, body := range []string{"", "{", "{}{}", "nonsense"} {
		var got everything
		if _, err := lenient.Coerce([]byte(body), reflect.ValueOf(&got).Elem(), always); err == nil {
			t.Errorf("%q is read", body)
		}
	}
}

// A time that is none is zero and reported, whoever the field belongs to.
func TestCoerce_unreadableTime(t *testing.T) {
	got := everything{At: new(time.Now())}
	unread, err := lenient.Coerce([]byte(`{"at":"never","items":[{"t":"soon","n":1}]}`), reflect.ValueOf(&got).Elem(), never)
	if err != nil || !reflect.DeepEqual(unread, []string{"at", "items[0].t"}) || got.At != nil || *got.Items[0].N != 1 {
		t.Errorf("%v, %v, %+v", unread, err, got)
	}
}

// A type within itself ends somewhere.
func TestCoerce_deep(t *testing.T) {
	type node struct {
		Next *node `json:"next"`
		N    int   `json:"n"`
	}
	deep := strings.Repeat(`{"next":`, 1000) + `{"n":"1"}` + strings.Repeat("}", 1000)
	var got node
	if _, err := lenient.Coerce([]byte(deep), reflect.ValueOf(&got).Elem(), never); err == nil {
		t.Error("a thousand levels are read, one by one")
	}
}

func TestTime_forms(t *testing.T) {
	at := time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2024-01-15T10:30:00Z": at, "2024-01-15t10:30:00z": at, "2024-01-15 10:30:00Z": at, "2024-01-15 10:30:00 Z": at, "2024-01-15T10:30:00": at,
		"2024-01-15 10:30:00": at, "2024-01-15T10:30": at, "2024-01-15T10:30Z": at, "2024-01-15 10:30:00 UTC": at, "2024-01-15T10:30:00utc": at,
		"2024-01-15T12:30:00+02": at, "2024-01-15T12:30:00+0200": at, "2024-01-15T12:30:00+02:00": at, "2024-01-15 12:30:00 +0200": at,
		"2024-01-15T05:00:00-05:30": at, "2024-01-15T05:00:00-0530": at, "2024-01-15T00:30:00 -10": at, "2024-01-15T10:30:00+0000": at,
		"2024-01-15T10:30:00.5Z": at.Add(5e8), "2024-01-15T10:30:00,5Z": at.Add(5e8), "2024-01-15T10:30:00.123456789+0000": at.Add(123456789),
		"2024-01-15 10:30:00,123": at.Add(123e6), " 2024-01-15T10:30:00Z ": at, "2024-01-15": at.Truncate(24 * time.Hour),
		"Mon, 15 Jan 2024 10:30:00 GMT": at, "Mon, 15 Jan 2024 12:30:00 +0200": at,
	} {
		if got, ok := lenient.ParseTime(text); !ok || !got.Equal(want) {
			t.Errorf("%q is read as %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "never", "0000-00-00 00:00:00", "2024-02-30", "2024-01-15T25:00:00Z", "10000-01-01T00:00:00Z", "2024-01-15T10:30:00+2", "2024-01-15T10:30:00+25:00",
		"Mon, 15 Jan 2024 10:30:00 EST", "2024-01-15T10:30:00 CEST", "20240115", "2024-01-15T", "2024-01-15 Z", "+02",
	} {
		if got, ok := lenient.ParseTime(text); ok || !got.IsZero() {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	for raw, want := range map[string]time.Time{`1705314600`: at, `1705314600.5`: at.Add(5e8), `0`: {}, `-1`: {}, `1e300`: {}, `1705314600000`: {}, `true`: {}, `{}`: {}, `null`: {}} {
		if got, ok := lenient.Time([]byte(raw)); !got.Equal(want) || ok == want.IsZero() {
			t.Errorf("%s is read as %v, %v", raw, got, ok)
		}
	}
}

// Decoders serve many bodies, and none leaves anything to the next.
func TestUnmarshal_inTurn(t *testing.T) {
	for range 3 {
		for body, want := range map[string]any{
			`{"n":1} `: map[string]any{"n": json.Number("1")}, " 12 ": json.Number("12"), `"x"`: "x", "null\n": nil, "\ufeff[true]": []any{true}, "-0.10": json.Number("-0.10"),
		} {
			var got any
			if err := lenient.Unmarshal([]byte(body), &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %#v, %v", body, got, err)
			}
		}
		for _, body := range []string{"", " ", "{", "{} x", "[1]]", "1 2", "nul", "\ufeff", "{}\ufeff"} {
			var got any
			if err, want := lenient.Unmarshal([]byte(body), &got), json.Unmarshal([]byte(strings.TrimPrefix(body, "\ufeff")), &got); err == nil || want == nil || err.Error() != want.Error() {
				t.Errorf("%q: %v, want %v", body, err, want)
			}
		}
	}
}

// Whatever the JSON, a value that encoding/json reads is read alike, and nothing
// panics.
func FuzzCoerce(f *testing.F) {
	for _, seed := range []string{
		`{"id":"7","text":5,"flag":"1","at":"2024-01-15","items":[{"n":"1"}],"needed":[1]}`, `{"small":1e2,"by_name":{"":{}},"blob":"YQ=="}`, `[]`, `{"-":"1","quoted":"\"1\""}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var plain, coerced everything
		err := json.Unmarshal([]byte(body), &plain)
		unread, coerceErr := lenient.Coerce([]byte(body), reflect.ValueOf(&coerced).Elem(), always)
		plain.Any, coerced.Any = nil, nil // whose numbers differ
		if err == nil && !strings.HasPrefix(body, "\ufeff") && (coerceErr != nil || unread != nil || !reflect.DeepEqual(plain, coerced)) {
			t.Errorf("%q is read as %+v, %v, %v, want %+v", body, coerced, unread, coerceErr, plain)
		}
		if _, err := json.Marshal(coerced); coerceErr == nil && err != nil {
			t.Errorf("%q is read as %+v, which cannot be written: %v", body, coerced, err)
		}
	})
}

// Whatever the text, a time that is read can be written and is read again alike.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2024-01-15T10:30:00Z", "2024-01-15 10:30:00,5 +02", "Mon, 15 Jan 2024 10:30:00 GMT", "0000-01-01T00:00:00+23", "9999-12-31 23:59 -2359"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := lenient.ParseTime(text)
		if !ok {
			return
		}
		written, err := at.MarshalText()
		again, ok := lenient.ParseTime(string(written))
		if err != nil || !ok || !again.Equal(at) {
			t.Errorf("%q is read as %v, written as %s, %v, and read again as %v", text, at, written, err, again)
		}
	})
}
