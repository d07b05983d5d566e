package table_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/table"
)

// filled returns a table of n rows, a second apart, updated and named at random.
func filled(n int) *table.Table[*row] {
	random := rand.New(rand.NewPCG(1, 1))
	rows := make([]*row, n)
	for i := range rows {
		rows[i] = &row{table.Key{
			ID: table.ID(strconv.Itoa(i + 1)), Label: fmt.Sprintf("project-%08x", random.Uint32()),
			CreatedAt: at(i), UpdatedAt: at(i + random.IntN(n)),
		}}
	}
	var t table.Table[*row]
	t.Insert(rows...)
	return &t
}

// BenchmarkPage shows that a page costs about the same of a thousand rows and of
// a million, in every way of asking for it that does not look at each row.
func BenchmarkPage(b *testing.B) {
	for _, n := range []int{1e3, 1e5, 1e6} {
		t := filled(n)
		middle := table.Range{After: new(at(n / 4)), Before: new(at(n / 4 * 3))}
		queries := []struct {
			name  string
			query table.Query[*row]
		}{
			{"unfiltered", table.Query[*row]{Sort: table.ByCreatedAt}},
			{"by name", table.Query[*row]{Sort: table.ByLabel}},
			{"created", table.Query[*row]{Sort: table.ByCreatedAt, Created: middle}},
			{"updated by created", table.Query[*row]{Sort: table.ByCreatedAt, Updated: middle}},
			{"created by name", table.Query[*row]{Sort: table.ByLabel, Created: middle}},
		}
		for _, q := range queries {
			q.query.Offset, q.query.Limit, q.query.Descending = n/8, 20, true
			t.Page(q.query) // what is made once is not the page's cost
			b.Run(fmt.Sprintf("%s/%d", q.name, n), func(b *testing.B) {
				for b.Loop() {
					if page, total := t.Page(q.query); len(page) != 20 || total < n/5 {
						b.Fatalf("%d rows of %d", len(page), total)
					}
				}
			})
		}
	}
}

// BenchmarkChange is a replacement in the middle of a large table.
func BenchmarkChange(b *testing.B) {
	for _, n := range []int{1e3, 1e5, 1e6} {
		t := filled(n)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			i := 0
			for b.Loop() {
				i++
				r, _ := t.Get(table.ID(strconv.Itoa(1 + i*7919%n)))
				changed := *r
				changed.UpdatedAt = at(2 * n).Add(time.Duration(i) * time.Second)
				t.Replace(&changed)
			}
		})
	}
}

func BenchmarkFill(b *testing.B) {
	for b.Loop() {
		filled(1e6)
	}
}
