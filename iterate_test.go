package connix_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
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

// paged returns a handler of pages: body makes the n-th request's response, from
// the place that it asks for. It counts the requests, and ends an iteration that
// would not end by itself.
func paged(count *int, body func(n int, r *http.Request) string) http.HandlerFunc {
	const most = 50
	return func(w http.ResponseWriter, r *http.Request) {
		if *count++; *count > most {
			writeJSON(w, 500, "")
			return
		}
		writeJSON(w, 200, body(*count, r))
	}
}

// Lists whose pages contradict themselves or each other end, or fail and say
// why; they never go on for ever, and never end early without a word.
func TestIterate_overLies(t *testing.T) {
	items := func(ids ...string) string {
		var all []string
		for _, id := range ids {
			all = append(all, `{"id":"`+id+`"}`)
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	body := func(items, pagination string) string {
		if pagination == "" {
			return `{"data":` + items + `}`
		}
		return `{"data":` + items + `,"pagination":` + pagination + `}`
	}
	endless := func(n int) string { return items(fmt.Sprintf("i%d", 2*n), fmt.Sprintf("i%d", 2*n+1)) }
	for _, c := range []struct {
		name  string
		pages []string // the last is repeated
		want  string   // ids
		calls int
		fails string // "": it ends
	}{
		{"no paging block, one page", []string{body(items("a", "b"), ""), body(items(), "")}, "a b", 2, ""},
		{"no paging block, several pages", []string{body(items("a", "b"), ""), body(items("c"), ""), body(items(), "")}, "a b c", 3, ""},
		{"no paging block, the page number ignored", []string{body(items("a", "b"), "")}, "a b", 2, ""},
		{"no paging block, nothing", []string{body(items(), "")}, "", 1, ""},
		{"no paging block, endless", nil, "", 5, ""},
		{"has_next is false on the last page", []string{body(items("a"), `{"has_next":true}`), body(items("b"), `{"has_next":false}`)}, "a b", 2, ""},
		{"an empty block", []string{body(items("a"), `{}`)}, "a", 2, ""},
		{"a block that tells the total alone", []string{
			body(items("a", "b"), `{"page":1,"limit":2,"total":3}`), body(items("c"), `{"page":2,"limit":2,"total":3}`),
		}, "a b c", 2, ""},
		{"a block that tells no end", []string{
			body(items("a", "b"), `{"page":1,"limit":2}`), body(items("c"), `{"page":2,"limit":2}`), body(items(), `{"page":3,"limit":2}`),
		}, "a b c", 3, ""},
		{"a null block", []string{body(items("a"), `null`), body(items(), `null`)}, "a", 2, ""},

		{"has_next says no, pages says more", []string{
			body(items("a"), `{"page":1,"pages":2,"total":2,"has_next":false}`), body(items("b"), `{"page":2,"pages":2,"total":2,"has_next":false}`),
		}, "a b", 2, ""},
		{"has_next says more, beyond is nothing", []string{
			body(items("a"), `{"page":1,"pages":1,"has_next":true}`), body(items(), `{"page":2,"pages":1,"has_next":true}`),
		}, "a", 2, ""},
		{"has_next says more, beyond are items", []string{
			body(items("a"), `{"page":1,"pages":1,"has_next":true}`), body(items("b"), `{"page":2,"pages":1,"has_next":true}`),
		}, "a", 2, "page 2 holds items, in a list of 1 pages"},
		{"the same page for ever", []string{body(items("a", "b"), `{"has_next":true}`)}, "a b", 2, "page 2 repeats the one before"},
		{"another page than was asked for", []string{body(items("a"), `{"page":1,"pages":3}`), body(items("b"), `{"page":1,"pages":3}`)}, "a", 2, "page 2 was asked for, and page 1 came"},
		{"a later page than was asked for", []string{body(items("a"), `{"page":7,"pages":9}`)}, "", 1, "page 1 was asked for, and page 7 came"},

		{"an empty page in the middle", []string{
			body(items("a"), `{"page":1,"pages":3,"has_next":true}`), body(items(), `{"page":2,"pages":3,"has_next":true}`), body(items("c"), `{"page":3,"pages":3}`),
		}, "a c", 3, ""},
		{"an empty page in the middle, pages not told", []string{
			body(items("a"), `{"has_next":true}`), body(items(), `{"has_next":true}`), body(items("c"), `{"has_next":false}`),
		}, "a c", 3, ""},
		{"an empty first page", []string{body(items(), `{"page":1,"pages":2,"has_next":true}`), body(items("b"), `{"page":2,"pages":2}`)}, "b", 2, ""},
		{"empty pages for ever", []string{body(items("a"), `{"has_next":true}`), body(items(), `{"has_next":true}`)}, "a", 4, "3 empty pages in a row"},

		{"an item of the page before, once more", []string{
			body(items("a", "b"), `{"page":1,"pages":2}`), body(items("b", "c"), `{"page":2,"pages":2}`),
		}, "a b c", 2, ""},
		{"an item twice in one page", []string{body(items("a", "a"), `{"page":1,"pages":1}`)}, "a a", 1, ""},
		{"absurd numbers", []string{body(items("a"), `{"page":1,"limit":-5,"total":-1,"pages":-9,"has_next":false}`)}, "a", 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			client := serve(t, paged(&calls, func(n int, _ *http.Request) string {
				if c.pages == nil {
					return body(endless(n), "")
				}
				return c.pages[min(n, len(c.pages))-1]
			}))
			var options []connix.CallOption
			if c.pages == nil {
				options = append(options, connix.WithMaxPages(5))
			}
			got, err := collect(lists[2].all(t.Context(), client, nil, options...))
			if c.pages == nil {
				equal(t, "items", len(got), 10)
			} else {
				equal(t, "items", strings.Join(texts(got), " "), c.want)
			}
			equal(t, "calls", calls, c.calls)
			if c.fails == "" {
				if err != nil {
					t.Errorf("failed: %v", err)
				}
				return
			}
			e := mustError(t, err, connix.ErrInvalidResponse)
			equal(t, "error", []any{e.StatusCode, e.RequestID, e.Method, e.Route}, []any{200, "req_of_the_response", "GET", "/webhooks"})
			if !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%v\ndoes not say %q", err, c.fails)
			}
		})
	}
}

func texts(ids []connix.ID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return out
}

// The same over the list that counts items instead of pages.
func TestIterate_overLiesByOffset(t *testing.T) {
	offset := func(r *http.Request) int {
		at, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		return at
	}
	two := func(at int) string { return fmt.Sprintf(`[{"id":"i%d"},{"id":"i%d"}]`, at, at+1) }
	for _, c := range []struct {
		name  string
		body  func(n int, r *http.Request) string
		want  string
		calls int
		fails string
	}{
		{"fewer at a time than was asked for", func(n int, r *http.Request) string {
			return fmt.Sprintf(`{"agents":%s,"pagination":{"limit":2,"offset":%d,"total":6,"has_next":%t}}`, two(offset(r)), offset(r), n < 3)
		}, "i0 i1 i2 i3 i4 i5", 3, ""},
		{"fewer at a time, without a block", func(n int, r *http.Request) string {
			if offset(r) >= 4 {
				return `{"agents":[]}`
			}
			return `{"agents":` + two(offset(r)) + `}`
		}, "i0 i1 i2 i3", 3, ""},
		{"has_next says no, total says more", func(_ int, r *http.Request) string {
			return fmt.Sprintf(`{"agents":%s,"pagination":{"limit":2,"offset":%d,"total":4,"has_next":false}}`, two(offset(r)), offset(r))
		}, "i0 i1 i2 i3", 2, ""},
		{"the offset is ignored", func(n int, _ *http.Request) string {
			return fmt.Sprintf(`{"agents":%s,"pagination":{"limit":2,"offset":0,"total":6,"has_next":true}}`, two(2*n))
		}, "i2 i3", 2, "was asked for"},
		{"the offset is ignored, without a block", func(int, *http.Request) string { return `{"agents":` + two(1) + `}` }, "i1 i2", 2, ""},
		{"the same items for ever", func(_ int, r *http.Request) string {
			return fmt.Sprintf(`{"agents":%s,"pagination":{"limit":2,"offset":%d,"has_next":true}}`, two(1), offset(r))
		}, "i1 i2", 2, "repeats the one before"},
		{"nothing for ever", func(_ int, r *http.Request) string {
			return fmt.Sprintf(`{"agents":[],"pagination":{"limit":2,"offset":%d,"has_next":true}}`, offset(r))
		}, "", 3, "3 empty pages in a row"},
		{"a limit of zero", func(n int, r *http.Request) string {
			return fmt.Sprintf(`{"agents":%s,"pagination":{"limit":0,"offset":%d,"total":4,"has_next":%t}}`, two(offset(r)), offset(r), n < 2)
		}, "i0 i1 i2 i3", 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			got, err := collect(lists[4].all(t.Context(), serve(t, paged(&calls, c.body)), nil))
			equal(t, "items", strings.Join(texts(got), " "), c.want)
			equal(t, "calls", calls, c.calls)
			if c.fails == "" {
				if err != nil {
					t.Errorf("failed: %v", err)
				}
				return
			}
			mustErrorIs(t, err, connix.ErrInvalidResponse)
			if !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%v\ndoes not say %q", err, c.fails)
			}
		})
	}
}

// A list is read in every form that the API's pages show, by every method.
func TestList_envelopes(t *testing.T) {
	const items = `[{"id":"a","name":"first"},{"id":7,"name":"second"}]`
	const block = `,"pagination":{"page":1,"limit":20,"total":2,"pages":1,"has_next":false,"has_prev":false}`
	want := []connix.ID{"a", "7"}
	for _, l := range lists {
		for _, c := range []struct {
			name, body string
			paged      bool
		}{
			{"the overview's", `{"data":` + items + block + `}`, true},
			{"the overview's, without paging", `{"data":` + items + `}`, false},
			{"under its own name", `{"` + l.envelope + `":` + items + block + `}`, true},
			{"under its own name, without paging", `{"` + l.envelope + `":` + items + `}`, false},
			{"a bare array", " \n" + items, false},
			{"with what nobody knows", `{"meta":{"data":[1]},"data":` + items + block + `,"links":[]}`, true},
		} {
			t.Run(c.name+"/"+l.name, func(t *testing.T) {
				calls := 0
				client := serve(t, paged(&calls, func(int, *http.Request) string { return c.body }))
				page := must(l.list(t.Context(), client, nil))(t)
				equal(t, "items", page.Items, want)
				equal(t, "paging block", page.Pagination != connix.Pagination{}, c.paged)
				equal(t, "all", must(collect(l.all(t.Context(), client, nil)))(t), want)
				// Without the block only the same page once more tells the end.
				pages := must(collect(l.pages(t.Context(), client, nil)))(t)
				equal(t, "pages", len(pages), 1)
				if c.paged {
					equal(t, "calls", calls, 3)
				} else {
					equal(t, "calls", calls, 5)
				}
			})
		}
		for _, c := range []struct{ name, body string }{
			{"empty", `{"data":[]}`},
			{"empty under its own name", `{"` + l.envelope + `":[]` + block + `}`},
			{"null", `{"data":null}`},
			{"an empty array", `[]`},
		} {
			client := serve(t, responding(200, c.body))
			equal(t, c.name, len(must(l.list(t.Context(), client, nil))(t).Items), 0)
			equal(t, c.name, len(must(collect(l.all(t.Context(), client, nil)))(t)), 0)
		}
		for _, body := range []string{`{}`, `{"items":[]}`, `null`, `{"data":{}}`, `{"data":"none"}`, `"data"`, `[1]`, ``} {
			_, err := l.list(t.Context(), serve(t, responding(200, body)), nil)
			e := mustError(t, err, connix.ErrInvalidResponse)
			equal(t, body, []any{e.StatusCode, e.RequestID}, []any{200, "req_of_the_response"})
		}
	}
}

// The fake's reference dialect has no paging block at all.
func TestIterate_inTheReferenceDialect(t *testing.T) {
	for _, l := range lists {
		srv := l.fill(t, 150, connixtest.WithDialect(connixtest.ReferenceDialect))
		got, err := collect(l.all(t.Context(), srv.Client(t), nil))
		if err != nil || !slices.Equal(got, srv.ids) {
			t.Errorf("%s: %v, %v; want %v", l.name, got, err, srv.ids)
		}
	}
}

// A failure between pages keeps its class.
func TestIterate_errorOfALaterPage(t *testing.T) {
	calls := 0
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls == 2 {
			writeJSON(w, 403, `{"error":{"code":"FORBIDDEN","message":"no more"}}`)
			return
		}
		writeJSON(w, 200, `{"data":[{"id":"a"}],"pagination":{"has_next":true}}`)
	})
	for _, l := range lists {
		calls = 0
		var meta connix.Response
		got, err := collect(l.all(t.Context(), client, nil, connix.WithResponse(&meta)))
		e := mustError(t, err, connix.ErrForbidden)
		equal(t, l.name, []any{len(got), calls, e.Message, meta.StatusCode}, []any{1, 2, "no more", 403})
		if errors.Is(err, connix.ErrInvalidResponse) {
			t.Error("a refusal is no invalid response")
		}
	}
}

// remove deletes an item of the list, which must have a way to.
func (l list) remove(ctx context.Context, c *connix.Client, id connix.ID) error {
	switch l.envelope {
	case "projects":
		return c.Projects.Delete(ctx, id)
	case "webhooks":
		return c.Webhooks.Delete(ctx, id)
	case "api_keys":
		return c.APIKeys.Revoke(ctx, id)
	default:
		return fmt.Errorf("%s cannot be deleted", l.name)
	}
}

// deletable are the lists whose items can be deleted.
var deletable = []list{lists[0], lists[2], lists[3]}

// The natural loop that deletes everything is given everything, once and in
// order, by All and by Pages, with pages ahead and without.
func TestIterate_deleteEverything(t *testing.T) {
	for _, l := range deletable {
		for _, n := range []int{100, 101, 250, 1000} {
			for prefetch := range 3 {
				if n == 1000 && l.envelope != "webhooks" {
					continue // for each list it would take long
				}
				t.Run(fmt.Sprint(l.name, "/", n, "/prefetch ", prefetch), func(t *testing.T) {
					srv := l.fill(t, n)
					client, ctx, want := srv.Client(t), t.Context(), srv.ids
					if l.envelope == "api_keys" {
						want = slices.DeleteFunc(slices.Clone(want), func(id connix.ID) bool { return id == srv.ids[0] })
					}
					var got []connix.ID
					for id, err := range l.all(ctx, client, nil, connix.WithPrefetch(prefetch)) {
						if err != nil {
							t.Fatal(err)
						}
						if l.envelope == "api_keys" && id == srv.ids[0] {
							continue // the client's own
						}
						got = append(got, id)
						if err := l.remove(ctx, client, id); err != nil {
							t.Fatal(err)
						}
					}
					if !slices.Equal(got, want) {
						t.Errorf("got %d, want %d: %v", len(got), len(want), got)
					}
					if calls, most := len(srv.queries())-len(got), 3*(n+99)/100+1; prefetch == 0 && calls > most {
						t.Errorf("%d calls for pages, at most %d wanted", calls, most)
					}
				})
			}
		}
		t.Run(l.name+"/by pages", func(t *testing.T) {
			srv := l.fill(t, 250)
			client, ctx := srv.Client(t), t.Context()
			var got []connix.ID
			for page, err := range l.pages(ctx, client, nil) {
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Items) == 0 {
					t.Error("a page with nothing new on it")
				}
				for _, id := range page.Items {
					got = append(got, id)
					if l.envelope == "api_keys" && id == srv.ids[0] {
						continue
					}
					if err := l.remove(ctx, client, id); err != nil {
						t.Fatal(err)
					}
				}
			}
			equal(t, "items", got, srv.ids)
		})
	}
}

// WithMaxPages counts the pages that are given, not those that are read again.
func TestIterate_deletesWithMaxPages(t *testing.T) {
	l := lists[2]
	srv := l.fill(t, 50)
	client, ctx := srv.Client(t), t.Context()
	var got []connix.ID
	for id, err := range l.all(ctx, client, &connix.ListOptions{Limit: 10}, connix.WithMaxPages(3)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
		if err := l.remove(ctx, client, id); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "items", got, srv.ids[:30])
}

// The iterator starts at the page that was asked for, and what slides before it
// is not its own.
func TestIterate_deletesFromALaterPage(t *testing.T) {
	l := lists[2]
	srv := l.fill(t, 50)
	client, ctx := srv.Client(t), t.Context()
	var got []connix.ID
	for id, err := range l.all(ctx, client, &connix.ListOptions{Limit: 10, Page: 3}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
		if err := l.remove(ctx, client, id); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "items", got, srv.ids[20:])
}

// What others delete is no error, and costs nothing of what stays.
func TestIterate_deletionsByOthers(t *testing.T) {
	for _, l := range deletable[:2] {
		for prefetch := range 3 {
			srv := l.fill(t, 500)
			client, ctx := srv.Client(t), t.Context()
			gone := map[connix.ID]bool{}
			var got []connix.ID
			for page, err := range l.pages(ctx, client, nil, connix.WithPrefetch(prefetch)) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, page.Items...)
				if len(gone) > 100 {
					continue
				}
				for i := len(gone); i < 200; i += 7 { // some were given, some were not
					gone[srv.ids[i]] = true
					if err := l.remove(ctx, client, srv.ids[i]); err != nil && !connixNotFound(err) {
						t.Fatal(err)
					}
				}
			}
			stayed := slices.DeleteFunc(slices.Clone(srv.ids), func(id connix.ID) bool { return gone[id] })
			got = slices.DeleteFunc(got, func(id connix.ID) bool { return gone[id] })
			if !slices.Equal(got, stayed) {
				t.Errorf("%s, prefetch %d: got %d, want %d", l.name, prefetch, len(got), len(stayed))
			}
		}
	}
}

func connixNotFound(err error) bool { return errors.Is(err, connix.ErrNotFound) }

// While others delete and create, all that stays is given once.
func TestIterate_race(t *testing.T) {
	for _, l := range deletable[:2] {
		for prefetch := range 3 {
			t.Run(fmt.Sprint(l.name, "/prefetch ", prefetch), func(t *testing.T) {
				srv := l.fill(t, 600)
				client, ctx := srv.Client(t), t.Context()
				var others sync.WaitGroup
				for worker := range 3 {
					others.Go(func() {
						for i := worker; i < len(srv.ids); i += 9 {
							if err := l.remove(ctx, client, srv.ids[i]); err != nil {
								t.Error(err)
							}
						}
					})
				}
				others.Go(func() {
					for i := range 30 {
						l.add(srv.Server, seed{name: "new-" + strconv.Itoa(i)})
					}
				})
				counts := map[connix.ID]int{}
				for id, err := range l.all(ctx, client, &connix.ListOptions{Limit: 20}, connix.WithPrefetch(prefetch)) {
					if err != nil {
						t.Error(err)
						break
					}
					counts[id]++
				}
				others.Wait()
				for i, id := range srv.ids {
					if n := counts[id]; n > 1 || n == 0 && i%9 > 2 {
						t.Errorf("item %d came %d times", i, n)
					}
				}
			})
		}
	}
}

// The list that counts items instead of pages goes back too. Its items cannot be
// deleted one by one: they leave it as their status changes.
func TestIterate_itemsLeaveByOffset(t *testing.T) {
	l := lists[4]
	for prefetch := range 3 {
		srv := l.fill(t, 0)
		var want []connix.ID
		for i := range 250 {
			want = append(want, l.add(srv.Server, seed{
				name: "agent-" + strconv.Itoa(i), status: connix.StatusRunning, created: overviewTime.Add(-time.Duration(i) * time.Minute),
			}))
		}
		client, ctx := srv.Client(t), t.Context()
		var got []connix.ID
		for id, err := range l.all(ctx, client, &connix.ListOptions{Status: connix.StatusRunning}, connix.WithPrefetch(prefetch)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, id)
			must(client.Agents.Stop(ctx, id))(t)
		}
		equal(t, "stopped", got, want)
	}
}

// A list without a total shows no deletion: nothing is read again, and the loop
// ends.
func TestIterate_deletesWithoutTotal(t *testing.T) {
	l := lists[0]
	srv := l.fill(t, 250, connixtest.WithDialect(connixtest.ReferenceDialect))
	client, ctx := srv.Client(t), t.Context()
	var got []connix.ID
	for id, err := range l.all(ctx, client, nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
		if err := l.remove(ctx, client, id); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "items", got, append(slices.Clone(srv.ids[:100]), srv.ids[200:]...))
}
