package yamljson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/connix-io/connix-go/contract/internal/yamljson"
)

func TestConvert(t *testing.T) {
	const source = `
z: one   # the order is kept
'200': {a: [1, -2.5, 1e3], b: {}}
folded: >-
  two
  lines
html: <a & b>
quoted: '2024-01-15T10:30:00Z'
flags: [true, false, null, ~]
empty: []
`
	const want = `{
  "z": "one",
  "200": {
    "a": [
      1,
      -2.5,
      1e3
    ],
    "b": {}
  },
  "folded": "two lines",
  "html": "<a & b>",
  "quoted": "2024-01-15T10:30:00Z",
  "flags": [
    true,
    false,
    null,
    null
  ],
  "empty": []
}
`
	got, err := yamljson.Convert([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// bomb is a short document that unfolds to 10^8 numbers.
func bomb() string {
	text := "a0: &a0 [0,0,0,0,0,0,0,0,0,0]\n"
	for i := range 7 {
		text += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 10), ","))
	}
	return text
}

func TestConvert_anchors(t *testing.T) {
	const source = "x-anchors:\n  base: &base {a: 1, b: 2}\n  more: &more\n    <<: *base\n    c: 3\n" +
		"list: [*base, {<<: *more, b: own}]\nlast: {first: 0, <<: *base}\nquoted: {'<<': text}\n"
	const want = `{"list":[{"a":1,"b":2},{"a":1,"c":3,"b":"own"}],"last":{"first":0,"a":1,"b":2},"quoted":{"<<":"text"}}`
	got, err := yamljson.Convert([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, got); err != nil || compact.String() != want {
		t.Errorf("got %s, %v, want %s", compact.String(), err, want)
	}
}

func TestConvertRefuses(t *testing.T) {
	for _, tc := range []struct{ name, source, want string }{
		{"anchor in itself", "a: &x [*x]", "line 1: the anchor \"x\" contains itself"},
		{"merge of itself", "a: &x {<<: *x}", "line 1: the anchor \"x\" contains itself"},
		{"merge of a list", "a: &x [1]\nb: {<<: *x}", "line 2: << takes an alias of a mapping"},
		{"merge of no alias", "b: {<<: {c: 1}}", "line 1: << takes an alias of a mapping"},
		{"two merges", "a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x", "line 4: a mapping merges once"},
		{"anchors of anchors", bomb(), "unfolds to more than 16 MiB"},
		{"repeated key", "a: 1\na: 2", "line 2: the key \"a\" is there twice"},
		{"number as a key", "a:\n  200: b", "line 2: the key \"200\" is no text"},
		{"bare date", "a: 2024-01-15", "line 1: JSON has no !!timestamp"},
		{"bare time", "a: 2024-01-15T10:30:00Z", "line 1: JSON has no !!timestamp"},
		{"hexadecimal", "a: 0x10", "line 1: JSON has no number"},
		{"infinity", "a: .inf", "line 1: JSON has no number"},
		{"binary", "a: !!binary aGk=", "line 1: JSON has no !!binary"},
		{"no document", "", "no documents"},
		{"two documents", "a: 1\n---\nb: 2", "found multiple"},
		{"broken", "a: [1", "yamljson"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := yamljson.Convert([]byte(tc.source))
			if err == nil {
				t.Fatalf("taken as %s", got)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q does not say %q", err, tc.want)
			}
		})
	}
}

// FuzzConvert: whatever is taken comes out as JSON, and JSON (which is YAML)
// comes out as itself.
func FuzzConvert(f *testing.F) {
	for _, seed := range []string{"a: 1", "[1, two, {b: null}]", "'#': \"\\u2028\"", "- |\n  x\n  y\n", "? [a]\n: b", "{\"a\": 1e3}", "\xff", "a: &x {b: 1}\nc: {<<: *x}", "a: &x [*x]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		made, err := yamljson.Convert(source)
		if err != nil {
			return
		}
		if !json.Valid(made) {
			t.Fatalf("%q became %q", source, made)
		}
		if again, err := yamljson.Convert(made); err != nil || !bytes.Equal(again, made) {
			t.Errorf("%q became %q, %v", made, again, err)
		}
	})
}

// TestDocument proves that the two files of the OpenAPI document agree.
func TestDocument(t *testing.T) {
	const dir = "../../../internal/openapi/"
	source, err := os.ReadFile(dir + "openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile(dir + "openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	made, err := yamljson.Convert(source)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, committed) {
		t.Error("openapi.json is out of date with openapi.yaml; run: go generate ./internal/openapi")
	}
}
