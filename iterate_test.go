package connix_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/connix-io/connix-go"
)

// Iterators yield every item once, in the list's order, and ask for a hundred
// at a time.
func TestIterate_all(t *testing.T) {
	for _, l := range lists {
		for _, n := range []int{0, 1, 99, 100, 101, 250} {
			t.Run(fmt.Sprintf("%s/%d", l.name, n), func(t *testing.T) {
				srv := l.fill(t, n)
				n := len(srv.ids)
				calls := max(1, (n+99)/100)
				got, err := collect(l.all(t.Context(), srv.Client(t), nil))
				if err != nil || !slices.Equal(got, srv.ids) {
					t.Errorf("All: %v, %v; want %v", got, err, srv.ids)
				}
				pages, err := collect(l.pages(t.Context(), srv.Client(t), nil))
				equal(t, "pages", len(pages), calls)
				var paged []connix.ID
				for i, page := range pages {
					paged = append(paged, page.Items...)
					equal(t, "page", page.Pagination, connix.Pagination{
						Page: i + 1, Limit: 100, Total: n, Pages: (n + 99) / 100, HasNext: i+1 < calls, HasPrev: i > 0,
					})
				}
				if err != nil || !slices.Equal(paged, srv.ids) {
					t.Errorf("Pages: %v, %v; want %v", paged, err, srv.ids)
				}
				var want []string
				for i := range calls {
					switch {
					case !l.offsets:
						want = append(want, fmt.Sprintf("limit=100&page=%d", i+1))
					case i == 0:
						want = append(want, "limit=100")
					default:
						want = append(want, fmt.Sprintf("limit=100&offset=%d", 100*i))
					}
				}
				equal(t, "queries", srv.queries(), append(want, want...))
			})
		}
	}
}

// The options select what is iterated over: where it begins, in what order, how
// much at a time.
func TestIterate_options(t *testing.T) {
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) {
			srv := l.fill(t, 10)
			oldestFirst := slices.Clone(srv.ids)
			slices.Reverse(oldestFirst)
			for _, c := range []struct {
				options connix.ListOptions
				want    []connix.ID
				calls   int
			}{
				{connix.ListOptions{Limit: 3}, srv.ids, 4},
				{connix.ListOptions{Limit: 5}, srv.ids, 2},
				{connix.ListOptions{Limit: 3, Page: 2}, srv.ids[3:], 3},
				{connix.ListOptions{Limit: 3, Page: 5}, nil, 1},
				{connix.ListOptions{Limit: 4, Order: connix.Ascending}, oldestFirst, 3},
			} {
				before := len(srv.Requests())
				got, err := collect(l.all(t.Context(), srv.Client(t), &c.options))
				if err != nil || !slices.Equal(got, c.want) {
					t.Errorf("%+v: %v, %v; want %v", c.options, got, err, c.want)
				}
				equal(t, fmt.Sprintf("calls for %+v", c.options), len(srv.Requests())-before, c.calls)
			}
		})
	}
}

// Nothing is fetched before an iterator is ranged over, nor after it was left;
// ranged over again, it begins again.
func TestIterate_isLazy(t *testing.T) {
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) {
			srv := l.fill(t, 10)
			options := &connix.ListOptions{Limit: 4}
			all := l.all(t.Context(), srv.Client(t), options)
			pages := l.pages(t.Context(), srv.Client(t), options)
			equal(t, "requests before", len(srv.queries()), 0)
			for range 2 {
				first := len(srv.queries())
				var got []connix.ID
				for id, err := range all {
					if err != nil {
						t.Fatal(err)
					}
					if got = append(got, id); len(got) == 5 {
						break
					}
				}
				if !slices.Equal(got, srv.ids[:5]) {
					t.Errorf("got %v, want %v", got, srv.ids[:5])
				}
				equal(t, "requests for five of ten", len(srv.queries())-first, 2)
				for _, err := range pages {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
				equal(t, "requests for one page more", len(srv.queries())-first, 3)
				equal(t, "first query again", srv.queries()[first], srv.queries()[0])
			}
		})
	}
}

func TestIterate_callOptions(t *testing.T) {
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) {
			srv := l.fill(t, 10)
			client, ctx := srv.Client(t), t.Context()
			options := &connix.ListOptions{Limit: 2}

			got, err := collect(l.all(ctx, client, options, nil, connix.WithMaxPages(3), nil))
			if err != nil || !slices.Equal(got, srv.ids[:6]) {
				t.Errorf("three pages of two: %v, %v", got, err)
			}
			equal(t, "requests", len(srv.queries()), 3)
			pages, err := collect(l.pages(ctx, client, options, connix.WithMaxPages(1)))
			if err != nil || len(pages) != 1 || !pages[0].Pagination.HasNext {
				t.Errorf("one page: %v, %v", pages, err)
			}

			// Each page has its own response, there before its items are.
			var meta connix.Response
			var before string
			for page, err := range l.pages(ctx, client, options, connix.WithResponse(&meta), connix.WithHeader("Accept", "application/json;q=0.5")) {
				if err != nil || meta.StatusCode != 200 || meta.RequestID == before || len(meta.Attempts) != 1 || len(meta.Body) == 0 {
					t.Fatalf("page %d: %v, %+v", page.Pagination.Page, err, meta)
				}
				last := srv.Requests()[len(srv.Requests())-1]
				equal(t, "request id", meta.RequestID, last.Header.Get("X-Request-ID"))
				equal(t, "header", last.Header.Get("Accept"), "application/json;q=0.5")
				before = meta.RequestID
			}

			// One id cannot name several calls; and List makes but one.
			sent := len(srv.Requests())
			_, err = collect(l.all(ctx, client, options, connix.WithRequestID("one")))
			mustRefuse(t, err, "WithRequestID")
			_, err = collect(l.pages(ctx, client, options, connix.WithRequestID("one")))
			mustRefuse(t, err, "WithRequestID")
			_, err = collect(l.all(ctx, client, options, connix.WithMaxPages(0)))
			mustRefuse(t, err, "WithMaxPages")
			_, err = l.list(ctx, client, options, connix.WithMaxPages(1))
			mustRefuse(t, err, "WithMaxPages")
			equal(t, "requests for what was refused", len(srv.Requests())-sent, 0)
		})
	}
}

// An error ends the iteration: it is yielded once, after what had come before,
// and nothing is fetched after it.
func TestIterate_fails(t *testing.T) {
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) {
			srv := l.fill(t, 10)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			client := srv.Client(t)
			var got []connix.ID
			var errs []error
			for id, err := range l.all(ctx, client, &connix.ListOptions{Limit: 4}) {
				if err != nil {
					errs = append(errs, err)
					equal(t, "item beside the error", id, "")
					continue // an iterator that does not end here would hang
				}
				if got = append(got, id); len(got) == 8 {
					cancel()
				}
			}
			if !slices.Equal(got, srv.ids[:8]) || len(errs) != 1 {
				t.Fatalf("got %v, errors %v", got, errs)
			}
			e := mustError(t, errs[0], context.Canceled)
			equal(t, "route", e.Route, strings.Replace(strings.TrimPrefix(l.path, "/api/v1"), "/1/", "/{id}/", 1))
			equal(t, "requests", len(srv.queries()), 2)

			for page, err := range l.pages(t.Context(), srv.Client(t, connix.WithAPIKey("unknown")), nil) {
				mustErrorIs(t, err, connix.ErrUnauthorized)
				equal(t, "items", len(page.Items), 0)
			}
		})
	}
}

// An item that is put in front of the list pushes others to the next page.
// Nothing is yielded twice for it.
func TestIterate_whileItemsAreAdded(t *testing.T) {
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) {
			srv := l.fill(t, 10)
			later := overviewTime.AddDate(100, 0, 0) // than the server's own key
			var got []connix.ID
			for id, err := range l.all(t.Context(), srv.Client(t), &connix.ListOptions{Limit: 3}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, id)
				if n := len(got); n == 2 || n == 5 {
					later = later.AddDate(0, 0, 1)
					l.add(srv.Server, seed{name: fmt.Sprintf("new-%d", n), created: later})
				}
			}
			if !slices.Equal(got, srv.ids) {
				t.Errorf("got  %v\nwant %v", got, srv.ids)
			}
		})
	}
}

// An item that is removed while pages are fetched shortens the list; the
// iteration ends all the same.
func TestIterate_whileItemsAreRemoved(t *testing.T) {
	srv := lists[0].fill(t, 10)
	client := srv.Client(t)
	var got []connix.ID
	for project, err := range client.Projects.All(t.Context(), &connix.ListProjectsOptions{ListOptions: connix.ListOptions{Limit: 3}}) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, project.ID); len(got) == 1 {
			for _, gone := range srv.ids[4:] {
				if err := client.Projects.Delete(t.Context(), gone); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	equal(t, "projects", got, srv.ids[:4])
}

// An iterator selects what its options said when it was made.
func TestIterate_keepsItsOptions(t *testing.T) {
	srv := lists[0].fill(t, 3)
	options := &connix.ListProjectsOptions{ListOptions: connix.ListOptions{Limit: 2}}
	all := srv.Client(t).Projects.All(t.Context(), options)
	options.Limit, options.Search = 1, "changed"
	equal(t, "projects", len(must(collect(all))(t)), 3)
	equal(t, "queries", srv.queries(), []string{"limit=2&page=1", "limit=2&page=2"})
}
