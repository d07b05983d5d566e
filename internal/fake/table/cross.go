package table

import (
	"cmp"
	"slices"

	"github.com/connix-io/connix-go/internal/fake/wavelet"
)

// cross finds pages of records that lie side by side in one order and are wanted
// in another: created in March, sorted by name.
//
// It is made of both orders as they were at one moment, and of the changes since
// then. A wavelet matrix tells which is the k-th by name among the records
// created in March, in the logarithm of their number. Changes are merged in; once
// they are too many, the table drops the cross, and the next query makes
// another. So it costs nothing until the first query, and then a sort now and
// again.
type cross[R Record] struct {
	by     Field // the order in which the bounds cut
	sort   Field // the order of the result
	cut    []R   // by the one
	sorted []R   // by the other
	places *wavelet.Matrix
	added  map[R]bool
	gone   map[R]bool
}

func newCross[R Record](t *Table[R], by, sort Field) *cross[R] {
	c := &cross[R]{
		by: by, sort: sort,
		cut: slices.Clone(t.orders[by]), sorted: slices.Clone(t.orders[sort]),
		added: map[R]bool{}, gone: map[R]bool{},
	}
	place := make(map[R]uint32, len(c.sorted))
	for i, r := range c.sorted {
		place[r] = uint32(i)
	}
	places := make([]uint32, len(c.cut))
	for i, r := range c.cut {
		places[i] = place[r]
	}
	c.places = wavelet.New(places)
	return c
}

// change takes note that one record took another's place; either may be nil. It
// reports whether the cross is still worth having.
func (c *cross[R]) change(old, now R) bool {
	var none R
	if old != none {
		if c.added[old] {
			delete(c.added, old)
		} else {
			c.gone[old] = true
		}
	}
	if now != none {
		c.added[now] = true
	}
	// Every query pays for every change, and making anew for every record.
	return len(c.added)+len(c.gone) <= 64+len(c.cut)/4096
}

// difference is one change in the order of the result.
type difference[R Record] struct {
	at     int // how many of the old result come before it
	record R
	gone   bool
}

// page returns the page of the records within the bounds, and their number.
func (c *cross[R]) page(q Query[R], bounds Range) ([]R, int) {
	from, to := span(c.cut, c.by, bounds)
	differences := c.differences(from, to, bounds)
	total := to - from
	for _, d := range differences {
		if d.gone {
			total--
		} else {
			total++
		}
	}
	first, n := q.ascending(total)
	if n == 0 {
		return nil, total
	}
	page := make([]R, 0, n)
	at, old := 0, 0 // where we are in the new result, and in the old one
	take := func(until int) {
		for k := old + max(0, first-at); k < until && len(page) < n; k++ {
			page = append(page, c.sorted[c.places.Kth(from, to, k)])
		}
		at, old = at+until-old, until
	}
	for _, d := range differences {
		take(d.at)
		if d.gone {
			old++
			continue
		}
		if at >= first && len(page) < n {
			page = append(page, d.record)
		}
		at++
	}
	take(to - from)
	if q.Descending {
		slices.Reverse(page)
	}
	return page, total
}

// differences returns the changes within the bounds, in the order of the result.
func (c *cross[R]) differences(from, to int, bounds Range) []difference[R] {
	all := make([]difference[R], 0, len(c.added)+len(c.gone))
	collect := func(records map[R]bool, gone bool) {
		for r := range records {
			if key := r.TableKey(); bounds.contains(c.by.time(key)) {
				place := search(c.sorted, c.sort, key)
				all = append(all, difference[R]{c.places.Below(from, to, place), r, gone})
			}
		}
	}
	collect(c.added, false)
	collect(c.gone, true)
	slices.SortFunc(all, func(a, b difference[R]) int {
		// What was added before an old record comes before it, even if that is gone.
		return cmp.Or(cmp.Compare(a.at, b.at), compareBool(a.gone, b.gone), c.sort.compare(a.record.TableKey(), b.record.TableKey()))
	})
	return all
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
