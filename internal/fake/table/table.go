// Package table keeps the records of one kind in the orders that lists ask for.
//
// Each order is a sorted slice. So a page is found by binary search and costs
// itself plus the logarithm of the table, with its total; see [Query] for what
// costs more. A change costs one memmove in each order: nothing for a record that
// sorts last, as a new one usually does, and at most 8 MB in a table of a
// million. A balanced tree would spare that and make every read slower.
package table

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// Key is what a record is found and sorted by.
type Key struct {
	ID                   ID
	Label                string // its name, or the URL of a webhook
	CreatedAt, UpdatedAt time.Time
}

// TableKey returns k: a struct that embeds a Key is a record by its pointer.
func (k *Key) TableKey() *Key { return k }

// Record is a pointer to something with a Key. A record in a table does not
// change: it is replaced by another, so that readers need no lock for what
// they have been given.
type Record interface {
	comparable
	TableKey() *Key
}

// Field is what a list is sorted by; ties go by id, in the same direction.
type Field int

// The fields, each of which every record has.
const (
	ByCreatedAt Field = iota
	ByUpdatedAt
	ByLabel
	ByID
	fields
)

// compare orders two keys by the field.
func (f Field) compare(a, b *Key) int {
	c := 0
	switch f {
	case ByCreatedAt:
		c = a.CreatedAt.Compare(b.CreatedAt)
	case ByUpdatedAt:
		c = a.UpdatedAt.Compare(b.UpdatedAt)
	case ByLabel:
		c = strings.Compare(a.Label, b.Label)
	}
	if c != 0 {
		return c
	}
	return a.ID.Compare(b.ID)
}

// time returns the time that an order by time is by.
func (f Field) time(k *Key) time.Time {
	if f == ByUpdatedAt {
		return k.UpdatedAt
	}
	return k.CreatedAt
}

// Table is a set of records with different ids. The zero value is empty and
// ready. Readers may share it; a change needs it alone.
type Table[R Record] struct {
	byID   map[ID]R
	orders [fields][]R // ascending

	crossing sync.Mutex             // held while a cross is looked for, and made
	crosses  map[[2]Field]*cross[R] // made when asked for
}

// Len returns the number of records.
func (t *Table[R]) Len() int { return len(t.byID) }

// Get returns the record with the id.
func (t *Table[R]) Get(id ID) (R, bool) {
	r, ok := t.byID[id]
	return r, ok
}

// Labeled returns the records with the label, by id.
func (t *Table[R]) Labeled(label string) []R {
	order := t.orders[ByLabel]
	from, _ := slices.BinarySearchFunc(order, label, func(r R, label string) int { return strings.Compare(r.TableKey().Label, label) })
	to := from
	for to < len(order) && order[to].TableKey().Label == label {
		to++
	}
	return order[from:to:to]
}

// All yields the records by id.
func (t *Table[R]) All() iter.Seq[R] { return slices.Values(t.orders[ByID]) }

// Insert adds records whose ids are new to the table. Many at once cost a sort
// instead of a move for each.
func (t *Table[R]) Insert(records ...R) {
	if t.byID == nil {
		t.byID = make(map[ID]R, len(records))
	}
	for _, r := range records {
		t.byID[r.TableKey().ID] = r
	}
	if len(records) == 1 {
		for f := range fields {
			t.orders[f] = slices.Insert(t.orders[f], search(t.orders[f], f, records[0].TableKey()), records[0])
		}
		var none R
		t.changed(none, records[0])
		return
	}
	for f := range fields {
		t.orders[f] = append(t.orders[f], records...)
		slices.SortFunc(t.orders[f], func(a, b R) int { return f.compare(a.TableKey(), b.TableKey()) })
	}
	t.crosses = nil
}

// Replace puts r in the place of the record with the same id, which exists.
func (t *Table[R]) Replace(r R) {
	old := t.byID[r.TableKey().ID]
	t.byID[r.TableKey().ID] = r
	for f := range fields {
		order := t.orders[f]
		from, to := search(order, f, old.TableKey()), search(order, f, r.TableKey())
		if from < to {
			to-- // the old record itself was counted
			copy(order[from:to], order[from+1:to+1])
		} else {
			copy(order[to+1:from+1], order[to:from])
		}
		order[to] = r
	}
	t.changed(old, r)
}

// Delete removes the record with the id and reports whether there was one.
func (t *Table[R]) Delete(id ID) bool {
	r, ok := t.byID[id]
	if !ok {
		return false
	}
	delete(t.byID, id)
	for f := range fields {
		i := search(t.orders[f], f, r.TableKey())
		t.orders[f] = slices.Delete(t.orders[f], i, i+1)
	}
	var none R
	t.changed(r, none)
	return true
}

// DeleteFunc removes the records for which gone reports true, at the cost of one pass
// over the table.
func (t *Table[R]) DeleteFunc(gone func(R) bool) {
	for _, r := range t.orders[ByID] {
		if gone(r) {
			delete(t.byID, r.TableKey().ID)
		}
	}
	for f := range fields {
		t.orders[f] = slices.DeleteFunc(t.orders[f], gone)
	}
	t.crosses = nil
}

// changed tells the crosses of a change.
func (t *Table[R]) changed(old, now R) {
	for fields, c := range t.crosses {
		if !c.change(old, now) {
			delete(t.crosses, fields)
		}
	}
}

// cross returns what finds records by one order and sorts them by another.
func (t *Table[R]) cross(by, sort Field) *cross[R] {
	t.crossing.Lock()
	defer t.crossing.Unlock()
	at := [2]Field{by, sort}
	c := t.crosses[at]
	if c == nil {
		c = newCross(t, by, sort)
		if t.crosses == nil {
			t.crosses = map[[2]Field]*cross[R]{}
		}
		t.crosses[at] = c
	}
	return c
}

// search returns where in an order the key is or would be.
func search[R Record](order []R, f Field, key *Key) int {
	// Most changes are at the end: new records, and updates by time.
	if n := len(order); n == 0 || f.compare(order[n-1].TableKey(), key) < 0 {
		return n
	}
	i, _ := slices.BinarySearchFunc(order, key, func(r R, key *Key) int { return f.compare(r.TableKey(), key) })
	return i
}

// span returns which part of an order by time lies within the bounds.
func span[R Record](order []R, f Field, bounds Range) (from, to int) {
	to = len(order)
	if bounds.After != nil {
		from, _ = slices.BinarySearchFunc(order, *bounds.After, func(r R, after time.Time) int {
			return cmp.Or(f.time(r.TableKey()).Compare(after), -1)
		})
	}
	if bounds.Before != nil {
		to, _ = slices.BinarySearchFunc(order, *bounds.Before, func(r R, before time.Time) int {
			return cmp.Or(f.time(r.TableKey()).Compare(before), 1)
		})
	}
	return from, max(from, to)
}
