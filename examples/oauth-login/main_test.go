package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestLogsInOnce(t *testing.T) {
	t.Setenv("CONNIX_OAUTH_CLIENT_ID", "")
	var out bytes.Buffer
	if err := run(t.Context(), &out, false, false); err != nil {
		t.Fatal(err)
	}
	for text, n := range map[string]int{"To log in": 1, "Hello Gopher!": 2} {
		if got := strings.Count(out.String(), text); got != n {
			t.Errorf("%q comes %d times, want %d, in:\n%s", text, got, n, out.String())
		}
	}
}

func TestLogsOut(t *testing.T) {
	t.Setenv("CONNIX_OAUTH_CLIENT_ID", "")
	if err := run(t.Context(), new(bytes.Buffer), false, true); err != nil {
		t.Error(err)
	}
}
