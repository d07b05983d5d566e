package connix_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

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
