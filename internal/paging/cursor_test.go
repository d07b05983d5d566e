package paging

import (
	"fmt"
	"slices"
	"testing"
)

// block is a paging block in the page dialect, and offsetBlock one that counts
// items.
func block(page, pages, total int) *Block {
	return &Block{Page: page, Pages: pages, Total: total, Limit: 2, HasNext: new(page < pages)}
}

func offsetBlock(offset, limit, total int) *Block {
	return &Block{Offset: &offset, Limit: limit, Total: total, HasNext: new(offset+2 < total)}
}

func TestCursor_ahead(t *testing.T) {
	pages := func(numbers ...int) (out []Position) {
		for _, n := range numbers {
			out = append(out, Position{Page: n})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		cursor Cursor[string]
		n      int
		want   []Position
	}{
		{"nothing told yet", Cursor[string]{at: Position{Page: 1}}, 9, pages(1)},
		{"the rest of the list", Cursor[string]{at: Position{Page: 2}, told: outlook{pages: 4}}, 9, pages(2, 3, 4)},
		{"as many as may be", Cursor[string]{at: Position{Page: 2}, told: outlook{pages: 99}}, 3, pages(2, 3, 4)},
		{"the due page alone", Cursor[string]{at: Position{Page: 2}, told: outlook{pages: 99}}, 1, pages(2)},
		{"only has_next says more", Cursor[string]{at: Position{Page: 5}, told: outlook{pages: 4}}, 9, pages(5)},
		{"absurd pages", Cursor[string]{at: Position{Page: 2}, told: outlook{pages: -1}}, 9, pages(2)},
		{"capped", Cursor[string]{at: Position{Page: 4}, told: outlook{pages: 99}, maxPages: 5, counted: 3}, 9, pages(4, 5)},
		{"capped at the due page", Cursor[string]{at: Position{Page: 4}, told: outlook{pages: 99}, maxPages: 4, counted: 3}, 9, pages(4)},

		{"by offset", Cursor[string]{at: Position{2, 10}, byOffset: true, told: outlook{total: 35, step: 10}}, 9, []Position{{2, 10}, {3, 20}, {4, 30}}},
		{"by offset, to the last item", Cursor[string]{at: Position{2, 10}, byOffset: true, told: outlook{total: 31, step: 10}}, 9, []Position{{2, 10}, {3, 20}, {4, 30}}},
		{"by offset, no page is left", Cursor[string]{at: Position{2, 10}, byOffset: true, told: outlook{total: 30, step: 10}}, 9, []Position{{2, 10}, {3, 20}}},
		{"by offset, total not told", Cursor[string]{at: Position{2, 10}, byOffset: true, told: outlook{step: 10}}, 9, []Position{{2, 10}}},
		{"by offset, absurd step", Cursor[string]{at: Position{2, 10}, byOffset: true, told: outlook{total: 35, step: int(^uint(0) >> 1)}}, 9, []Position{{2, 10}}},
	} {
		if got := c.cursor.Ahead(c.n); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// What was asked for ahead is asked for where the cursor then goes.
func TestCursor_goesWhereItSaid(t *testing.T) {
	for _, c := range []struct {
		name   string
		cursor Cursor[string]
		next   func(Position) *Block
		want   []Position
	}{
		{
			"by page", Cursor[string]{at: Position{Page: 1}, limit: 2},
			func(at Position) *Block { return block(at.Page, 4, 8) },
			[]Position{{Page: 2}, {Page: 3}, {Page: 4}},
		},
		{
			"by offset", Cursor[string]{at: Position{Page: 1}, byOffset: true, limit: 2},
			func(at Position) *Block { return offsetBlock(at.Offset, 2, 8) },
			[]Position{{2, 2}, {3, 4}, {4, 6}},
		},
		{
			"by offset, the server's pages are smaller", Cursor[string]{at: Position{Page: 1}, byOffset: true, limit: 100},
			func(at Position) *Block { return offsetBlock(at.Offset, 2, 8) },
			[]Position{{2, 2}, {3, 4}, {4, 6}},
		},
		{
			"by offset, the server does not tell its limit", Cursor[string]{at: Position{Page: 1}, byOffset: true, limit: 2},
			func(at Position) *Block { return offsetBlock(at.Offset, 0, 8) },
			[]Position{{2, 2}, {3, 4}, {4, 6}},
		},
	} {
		w := c.cursor
		if step := w.Advance(nextIDs(&w), c.next(w.at)); step != (Step{}) {
			t.Fatalf("%s: the first page ends it: %+v", c.name, step)
		}
		if got := w.Ahead(9); !slices.Equal(got, c.want) {
			t.Errorf("%s: ahead %v, want %v", c.name, got, c.want)
		}
		for i, at := range c.want {
			if w.At() != at {
				t.Errorf("%s: went to %v, said %v", c.name, w.At(), at)
			}
			if step := w.Advance(nextIDs(&w), c.next(w.At())); step != (Step{Last: i == len(c.want)-1}) {
				t.Errorf("%s: at %v: %+v", c.name, at, step)
			}
		}
	}
}

// nextIDs returns two ids that no page before had.
func nextIDs(c *Cursor[string]) []string {
	return []string{fmt.Sprint("a", c.arrived), fmt.Sprint("b", c.arrived)}
}

// A page that repeats the one before is a lie, unless the list has grown by as
// much meanwhile.
func TestCursor_repeatedPage(t *testing.T) {
	for _, c := range []struct {
		total int
		want  string
	}{
		{8, "page 2 repeats the one before"}, {9, "page 2 repeats the one before"}, {10, ""}, {11, ""}, {0, "page 2 repeats the one before"},
	} {
		w := New[string](Config{Limit: 2})
		w.Advance([]string{"a", "b"}, block(1, 4, 8))
		if got := w.Advance([]string{"a", "b"}, block(2, 5, c.total)).Invalid; got != c.want {
			t.Errorf("total %d after 8: %q, want %q", c.total, got, c.want)
		}
	}
}

func TestCursor_overtaken(t *testing.T) {
	w := Cursor[string]{arrived: 3, told: outlook{total: 10}}
	for _, c := range []struct {
		since, total int
		want         bool
	}{
		{2, 9, true}, {0, 9, true}, {2, 10, false}, {2, 11, false},
		{3, 9, false}, // asked for after the page before had come: only a delete can have done it
	} {
		if got := w.Overtaken(c.since, block(4, 5, c.total)); got != c.want {
			t.Errorf("since %d, total %d: %t", c.since, c.total, got)
		}
	}
	if w.Overtaken(0, nil) {
		t.Error("a page without a block tells nothing")
	}
}
