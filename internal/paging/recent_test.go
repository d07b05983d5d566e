package paging

import (
	"fmt"
	"testing"
)

func TestRecent(t *testing.T) {
	var seen recent[string]
	if seen.has("a") || seen.has("") {
		t.Error("it has ids before any were added")
	}
	for i := range 5000 {
		seen.add("")
		seen.add(nthID(i))
		for back := range recentItems {
			if at := i - back; at >= 0 && back%97 == 0 && !seen.has(nthID(at)) {
				t.Fatalf("after %d: %d is forgotten", i, at)
			}
		}
		if n := len(seen.young) + len(seen.old); n > 2*recentItems {
			t.Fatalf("after %d: it holds %d ids", i, n)
		}
	}
	if seen.has("") {
		t.Error("no id is an id")
	}
	if seen.has(nthID(0)) {
		t.Error("nothing is ever forgotten")
	}
}

func nthID(i int) string { return fmt.Sprint("agent_", i) }
