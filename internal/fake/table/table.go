// Package table keeps the records of one kind in the orders that lists ask for.
//
// Each order is a sorted slice. So a page is found by binary search and costs
// itself plus the logarithm of the table, with its total. A change costs one
// memmove in each order: nothing for a record that sorts last, as a new one
// usually does, and at most 8 MB in a table of a million. A balanced tree would
// spare that and make every read slower.
package table

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"
)

// Key is what a record is found and sorted by.
type Key struct {
	ID                   ID
	Name                 string
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
	ByName
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
	case ByName:
		c = strings.Compare(a.Name, b.Name)
	}
	if c != 0 {
		return c
	}
	return a.ID.Compare(b.ID)
}

// Table is a set of records with different ids. The zero value is empty and
// ready. It has no lock of its own.
type Table[R Record] struct {
	byID   map[ID]R
	orders [fields][]R // ascending
}

// Len returns the number of records.
func (t *Table[R]) Len() int { return len(t.byID) }

// Get returns the record with the id.
func (t *Table[R]) Get(id ID) (R, bool) {
	r, ok := t.byID[id]
	return r, ok
}

// Named returns the records with the name, by id.
func (t *Table[R]) Named(name string) []R {
	order := t.orders[ByName]
	from, _ := slices.BinarySearchFunc(order, name, func(r R, name string) int { return strings.Compare(r.TableKey().Name, name) })
	to := from
	for to < len(order) && order[to].TableKey().Name == name {
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
	for f := range fields {
		if len(records) == 1 {
			i := t.find(f, records[0].TableKey())
			t.orders[f] = slices.Insert(t.orders[f], i, records[0])
			continue
		}
		t.orders[f] = append(t.orders[f], records...)
		slices.SortFunc(t.orders[f], func(a, b R) int { return f.compare(a.TableKey(), b.TableKey()) })
	}
}

// Replace puts r in the place of the record with the same id, which exists.
func (t *Table[R]) Replace(r R) {
	key := r.TableKey()
	old := t.byID[key.ID].TableKey()
	t.byID[key.ID] = r
	for f := range fields {
		order := t.orders[f]
		from, to := t.find(f, old), t.find(f, key)
		if from < to {
			to-- // the old record itself was counted
			copy(order[from:to], order[from+1:to+1])
		} else {
			copy(order[to+1:from+1], order[to:from])
		}
		order[to] = r
	}
}

// Delete removes the record with the id and reports whether there was one.
func (t *Table[R]) Delete(id ID) bool {
	r, ok := t.byID[id]
	if !ok {
		return false
	}
	delete(t.byID, id)
	for f := range fields {
		i := t.find(f, r.TableKey())
		t.orders[f] = slices.Delete(t.orders[f], i, i+1)
	}
	return true
}

// find returns where in an order the key is or would be.
func (t *Table[R]) find(f Field, key *Key) int {
	order := t.orders[f]
	// Most changes are at the end: new records, and updates by time.
	if n := len(order); n == 0 || f.compare(order[n-1].TableKey(), key) < 0 {
		return n
	}
	i, _ := slices.BinarySearchFunc(order, key, func(r R, key *Key) int { return f.compare(r.TableKey(), key) })
	return i
}

// before returns how many records of an order by time come before the bound:
// those at the moment itself count too if inclusive.
func (t *Table[R]) before(f Field, bound time.Time, inclusive bool) int {
	i, _ := slices.BinarySearchFunc(t.orders[f], bound, func(r R, bound time.Time) int {
		at := r.TableKey().CreatedAt
		if f == ByUpdatedAt {
			at = r.TableKey().UpdatedAt
		}
		if c := at.Compare(bound); c != 0 || inclusive {
			return cmp.Or(c, -1)
		}
		return 1
	})
	return i
}
