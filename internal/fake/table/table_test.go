package table_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/table"
)

type row struct{ table.Key }

var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func at(second int) time.Time { return epoch.Add(time.Duration(second) * time.Second) }

// naive is a table that a reader can see to be right: it sorts everything for
// every question.
type naive []*row

func (n naive) page(q table.Query[*row]) ([]*row, int) {
	inside := func(t time.Time, r table.Range) bool {
		return (r.After == nil || t.After(*r.After)) && (r.Before == nil || t.Before(*r.Before))
	}
	var all []*row
	for _, r := range n {
		if inside(r.CreatedAt, q.Created) && inside(r.UpdatedAt, q.Updated) && (q.Keep == nil || q.Keep(r)) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *row) int {
		c := 0
		switch q.Sort {
		case table.ByCreatedAt:
			c = a.CreatedAt.Compare(b.CreatedAt)
		case table.ByUpdatedAt:
			c = a.UpdatedAt.Compare(b.UpdatedAt)
		case table.ByLabel:
			c = cmp.Compare(a.Label, b.Label)
		}
		if c == 0 {
			x, _ := strconv.Atoi(string(a.ID))
			y, _ := strconv.Atoi(string(b.ID))
			c = cmp.Compare(x, y)
		}
		if q.Descending {
			c = -c
		}
		return c
	})
	total := len(all)
	all = all[min(q.Offset, total):]
	return all[:min(q.Limit, len(all))], total
}

// TestAgainstSorting makes random changes to a table and asks it random
// questions. Times and names are few, so that ties are many.
func TestAgainstSorting(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			var tab table.Table[*row]
			var ref naive
			nextID := 1
			newRow := func() *row {
				created := random.IntN(50)
				r := &row{table.Key{
					ID: table.ID(strconv.Itoa(nextID)), Label: strconv.Itoa(random.IntN(30)),
					CreatedAt: at(created), UpdatedAt: at(created + random.IntN(20)),
				}}
				nextID++
				return r
			}
			for range 250 {
				switch action := random.IntN(20); {
				case action == 0:
					many := make([]*row, random.IntN(60))
					for i := range many {
						many[i] = newRow()
					}
					tab.Insert(many...)
					ref = append(ref, many...)
				case action < 10:
					r := newRow()
					tab.Insert(r)
					ref = append(ref, r)
				case action < 16 && len(ref) > 0:
					i := random.IntN(len(ref))
					changed := newRow()
					changed.ID = ref[i].ID
					tab.Replace(changed)
					ref[i] = changed
				case len(ref) > 0:
					i := random.IntN(len(ref))
					if !tab.Delete(ref[i].ID) || tab.Delete(ref[i].ID) {
						t.Fatal("Delete does not tell what it did")
					}
					ref = slices.Delete(ref, i, i+1)
				}
				q := randomQuery(random, len(ref))
				got, gotTotal := tab.Page(q)
				want, wantTotal := ref.page(q)
				if gotTotal != wantTotal || !slices.Equal(got, want) {
					t.Fatalf("of %d rows, %+v:\n got %s of %d\nwant %s of %d", len(ref), q, show(got), gotTotal, show(want), wantTotal)
				}
			}
			if tab.Len() != len(ref) {
				t.Errorf("Len = %d, want %d", tab.Len(), len(ref))
			}
		})
	}
}

func randomQuery(random *rand.Rand, n int) table.Query[*row] {
	q := table.Query[*row]{
		Sort: table.Field(random.IntN(4)), Descending: random.IntN(2) == 0,
		Offset: random.IntN(n + 5), Limit: random.IntN(30),
	}
	bounds := func() (r table.Range) {
		if random.IntN(2) == 0 {
			r.After = new(at(random.IntN(60) - 1))
		}
		if random.IntN(2) == 0 {
			r.Before = new(at(random.IntN(80) - 1))
		}
		return r
	}
	switch random.IntN(5) {
	case 0:
		q.Created = bounds()
	case 1, 2:
		q.Updated = bounds()
	case 3:
		q.Created, q.Updated = bounds(), bounds()
	}
	if random.IntN(10) == 0 {
		q.Keep = func(r *row) bool { return strings.HasPrefix(r.Label, "1") }
	}
	return q
}

func show(rows []*row) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s(%s c%v u%v) ", r.ID, r.Label, r.CreatedAt.Sub(epoch), r.UpdatedAt.Sub(epoch))
	}
	return b.String()
}

func TestGetLabeledAndAll(t *testing.T) {
	var tab table.Table[*row]
	if _, ok := tab.Get("1"); ok || len(tab.Labeled("a")) > 0 {
		t.Error("an empty table has records")
	}
	for i, name := range []string{"b", "a", "b", "c"} {
		tab.Insert(&row{table.Key{ID: table.ID(strconv.Itoa(10 - i)), Label: name, CreatedAt: at(i), UpdatedAt: at(i)}})
	}
	if r, ok := tab.Get("9"); !ok || r.Label != "a" {
		t.Errorf("Get(9) = %v, %v", r, ok)
	}
	if got := tab.Labeled("b"); len(got) != 2 || got[0].ID != "8" || got[1].ID != "10" {
		t.Errorf("Labeled(b) = %s", show(got))
	}
	if got := tab.Labeled("bb"); len(got) != 0 {
		t.Errorf("Labeled(bb) = %s", show(got))
	}
	if got := show(slices.Collect(tab.All())); !strings.HasPrefix(got, "7(") || !strings.Contains(got, "9(a") {
		t.Errorf("All = %s", got)
	}
}

func TestIDs(t *testing.T) {
	ascending := []table.ID{"0", "1", "2", "10", "99", "100", "18446744073709551616", "", "007", "agent_1", "proj_2"}
	for i, a := range ascending {
		for j, b := range ascending {
			if got, want := a.Compare(b), cmp.Compare(i, j); got != want {
				t.Errorf("%q.Compare(%q) = %d, want %d", a, b, got, want)
			}
		}
	}
	for id, want := range map[table.ID]string{"0": "0", "12": "12", "007": `"007"`, "agent_1": `"agent_1"`, `"`: `"\""`, "": `""`} {
		if got, err := id.MarshalJSON(); string(got) != want || err != nil {
			t.Errorf("%q in JSON: %s, %v; want %s", id, got, err, want)
		}
	}
}
