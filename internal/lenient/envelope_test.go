package lenient_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/connix-io/connix-go/internal/lenient"
)

func TestReadEnvelope_forms(t *testing.T) {
	for body, want := range map[string]lenient.Envelope{
		`{"error":{"code":"A","message":"b","details":{"field":"f","issue":"i"},"request_id":"r"}}`: {
			Code: "A", Message: "b", RequestID: "r", Field: "f", Issue: "i", Details: []byte(`{"field":"f","issue":"i"}`),
		},
		`{"error":{"code":"A","details":"plain"}}`:                 {Code: "A", Issue: "plain", Details: []byte(`"plain"`)},
		`{"error":{"code":42,"message":true,"details":[1]}}`:       {Code: "42", Message: "true", Details: []byte(`[1]`)},
		`{"error":{"message":"b","code":["x"],"request_id":null}}`: {Message: "b"},
		"\ufeff" + `{"error":{"code":"A"}}`:                        {Code: "A"},
		`{"error":"invalid_grant","error_description":"spent"}`:    {Message: "invalid_grant: spent", Plain: true},
		`{"error":"Unauthorized","message":"who are you"}`:         {Message: "Unauthorized: who are you", Plain: true},
	} {
		if got, ok := lenient.ReadEnvelope([]byte(body)); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", body, got, ok, want)
		}
	}
	for _, body := range []string{"", "{}", `{"error":null}`, `{"error":{}}`, `{"error":""}`, `{"error":[1]}`, `{"error":7}`, `{"error":{"code":"A"`, `"error"`, `<p>"error"</p>`} {
		if got, ok := lenient.ReadEnvelope([]byte(body)); ok {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

func TestErrorAlone_besideAResult(t *testing.T) {
	type job struct {
		ID     string
		State  string         `json:"state"`
		Error  map[string]any `json:"error"`
		Detail *struct{}      `json:"detail"`
	}
	for body, want := range map[string][2]bool{ // alone for any result, for a job
		`{"error":{}}`: {true, true},
		`{"error":{},"request_id":"r","timestamp":"now"}`:    {true, true},
		`{"error":{},"data":null,"ok":false,"a":"","b":[ ]}`: {true, true},
		`{"error":{},"status":"error"}`:                      {false, true},
		`{"error":{},"id":"1"}`:                              {false, false},
		`{"error":{},"STATE":"failed"}`:                      {false, false},
		`{"error":{},"id":null,"state":""}`:                  {true, true},
		`{"error":{},"detail":{"a":1}}`:                      {false, false},
		`{"error":{},"n":0}`:                                 {false, true},
		`[{"error":{}}]`:                                     {false, false},
	} {
		got := [2]bool{lenient.ErrorAlone([]byte(body), nil), lenient.ErrorAlone([]byte(body), reflect.TypeFor[*job]())}
		if got != want {
			t.Errorf("%s: alone %v, want %v", body, got, want)
		}
	}
}

func TestWords_forms(t *testing.T) {
	for body, want := range map[string]string{
		`{"detail":[{"loc":["body","name"],"msg":"field required","type":"missing","input":{"secret":"s"}}]}`: "body.name: field required",
		`{"detail":[{"loc":["body",0,"url"],"msg":"not a URL"},{"loc":["query","limit"],"msg":"too large"}]}`: "body.0.url: not a URL; query.limit: too large",
		`{"detail":"Not Found"}`: "Not Found",
		`{"type":"about:blank","title":"Bad Request","detail":"name is too short","status":400}`: "Bad Request; name is too short",
		`{"message":"nope"}`: "nope",
		`{"message":["a must be a string","b is missing"]}`:       "a must be a string; b is missing",
		`{"errors":{"name":["is taken"],"email":["is invalid"]}}`: "email: is invalid; name: is taken",
		`{"errors":[{"field":"name","message":"is taken"}]}`:      "name: is taken",
		`{"errors":["1","2","3","4","5"]}`:                        "1; 2; 3; 4; …",
		`{"detail":{}}`:                                           "",
		`{"other":"x"}`:                                           "",
		`[]`:                                                      "",
		`<html>`:                                                  "",
		``:                                                        "",
	} {
		if got := lenient.Words([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// Whatever the body of an error, it is read or not, and nothing panics.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"error":{"code":"A","message":"b","details":{"field":"f"}}}`, `{"error":"x","message":7}`, `{"detail":[{"loc":["a",0],"msg":["x"]}],"errors":{"a":{"b":["c"]}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if e, ok := lenient.ReadEnvelope([]byte(body)); ok != (e.Code != "" || e.Message != "") {
			t.Errorf("%q: %+v, %v", body, e, ok)
		}
		_ = lenient.ErrorAlone([]byte(body), reflect.TypeFor[everything]())
		if words := lenient.Words([]byte(body)); strings.Count(words, "; ") > len(body) {
			t.Errorf("%q has the words %q", body, words)
		}
	})
}
