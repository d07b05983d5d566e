package table

import (
	"slices"
	"time"
)

// Range is an open interval of time: what lies strictly after one moment and
// strictly before another. A zero bound is none.
type Range struct{ After, Before time.Time }

func (r Range) isZero() bool { return r.After.IsZero() && r.Before.IsZero() }

func (r Range) contains(t time.Time) bool {
	return (r.After.IsZero() || t.After(r.After)) && (r.Before.IsZero() || t.Before(r.Before))
}

// Query asks for one page.
type Query[R Record] struct {
	Sort          Field
	Descending    bool
	Offset, Limit int // both zero or more
	Created       Range
	Updated       Range
	// Keep, if any, filters further. It is called for every record that the
	// ranges leave: a query with it costs as much as they are.
	Keep func(R) bool
}

// Page returns the records asked for, and how many there are without Offset and
// Limit.
func (t *Table[R]) Page(q Query[R]) (page []R, total int) {
	field, bounds := ByCreatedAt, q.Created
	if q.Created.isZero() {
		field, bounds = ByUpdatedAt, q.Updated
	}
	order := t.orders[q.Sort]
	switch {
	case q.Keep != nil || !q.Created.isZero() && !q.Updated.isZero():
		return q.scan(order)
	case bounds.isZero():
		return q.cut(order)
	}
	from, to := t.span(field, bounds)
	if field == q.Sort {
		return q.cut(order[from:to])
	}
	return q.cross(order, t.orders[field][from:to])
}

// span returns which part of an order by time lies within the bounds.
func (t *Table[R]) span(f Field, bounds Range) (from, to int) {
	to = len(t.orders[f])
	if !bounds.After.IsZero() {
		from = t.before(f, bounds.After, true)
	}
	if !bounds.Before.IsZero() {
		to = t.before(f, bounds.Before, false)
	}
	return from, max(from, to)
}

// cut takes the page out of the whole result, which is in ascending order.
func (q Query[R]) cut(all []R) ([]R, int) {
	total := len(all)
	if q.Offset >= total {
		return nil, total
	}
	n := min(q.Limit, total-q.Offset)
	page := make([]R, n)
	if !q.Descending {
		copy(page, all[q.Offset:])
		return page, total
	}
	for i := range page {
		page[i] = all[total-1-q.Offset-i]
	}
	return page, total
}

// scan looks at every record.
func (q Query[R]) scan(order []R) ([]R, int) {
	var all []R
	for _, r := range order {
		key := r.TableKey()
		if q.Created.contains(key.CreatedAt) && q.Updated.contains(key.UpdatedAt) && (q.Keep == nil || q.Keep(r)) {
			all = append(all, r)
		}
	}
	return q.cut(all)
}

// cross is for records that lie side by side in one order and are wanted in
// another.
func (q Query[R]) cross(_, span []R) ([]R, int) {
	all := slices.Clone(span)
	slices.SortFunc(all, func(a, b R) int { return q.Sort.compare(a.TableKey(), b.TableKey()) })
	return q.cut(all)
}
