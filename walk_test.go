package connix

import (
	"fmt"
	"slices"
	"testing"
)

// block is a paging block in the page dialect, and offsetBlock one that counts
// items.
func block(page, pages, total int) *wirePagination {
	return &wirePagination{Page: page, Pages: pages, Total: total, Limit: 2, HasNext: page < pages}
}

func offsetBlock(offset, limit, total int) *wirePagination {
	return &wirePagination{Offset: &offset, Limit: limit, Total: total, HasNext: offset+2 < total}
}

func TestWalkAhead(t *testing.T) {
	pages := func(numbers ...int) (out []place) {
		for _, n := range numbers {
			out = append(out, place{page: n})
		}
		return out
	}
	for _, c := range []struct {
		name string
		walk walk
		n    int
		want []place
	}{
		{"nothing told yet", walk{at: place{page: 1}}, 9, pages(1)},
		{"the rest of the list", walk{at: place{page: 2}, told: outlook{pages: 4}}, 9, pages(2, 3, 4)},
		{"as many as may be", walk{at: place{page: 2}, told: outlook{pages: 99}}, 3, pages(2, 3, 4)},
		{"the due page alone", walk{at: place{page: 2}, told: outlook{pages: 99}}, 1, pages(2)},
		{"only has_next says more", walk{at: place{page: 5}, told: outlook{pages: 4}}, 9, pages(5)},
		{"absurd pages", walk{at: place{page: 2}, told: outlook{pages: -1}}, 9, pages(2)},
		{"capped", walk{at: place{page: 4}, told: outlook{pages: 99}, maxPages: 5, fetched: 3}, 9, pages(4, 5)},
		{"capped at the due page", walk{at: place{page: 4}, told: outlook{pages: 99}, maxPages: 4, fetched: 3}, 9, pages(4)},

		{"by offset", walk{at: place{2, 10}, offsets: true, told: outlook{total: 35, step: 10}}, 9, []place{{2, 10}, {3, 20}, {4, 30}}},
		{"by offset, to the last item", walk{at: place{2, 10}, offsets: true, told: outlook{total: 31, step: 10}}, 9, []place{{2, 10}, {3, 20}, {4, 30}}},
		{"by offset, no page is left", walk{at: place{2, 10}, offsets: true, told: outlook{total: 30, step: 10}}, 9, []place{{2, 10}, {3, 20}}},
		{"by offset, total not told", walk{at: place{2, 10}, offsets: true, told: outlook{step: 10}}, 9, []place{{2, 10}}},
		{"by offset, absurd step", walk{at: place{2, 10}, offsets: true, told: outlook{total: 35, step: int(^uint(0) >> 1)}}, 9, []place{{2, 10}}},
	} {
		if got := c.walk.ahead(c.n); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// What was asked for ahead is asked for where the walk then goes.
func TestWalkGoesWhereItSaid(t *testing.T) {
	for _, c := range []struct {
		name string
		walk walk
		next func(place) *wirePagination
		want []place
	}{
		{
			"by page", walk{at: place{page: 1}, limit: 2},
			func(at place) *wirePagination { return block(at.page, 4, 8) },
			[]place{{page: 2}, {page: 3}, {page: 4}},
		},
		{
			"by offset", walk{at: place{page: 1}, offsets: true, limit: 2},
			func(at place) *wirePagination { return offsetBlock(at.offset, 2, 8) },
			[]place{{2, 2}, {3, 4}, {4, 6}},
		},
		{
			"by offset, the server's pages are smaller", walk{at: place{page: 1}, offsets: true, limit: 100},
			func(at place) *wirePagination { return offsetBlock(at.offset, 2, 8) },
			[]place{{2, 2}, {3, 4}, {4, 6}},
		},
		{
			"by offset, the server does not tell its limit", walk{at: place{page: 1}, offsets: true, limit: 2},
			func(at place) *wirePagination { return offsetBlock(at.offset, 0, 8) },
			[]place{{2, 2}, {3, 4}, {4, 6}},
		},
	} {
		w := c.walk
		if a := w.arrived(2, false, c.next(w.at)); a != (arrival{}) {
			t.Fatalf("%s: the first page ends it: %+v", c.name, a)
		}
		if got := w.ahead(9); !slices.Equal(got, c.want) {
			t.Errorf("%s: ahead %v, want %v", c.name, got, c.want)
		}
		for i, at := range c.want {
			if w.at != at {
				t.Errorf("%s: went to %v, said %v", c.name, w.at, at)
			}
			a := w.arrived(2, false, c.next(w.at))
			if a.invalid != "" || a.drop || a.last != (i == len(c.want)-1) {
				t.Errorf("%s: at %v: %+v", c.name, at, a)
			}
		}
	}
}

// A page that repeats the one before is a lie, unless the list has grown by as
// much meanwhile.
func TestWalkRepeats(t *testing.T) {
	for _, c := range []struct {
		total int
		want  string
	}{
		{8, "page 2 repeats the one before"}, {9, "page 2 repeats the one before"}, {10, ""}, {11, ""}, {0, "page 2 repeats the one before"},
	} {
		w := walk{at: place{page: 1}, limit: 2}
		w.arrived(2, false, block(1, 4, 8))
		if got := w.arrived(2, true, block(2, 5, c.total)).invalid; got != c.want {
			t.Errorf("total %d after 8: %q, want %q", c.total, got, c.want)
		}
	}
}

func TestWalkOvertaken(t *testing.T) {
	w := walk{fetched: 3, told: outlook{total: 10}}
	for _, c := range []struct {
		since, total int
		want         bool
	}{
		{2, 9, true}, {0, 9, true}, {2, 10, false}, {2, 11, false},
		{3, 9, false}, // asked for after the page before had come: only a delete can have done it
	} {
		if got := w.overtaken(c.since, block(4, 5, c.total)); got != c.want {
			t.Errorf("since %d, total %d: %t", c.since, c.total, got)
		}
	}
	if w.overtaken(0, nil) {
		t.Error("a page without a block tells nothing")
	}
}

func TestRecentIDs(t *testing.T) {
	var seen recentIDs
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

func nthID(i int) ID { return ID(fmt.Sprint("agent_", i)) }
