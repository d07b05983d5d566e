package lenient_test

import (
	"slices"
	"testing"

	"github.com/connix-io/connix-go/internal/lenient"
)

func TestSecrets_byName(t *testing.T) {
	for body, want := range map[string][]string{
		`{"url":"u","secret":"s"}`:                         {"s"},
		`{"key":"k","keys":"x","monkey":"x","id":"key_1"}`: {"k"},
		`{"data":[{"apiKey":"a"},{"client_secret":"b"}]}`:  {"a", "b"},
		`{"tokens":["a",{"any":"b"}],"max_tokens":5}`:      {"a", "b"},
		"\ufeff" + `{"Password":"p"}`:                      {"p"},
		`{"secret":""}`:                                    nil,
		`{"secret":"s"`:                                    nil,
		`"secret"`:                                         nil,
		``:                                                 nil,
	} {
		got := lenient.Secrets([]byte(body))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
		if want != nil && !lenient.MayHoldSecret([]byte(body)) {
			t.Errorf("%s is not worth a look", body)
		}
	}
}
