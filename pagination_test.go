package connix_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// What the options are on the wire: what is zero is not sent, dates are in UTC
// and keep the fractions that they have.
func TestList_query(t *testing.T) {
	east := time.FixedZone("east", 5*60*60+30*60)
	for _, c := range []struct {
		name    string
		options *connix.ListOptions
		query   string
	}{
		{"nil", nil, ""},
		{"zero", &connix.ListOptions{}, ""},
		{"page and limit", &connix.ListOptions{Page: 2, Limit: 50}, "page=2&limit=50"},
		{"sort and order", &connix.ListOptions{Sort: "name", Order: connix.Ascending}, "sort=name&order=asc"},
		{"order alone", &connix.ListOptions{Order: connix.Descending}, "order=desc"},
		{"search", &connix.ListOptions{Search: "a b&c=d+é"}, "search=a+b%26c%3Dd%2B%C3%A9"},
		{"status", &connix.ListOptions{Status: connix.StatusDisabled}, "status=disabled"},
		{"dates", &connix.ListOptions{
			CreatedAfter:  time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
			CreatedBefore: time.Date(2024, 1, 1, 2, 0, 0, 0, east),
			UpdatedAfter:  time.Date(2024, 1, 1, 0, 0, 0, 250e6, time.UTC),
			UpdatedBefore: time.Date(2024, 1, 1, 0, 0, 0, 1, time.UTC),
		}, "created_after=2024-01-01T00:00:00Z&created_before=2023-12-31T20:30:00Z&updated_after=2024-01-01T00:00:00.25Z&updated_before=2024-01-01T00:00:00.000000001Z"},
		{"all", &connix.ListOptions{
			Page: 3, Limit: 100, Sort: "updated_at", Order: connix.Ascending, Search: "x", Status: connix.StatusActive, CreatedAfter: overviewTime,
		}, "page=3&limit=100&sort=updated_at&order=asc&search=x&status=active&created_after=2024-01-15T10:30:00Z"},
	} {
		for _, l := range lists {
			if l.offsets {
				continue // in its own dialect: see TestProject_agentsDialect
			}
			t.Run(c.name+"/"+l.name, func(t *testing.T) {
				srv := newServer(t)
				must(l.list(t.Context(), srv.Client(t), c.options))(t)
				r := only(t, srv)
				equal(t, "path", r.Path, l.path)
				sameQuery(t, r.Query, c.query)
			})
		}
	}
}

// Options that would ask for something else than what they say are refused.
func TestListOptions_refused(t *testing.T) {
	srv := newServer(t)
	client := srv.Client(t)
	for _, l := range lists {
		for _, c := range []struct {
			name    string
			options connix.ListOptions
		}{
			{"opts.Page", connix.ListOptions{Page: -1}},
			{"opts.Limit", connix.ListOptions{Limit: -1}},
			{"opts.Order", connix.ListOptions{Order: "ASC"}},
		} {
			_, err := l.list(t.Context(), client, &c.options)
			mustRefuse(t, err, c.name)
			_, err = collect(l.all(t.Context(), client, &c.options))
			mustRefuse(t, err, c.name)
			_, err = collect(l.pages(t.Context(), client, &c.options))
			mustRefuse(t, err, c.name)
		}
	}
	srv.Expect(t, connixtest.Match{}, 0)
}

// What only the server knows to be wrong, it says.
func TestListOptions_refusedByTheServer(t *testing.T) {
	for _, l := range lists {
		srv := l.fill(t, 0, offContract("limits and fields that the lists do not have"))
		for field, options := range map[string]connix.ListOptions{"limit": {Limit: 101}, "sort": {Sort: "colour"}} {
			_, err := l.list(t.Context(), srv.Client(t), &options)
			mustBlame(t, err, 400, field)
		}
		if !l.offsets {
			for _, query := range []string{"page=0", "page=x", "limit=0", "order=up", "created_after=yesterday", "updated_before=2024-02-30"} {
				path := l.path[len("/api/v1/"):] + "?" + query
				err := srv.Client(t).Do(t.Context(), "GET", path, nil, nil)
				mustBlame(t, err, 400, query[:slices.Index([]byte(query), '=')])
			}
		}
	}
}

func TestList_pages(t *testing.T) {
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) {
			srv := l.fill(t, 45)
			for _, c := range []struct {
				options  *connix.ListOptions
				from, to int
				want     connix.Pagination
			}{
				{nil, 0, 20, connix.Pagination{Page: 1, Limit: 20, Total: 45, Pages: 3, HasNext: true}},
				{&connix.ListOptions{Page: 2}, 20, 40, connix.Pagination{Page: 2, Limit: 20, Total: 45, Pages: 3, HasNext: true, HasPrev: true}},
				{&connix.ListOptions{Page: 3, Limit: 20}, 40, 45, connix.Pagination{Page: 3, Limit: 20, Total: 45, Pages: 3, HasPrev: true}},
				{&connix.ListOptions{Limit: 45}, 0, 45, connix.Pagination{Page: 1, Limit: 45, Total: 45, Pages: 1}},
				{&connix.ListOptions{Limit: 100}, 0, 45, connix.Pagination{Page: 1, Limit: 100, Total: 45, Pages: 1}},
				{&connix.ListOptions{Page: 4}, 45, 45, connix.Pagination{Page: 4, Limit: 20, Total: 45, Pages: 3, HasPrev: true}},
				{&connix.ListOptions{Page: 45, Limit: 1}, 44, 45, connix.Pagination{Page: 45, Limit: 1, Total: 45, Pages: 45, HasPrev: true}},
			} {
				page := must(l.list(t.Context(), srv.Client(t), c.options))(t)
				what := fmt.Sprintf("%+v", c.options)
				equal(t, "pagination of "+what, page.Pagination, c.want)
				if !slices.Equal(page.Items, srv.ids[c.from:c.to]) {
					t.Errorf("items of %s: %v, want %v", what, page.Items, srv.ids[c.from:c.to])
				}
			}
		})
	}
}

func TestList_sortAndOrder(t *testing.T) {
	at := func(hours int) time.Time { return overviewTime.Add(time.Duration(hours) * time.Hour) }
	seeds := []seed{ // by creation
		{name: "bravo", created: at(1), updated: at(9)},
		{name: "delta", created: at(2), updated: at(7)},
		{name: "alpha", created: at(3), updated: at(8)},
		{name: "charlie", created: at(4), updated: at(6)},
	}
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) {
			srv := l.fill(t, 0)
			names := map[connix.ID]string{}
			for _, s := range seeds {
				names[l.add(srv.Server, s)] = s.name[:1]
			}
			for _, c := range []struct {
				sort  string
				order connix.Order
				want  string
			}{
				{"", "", "c a d b"},
				{"", connix.Ascending, "b d a c"},
				{"created_at", connix.Ascending, "b d a c"},
				{"created_at", connix.Descending, "c a d b"},
				{"name", connix.Ascending, "a b c d"},
				{"name", "", "d c b a"},
				{"updated_at", connix.Ascending, "c d a b"},
				{"updated_at", connix.Descending, "b a d c"},
				{"id", connix.Ascending, "b d a c"},
			} {
				if c.sort == "updated_at" && l.envelope == "api_keys" {
					continue // keys do not change
				}
				page := must(l.list(t.Context(), srv.Client(t), &connix.ListOptions{Sort: c.sort, Order: c.order}))(t)
				var got string
				for _, id := range page.Items {
					if name := names[id]; name != "" { // not the server's own key
						got += " " + name
					}
				}
				equal(t, fmt.Sprintf("sorted by %q %q", c.sort, c.order), got, " "+c.want)
			}
		})
	}
}

func TestList_filters(t *testing.T) {
	at := func(d time.Duration) time.Time { return overviewTime.Add(d) }
	seeds := map[string]seed{
		"a": {name: "machine-learning", description: "plain", created: at(0), updated: at(time.Hour)},
		"b": {name: "vision", description: "uses Machine-Learning", created: at(time.Second), updated: at(2 * time.Hour)},
		"c": {name: "speech", status: connix.StatusDisabled, created: at(time.Second + 500*time.Millisecond), updated: at(3 * time.Hour)},
	}
	half := at(time.Second + 250*time.Millisecond)
	for _, l := range lists {
		if l.offsets {
			continue // it filters by status alone: see TestProject_agentsDialect
		}
		t.Run(l.name, func(t *testing.T) {
			srv := l.fill(t, 0)
			names := map[connix.ID]string{}
			for name, s := range seeds {
				names[l.add(srv.Server, s)] = name
			}
			for _, c := range []struct {
				name    string
				options connix.ListOptions
				want    string
			}{
				{"search", connix.ListOptions{Search: "machine-learning"}, "a(b)"},
				{"search in any case", connix.ListOptions{Search: "MACHINE"}, "a(b)"},
				{"search for nothing there", connix.ListOptions{Search: "robots"}, ""},
				{"created after", connix.ListOptions{CreatedAfter: half}, "c"},
				{"created before", connix.ListOptions{CreatedBefore: half}, "ab"},
				{"created between", connix.ListOptions{CreatedAfter: at(time.Millisecond), CreatedBefore: half}, "b"},
				{"created never", connix.ListOptions{CreatedAfter: half, CreatedBefore: at(0)}, ""},
				{"updated after", connix.ListOptions{UpdatedAfter: at(90 * time.Minute)}, "bc"},
				{"updated before", connix.ListOptions{UpdatedBefore: at(90 * time.Minute)}, "a"},
				{"updated between", connix.ListOptions{UpdatedAfter: at(90 * time.Minute), UpdatedBefore: at(150 * time.Minute)}, "b"},
				{"created and updated", connix.ListOptions{CreatedBefore: half, UpdatedAfter: at(90 * time.Minute)}, "b"},
				{"search and created", connix.ListOptions{Search: "i", CreatedBefore: half, Sort: "name"}, "ab"},
				{"no such status", connix.ListOptions{Status: "none-of-them"}, ""},
			} {
				if l.envelope == "api_keys" && (!c.options.UpdatedAfter.IsZero() || !c.options.UpdatedBefore.IsZero()) {
					continue // keys do not change
				}
				page := must(l.list(t.Context(), srv.Client(t), &c.options))(t)
				var got []byte
				for _, id := range page.Items {
					got = append(got, names[id]...)
				}
				slices.Sort(got)
				// What is in brackets has the word in its description alone.
				want := c.want
				switch {
				case want == "a(b)" && l.described:
					want = "ab"
				case want == "a(b)":
					want = "a"
				}
				equal(t, c.name, string(got), want)
				if l.envelope != "api_keys" { // where the server's own is counted too
					equal(t, c.name+": total", page.Pagination.Total, len(want))
				}
			}
			equal(t, "active", activeOnes(t, l, srv, names), map[string]string{
				"projects": "abc", "agents": "", "webhooks": "ab", "api_keys": "abc",
			}[l.envelope])
		})
	}
}

// activeOnes lists what has the status active.
func activeOnes(t *testing.T, l list, srv *filled, names map[connix.ID]string) string {
	t.Helper()
	page := must(l.list(t.Context(), srv.Client(t), &connix.ListOptions{Status: connix.StatusActive}))(t)
	var got []byte
	for _, id := range page.Items {
		got = append(got, names[id]...)
	}
	slices.Sort(got)
	return string(got)
}
