package table

import (
	"slices"
	"time"
)

// Range is an open interval of time: what lies strictly after one moment and
// strictly before another. A nil bound does not exist; the zero time is a time.
type Range struct{ After, Before *time.Time }

func (r Range) isZero() bool { return r.After == nil && r.Before == nil }

func (r Range) contains(t time.Time) bool {
	return (r.After == nil || t.After(*r.After)) && (r.Before == nil || t.Before(*r.Before))
}

// Query asks for one page. One that neither has a Keep nor bounds both Created
// and Updated costs the page, times the logarithm of the table where it sorts by
// another field than it bounds.
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
	if field == q.Sort {
		from, to := span(order, field, bounds)
		return q.cut(order[from:to])
	}
	return t.cross(field, q.Sort).page(q, bounds)
}

// Snapshot returns the records that a query has to look at one by one, false for one
// that [Table.Page] cuts out by its indexes. The snapshot stays as it is, so that
// [Query.Scan] needs no lock.
func (t *Table[R]) Snapshot(q Query[R]) (order []R, scans bool) {
	if q.Keep == nil && (q.Created.isZero() || q.Updated.isZero()) {
		return nil, false
	}
	return slices.Clone(t.orders[q.Sort]), true
}

// Scan is [Table.Page] over a snapshot.
func (q Query[R]) Scan(order []R) ([]R, int) { return q.scan(order) }

// ascending returns the page as a part of a result in ascending order.
func (q Query[R]) ascending(total int) (first, n int) {
	if q.Offset >= total {
		return 0, 0
	}
	n = min(q.Limit, total-q.Offset)
	if q.Descending {
		return total - q.Offset - n, n
	}
	return q.Offset, n
}

// cut takes the page out of the whole result, which is in ascending order.
func (q Query[R]) cut(all []R) ([]R, int) {
	first, n := q.ascending(len(all))
	page := slices.Clone(all[first : first+n])
	if q.Descending {
		slices.Reverse(page)
	}
	return page, len(all)
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
