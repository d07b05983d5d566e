package paging

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// model is a list on a server, newest first, and its reader.
type model struct {
	rand     *rand.Rand
	items    []string
	made     int
	byOffset bool
	limit    int
	reads    int
	cursor   *Cursor[string]
	got      []string
	stays    map[string]bool // there from the beginning to the end
}

func newModel(seed uint64, n int) *model {
	m := &model{rand: rand.New(rand.NewPCG(seed, 0)), limit: 1 + int(seed%5), byOffset: seed%2 == 0, stays: map[string]bool{}}
	for range n {
		m.insert()
	}
	for _, id := range m.items {
		m.stays[id] = true
	}
	m.setLimit(m.limit)
	return m
}

func (m *model) setLimit(limit int) {
	m.limit = limit
	m.cursor = New[string](Config{Limit: limit, ByOffset: m.byOffset})
}

func (m *model) insert() {
	m.made++
	m.items = slices.Insert(m.items, 0, fmt.Sprint(m.made))
}

func (m *model) remove(id string) {
	if i := slices.Index(m.items, id); i >= 0 {
		m.items = slices.Delete(m.items, i, i+1)
		delete(m.stays, id)
	}
}

// page is the response of the server.
func (m *model) page(at Position) ([]string, *Block) {
	m.reads++
	from := at.Offset
	if !m.byOffset {
		from = (at.Page - 1) * m.limit
	}
	total := len(m.items)
	ids := slices.Clone(m.items[min(from, total):min(from+m.limit, total)])
	b := &Block{Limit: m.limit, Total: total, HasNext: new(from+m.limit < total)}
	if m.byOffset {
		b.Offset = &from
	} else {
		b.Page, b.Pages = at.Page, (total+m.limit-1)/m.limit
	}
	return ids, b
}

// read reads to the end as the client does; after each page and each item the
// list may change.
func (m *model) read(t *testing.T, afterPage func(), afterItem func(id string)) {
	var held []string
	deliver := func(ids []string) {
		fresh := slices.DeleteFunc(slices.Clone(ids), m.cursor.Seen)
		for _, id := range fresh {
			m.got = append(m.got, id)
			afterItem(id)
		}
		m.cursor.Count()
		m.cursor.Remember(fresh)
	}
	for m.reads < 5000 {
		ids, block := m.page(m.cursor.At())
		afterPage()
		switch step := m.cursor.Advance(ids, block); {
		case step.Invalid != "" || step.Drop:
			t.Fatalf("after %d reads: %+v", m.reads, step)
		case step.Back:
			if step.Hold {
				held = ids
			}
		default:
			if step.Held {
				deliver(held)
			}
			deliver(ids)
			if step.Last {
				return
			}
		}
	}
	t.Fatal("the list has no end")
}

// check asks that nothing came twice, and returns an item that was there all the
// time and did not come, if any.
func (m *model) check(t *testing.T, name string) string {
	t.Helper()
	came := map[string]bool{}
	for _, id := range m.got {
		if came[id] {
			t.Fatalf("%s: %s came twice", name, id)
		}
		came[id] = true
	}
	for id := range m.stays {
		if !came[id] {
			return id
		}
	}
	return ""
}

func nothing() {}

// The loop that deletes what it is given sees everything, in order, in at most
// two reads a page and two more.
func TestCursor_deleteEverything(t *testing.T) {
	for seed := range uint64(200) {
		n := int(seed % 37)
		m := newModel(seed, n)
		want := slices.Clone(m.items)
		m.read(t, nothing, func(id string) { m.remove(id) })
		if !slices.Equal(m.got, want) {
			t.Fatalf("%d of %d: got %v, want %v", m.limit, n, m.got, want)
		}
		if most := 2*((n+m.limit-1)/m.limit) + 2; m.reads > most {
			t.Errorf("%d of %d took %d reads, at most %d wanted", m.limit, n, m.reads, most)
		}
	}
}

// Deletions at the end, which move nothing, cost one page read again each.
func TestCursor_deletionsAtTheEnd(t *testing.T) {
	m := newModel(4, 100) // 5 at a time
	m.read(t, func() {
		if m.reads == 10 {
			for _, id := range slices.Clone(m.items[60:]) {
				m.remove(id)
			}
		}
	}, func(string) {})
	if missed := m.check(t, "at the end"); missed != "" {
		t.Errorf("%s did not come", missed)
	}
	if m.reads > 12+2 {
		t.Errorf("12 pages took %d reads", m.reads)
	}
}

// Whatever is deleted meanwhile, nothing that stays is missed or comes twice, and
// the reading ends.
func TestCursor_deletions(t *testing.T) {
	for seed := range uint64(2000) {
		m := newModel(seed, 60)
		m.churn(t, m.rand.Float64()*0.8, 0)
		if missed := m.check(t, fmt.Sprint("seed ", seed)); missed != "" {
			t.Fatalf("seed %d: %s did not come, of %d", seed, missed, len(m.stays))
		}
	}
}

// Where items are inserted before the list too, at nearly every look, insertions
// and deletions may cancel out in the totals. That costs next to nothing.
func TestCursor_deletionsAndInsertions(t *testing.T) {
	missed := 0
	for seed := range uint64(2000) {
		m := newModel(seed, 60)
		m.setLimit(m.limit + 3)
		m.churn(t, m.rand.Float64()*0.4, m.rand.Float64()*0.3)
		if m.check(t, fmt.Sprint("seed ", seed)) != "" {
			missed++
		}
	}
	if missed > 10 {
		t.Errorf("%d of 2000 readings missed an item", missed)
	}
}

// churn reads a list that others change at every look, and the reader too.
func (m *model) churn(t *testing.T, deletes, inserts float64) {
	t.Helper()
	m.read(t, func() {
		for m.rand.Float64() < deletes && len(m.items) > 0 {
			m.remove(m.items[m.rand.IntN(len(m.items))])
		}
		if m.made < 200 && m.rand.Float64() < inserts {
			m.insert()
		}
	}, func(id string) {
		if m.rand.Float64() < 0.2 {
			m.remove(id)
		}
	})
}

// A list that loses an item at every look is read to its end, with at most four
// reads a page.
func TestCursor_shrinksAtEveryLook(t *testing.T) {
	for _, front := range []bool{true, false} {
		m := newModel(4, 500)
		m.read(t, func() {
			if front {
				m.remove(m.items[0])
			} else {
				m.remove(m.items[len(m.items)-1])
			}
		}, func(string) {})
		if missed := m.check(t, "the list"); missed != "" {
			t.Errorf("front: %t: %s did not come", front, missed)
		}
		if m.reads > 4*100 {
			t.Errorf("front: %t: 100 pages took %d reads", front, m.reads)
		}
	}
}

// Without a total nothing is read again.
func TestCursor_shrinksWithoutTotal(t *testing.T) {
	c := New[string](Config{Limit: 2})
	for i, b := range []*Block{{Page: 1, HasNext: new(true)}, {Page: 2, HasNext: new(true), Total: 4}, {Page: 3, HasNext: new(true)}, nil} {
		if step := c.Advance([]string{fmt.Sprint("a", i)}, b); step != (Step{}) {
			t.Errorf("page %d: %+v", i+1, step)
		}
	}
}

// The cursor starts where it is told, and never goes back beyond that.
func TestCursor_startsLater(t *testing.T) {
	for _, byOffset := range []bool{true, false} {
		m := newModel(1, 30)
		m.byOffset, m.limit = byOffset, 2
		start := Position{Page: 6}
		if byOffset {
			start.Offset = 10
		}
		m.cursor = New[string](Config{Limit: 2, ByOffset: byOffset, Start: start})
		want := slices.Clone(m.items[10:])
		m.read(t, nothing, func(id string) { m.remove(id) })
		if !slices.Equal(m.got, want) {
			t.Errorf("by offset: %t: got %v, want %v", byOffset, m.got, want)
		}
	}
}
