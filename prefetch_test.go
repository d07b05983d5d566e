package connix_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

const latency = 20 * time.Millisecond

// remote fills a server in memory, from inside a bubble.
func (l list) remote(t *testing.T, n int, opts ...any) *filled {
	t.Helper()
	return l.fill(t, n, append(opts, connixtest.WithInMemory())...)
}

// slow is remote, with a server that takes its time for each response.
func (l list) slow(t *testing.T, n int, opts ...any) *filled {
	t.Helper()
	return l.remote(t, n, append(opts, connixtest.WithLatency(latency, latency))...)
}

// eachDialect runs a test for a list of each dialect, by page and by offset, in a
// bubble of its own.
func eachDialect(t *testing.T, test func(t *testing.T, l list)) {
	t.Helper()
	for _, l := range []list{lists[0], lists[4]} {
		t.Run(l.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, l) })
		})
	}
}

// through is a transport that calls before with the number of a request's page,
// and gives up the request if that returns an error.
func through(srv *filled, before func(page int, r *http.Request) error) connix.Option {
	return connix.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if err := before(pageOf(r), r); err != nil {
			return nil, err
		}
		return srv.HTTPClient().Transport.RoundTrip(r)
	})})
}

// pageOf is the number of the page that a request asks for, in either dialect.
func pageOf(r *http.Request) int {
	number := func(name string) int {
		n, _ := strconv.Atoi(r.URL.Query().Get(name))
		return n
	}
	if page := number("page"); page > 0 {
		return page
	}
	return number("offset")/number("limit") + 1
}

// The pages come in order and complete, in the time that so many at once take.
func TestPrefetch_takesLessTime(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		srv := l.slow(t, 1000)
		client := srv.Client(t)
		for _, c := range []struct {
			pages int
			trips time.Duration
		}{{0, 10}, {1, 10}, {2, 6}, {4, 4}, {8, 3}, {9, 2}, {50, 2}, {math.MaxInt, 2}} {
			sent := len(srv.queries())
			start := time.Now()
			got, err := collect(l.all(t.Context(), client, nil, connix.WithPrefetch(c.pages)))
			if err != nil || !slices.Equal(got, srv.ids) {
				t.Fatalf("prefetch %d: %d items, %v", c.pages, len(got), err)
			}
			equal(t, fmt.Sprintf("time with prefetch %d", c.pages), time.Since(start), c.trips*latency)
			equal(t, "calls", len(srv.queries())-sent, 10)
		}
	})
}

// While a page is consumed the next ones are under way already.
func TestPrefetch_worksWhileThePageIsConsumed(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		srv := l.slow(t, 1000)
		start := time.Now()
		for _, err := range l.pages(t.Context(), srv.Client(t), nil, connix.WithPrefetch(1)) {
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(latency)
		}
		equal(t, "time", time.Since(start), 11*latency)
	})
}

// No more pages are fetched than may be held, however slow the consumer is.
func TestPrefetch_isBounded(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		srv := l.slow(t, 1000)
		for _, n := range []int{0, 1, 3, 9} {
			sent, consumed := len(srv.queries()), 0
			for _, err := range l.pages(t.Context(), srv.Client(t), nil, connix.WithPrefetch(n)) {
				if err != nil {
					t.Fatal(err)
				}
				consumed++
				time.Sleep(time.Hour)
				equal(t, fmt.Sprintf("calls after %d pages with prefetch %d", consumed, n), len(srv.queries())-sent, min(consumed+n, 10))
			}
		}
	})
}

// Every list of every length comes out as it does page by page, for the same
// calls, in whatever order the responses come.
func TestPrefetch_changesNothingElse(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		srv := l.remote(t, 23, connixtest.WithLatency(0, time.Second))
		client := srv.Client(t)
		for _, options := range []connix.ListOptions{
			{}, {Limit: 1}, {Limit: 5}, {Limit: 22}, {Limit: 23}, {Limit: 4, Page: 3}, {Limit: 4, Page: 60},
		} {
			for _, most := range []int{0, 3} {
				var opts []connix.CallOption
				if most > 0 {
					opts = append(opts, connix.WithMaxPages(most))
				}
				from := len(srv.queries())
				want := must(collect(l.pages(t.Context(), client, &options, opts...)))(t)
				calls := slices.Sorted(slices.Values(srv.queries()[from:]))
				for _, n := range []int{1, 3, 100} {
					from := len(srv.queries())
					got := must(collect(l.pages(t.Context(), client, &options, append(opts, connix.WithPrefetch(n))...)))(t)
					equal(t, fmt.Sprintf("%+v, %d pages, prefetch %d", options, most, n), got, want)
					equal(t, "calls", slices.Sorted(slices.Values(srv.queries()[from:])), calls)
				}
			}
		}
	})
}

// A list that does not tell its pages is read page by page.
func TestPrefetch_withoutPages(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		srv := l.slow(t, 250, connixtest.WithDialect(connixtest.ReferenceDialect))
		got, err := collect(l.all(t.Context(), srv.Client(t), nil, connix.WithPrefetch(4)))
		if err != nil || !slices.Equal(got, srv.ids) {
			t.Errorf("%d items, %v", len(got), err)
		}
	})
}

// counting counts the requests that are under way.
type counting struct {
	http.RoundTripper
	running atomic.Int64
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.running.Add(1)
	defer c.running.Add(-1)
	return c.RoundTripper.RoundTrip(r)
}

// However an iteration ends, it ends at once, and leaves nothing under way.
func TestPrefetch_stops(t *testing.T) {
	stuck := connixtest.Delay(24*time.Hour, nil)
	for _, c := range []struct {
		name string
		use  func(t *testing.T, cancel context.CancelFunc, items iter.Seq2[connix.ID, error])
	}{
		{"break", func(t *testing.T, _ context.CancelFunc, items iter.Seq2[connix.ID, error]) {
			for _, err := range items {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
		}},
		{"break in the last item of a page", func(t *testing.T, _ context.CancelFunc, items iter.Seq2[connix.ID, error]) {
			n := 0
			for _, err := range items {
				if n++; n == 100 || err != nil {
					break
				}
			}
			equal(t, "items", n, 100)
		}},
		{"cancel", func(t *testing.T, cancel context.CancelFunc, items iter.Seq2[connix.ID, error]) {
			n, errs := 0, 0
			for _, err := range items {
				if err != nil {
					errs++
					mustErrorIs(t, err, context.Canceled)
					continue
				}
				if n++; n == 50 {
					cancel()
				}
			}
			equal(t, "items of the page at hand, and errors", []int{n, errs}, []int{100, 1})
		}},
		{"cancel while it waits", func(t *testing.T, cancel context.CancelFunc, items iter.Seq2[connix.ID, error]) {
			n := 0
			for _, err := range items {
				if n++; n == 100 {
					go func() {
						synctest.Wait()
						cancel()
					}()
				}
				if err != nil {
					mustErrorIs(t, err, context.Canceled)
				}
			}
			equal(t, "items and the error", n, 101)
		}},
		{"panic", func(t *testing.T, _ context.CancelFunc, items iter.Seq2[connix.ID, error]) {
			defer func() { equal(t, "recovered", recover(), any("the consumer's")) }()
			for _, err := range items {
				panic(errors.Join(err, errors.New("the consumer's")).Error())
			}
		}},
		{"an iterator that is pulled", func(t *testing.T, _ context.CancelFunc, items iter.Seq2[connix.ID, error]) {
			next, stop := iter.Pull2(items)
			_, err, ok := next()
			equal(t, "first", []any{err, ok}, []any{error(nil), true})
			stop()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachDialect(t, func(t *testing.T, l list) {
				srv := l.slow(t, 1000)
				wire := &counting{RoundTripper: srv.HTTPClient().Transport}
				client := srv.Client(t, connix.WithHTTPClient(&http.Client{Transport: wire}), connix.WithTimeout(0))
				route := l.path[len("/api/v1"):]
				if l.offsets {
					route = "/projects/{id}/agents"
				}
				srv.Inject(connixtest.Fault{Route: route, Skip: 1, Action: stuck})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				start := time.Now()
				c.use(t, cancel, l.all(ctx, client, nil, connix.WithPrefetch(4)))
				equal(t, "requests under way", wire.running.Load(), 0)
				equal(t, "time", time.Since(start), latency)
				if n := len(srv.queries()); n < 1 || n > 5 {
					t.Errorf("%d requests arrived, want the first page's and, unless given up before, four more", n)
				}
				equal(t, "requests under way", wire.running.Load(), 0)
			})
		})
	}
}

// A page that fails does so in its place: those before it are yielded, those
// after it are not, and their calls end.
func TestPrefetch_failsInItsPlace(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		srv := l.slow(t, 1000)
		lost := errors.New("the wire is cut")
		client := srv.Client(t, connix.WithRetryPolicy(connix.RetryPolicy{}), through(srv, func(page int, r *http.Request) error {
			switch page {
			case 4:
				return lost // at once, before the pages that come before it
			case 5, 6:
				<-r.Context().Done() // never, unless it is given up
				return context.Cause(r.Context())
			}
			return nil
		}))
		var meta connix.Response
		start := time.Now()
		got, err := collect(l.all(t.Context(), client, nil, connix.WithPrefetch(5), connix.WithResponse(&meta)))
		mustErrorIs(t, err, lost)
		if !slices.Equal(got, srv.ids[:300]) {
			t.Errorf("%d items came before the failure", len(got))
		}
		equal(t, "metadata", []any{meta.StatusCode, len(meta.Attempts)}, []any{0, 1})
		equal(t, "time", time.Since(start), 2*latency)
	})
}

// A call that is repeated holds up its own page only.
func TestPrefetch_retries(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		srv := l.slow(t, 500)
		var failures atomic.Int64
		client := srv.Client(t, through(srv, func(page int, _ *http.Request) error {
			if page > 1 && page%2 == 0 && failures.Add(1) <= 3 {
				return errors.New("a bad day")
			}
			return nil
		}))
		got, err := collect(l.all(t.Context(), client, nil, connix.WithPrefetch(4)))
		if err != nil || !slices.Equal(got, srv.ids) {
			t.Errorf("%d items, %v", len(got), err)
		}
	})
}

// What WithResponse asks for is there before the page is, and does not change
// while the page is consumed.
func TestPrefetch_fillsTheResponse(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		srv := l.slow(t, 1000)
		var mu sync.Mutex
		sent := map[int]string{} // request ids, by page
		client := srv.Client(t, through(srv, func(page int, r *http.Request) error {
			mu.Lock()
			defer mu.Unlock()
			sent[page] = r.Header.Get("X-Request-ID")
			return nil
		}))
		var meta connix.Response
		n := 0
		for page, err := range l.pages(t.Context(), client, nil, connix.WithPrefetch(4), connix.WithResponse(&meta)) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			equal(t, "page", page.Pagination.Page, n)
			for range 2 {
				mu.Lock()
				equal(t, "request id", meta.RequestID, sent[n])
				mu.Unlock()
				time.Sleep(time.Minute)
			}
		}
		equal(t, "pages", n, 10)
	})
}

// Every page waits for its permit: the rate limit holds, and the server has
// nothing to refuse.
func TestPrefetch_keepsToTheRateLimit(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		window := connix.Window{Limit: 5, Period: time.Minute}
		srv := l.slow(t, 1000, connixtest.WithRateLimits(connixtest.RateLimits{
			Windows: []connix.Window{window}, Kind: connixtest.SlidingWindow,
		}))
		client := srv.Client(t, connix.WithRateLimiter(connix.NewRateLimiter(window)))
		got, err := collect(l.all(t.Context(), client, nil, connix.WithPrefetch(9)))
		if err != nil || !slices.Equal(got, srv.ids) {
			t.Errorf("%d items, %v", len(got), err)
		}
		for _, r := range srv.Requests() {
			equal(t, "status", r.Status, 200)
		}
	})
}

// A list that grows or shrinks while it is read ends where it ends then.
func TestPrefetch_whileTheTotalChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := lists[0]
		srv := l.slow(t, 10)
		client := srv.Client(t)
		options := &connix.ListOptions{Limit: 2, Order: connix.Ascending}
		slices.Reverse(srv.ids)
		want := slices.Clone(srv.ids)
		for i := range 12 {
			want = append(want, l.add(srv.Server, seed{name: fmt.Sprint("late-", i), created: overviewTime.AddDate(0, 0, i+1)}))
			got, err := collect(l.all(t.Context(), client, options, connix.WithPrefetch(4)))
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("with %d more: %v, %v", i+1, got, err)
			}
		}
		n := 0
		var got []connix.ID
		for id, err := range l.all(t.Context(), client, options, connix.WithPrefetch(4)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, id)
			if n++; n%2 == 1 && n < 8 { // while the next pages are on their way
				want = append(want, l.add(srv.Server, seed{name: fmt.Sprint("later-", n), created: overviewTime.AddDate(1, 0, n)}))
			}
		}
		equal(t, "items of a list that grows", got, want)

		got = nil
		for id, err := range l.all(t.Context(), client, options, connix.WithPrefetch(4)) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, id); len(got) == 1 {
				for _, gone := range want[4:] {
					if err := client.Projects.Delete(t.Context(), gone); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		// Some of those were read before they were deleted.
		equal(t, "items of a list that shrinks", got[:4], want[:4])
		if !slices.IsSortedFunc(got, func(a, b connix.ID) int { return slices.Index(want, a) - slices.Index(want, b) }) || len(got) > 10 {
			t.Errorf("items of a list that shrinks: %v", got)
		}
	})
}

// Two pages that are fetched at the same time may be read in the wrong order,
// with an insert between: the later one first, then the earlier one, from which
// the insert has pushed an item to the later one. Neither holds it.
func TestPrefetch_losesNothingToAnInsert(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		for _, c := range [][2]int{{3, 2}, {4, 2}, {4, 3}, {5, 2}} {
			first, second := c[0], c[1]
			srv := l.remote(t, 12)
			var inserted sync.Once
			read := make(chan struct{})
			client := srv.Client(t, connix.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if pageOf(r) == second {
					<-read
					inserted.Do(func() { l.add(srv.Server, seed{name: "inserted", created: overviewTime.AddDate(100, 0, 0)}) })
				}
				resp, err := srv.HTTPClient().Transport.RoundTrip(r)
				if pageOf(r) == first {
					select {
					case <-read:
					default:
						close(read)
					}
				}
				return resp, err
			})}))
			got, err := collect(l.all(t.Context(), client, &connix.ListOptions{Limit: 2}, connix.WithPrefetch(4)))
			if err != nil || !slices.Equal(got, srv.ids) {
				t.Errorf("page %d before page %d: %v, %v\nwant %v", first, second, got, err, srv.ids)
			}
		}
	})
}

// Pages that turn out shorter than the server's limit move those after them:
// what was fetched from the wrong place is fetched again.
func TestPrefetch_followsShortPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 40
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
			items, n := "", 5
			if offset == 10 {
				n = 3
			}
			for i := offset; i < min(offset+n, total); i++ {
				items += fmt.Sprintf(`,{"id":"i%d"}`, i)
			}
			writeJSON(w, 200, fmt.Sprintf(`{"agents":[%s],"pagination":{"limit":5,"offset":%d,"total":%d,"has_next":%t}}`,
				items[min(1, len(items)):], offset, total, offset+n < total))
		})
		var want []connix.ID
		for i := range total {
			want = append(want, connix.ID(fmt.Sprint("i", i)))
		}
		got, err := collect(lists[4].all(t.Context(), client, nil, connix.WithPrefetch(4)))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// What a hook or a transport does on a goroutine of the iterator's reaches the
// consumer as if it had happened on its own.
func TestPrefetch_panics(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		srv := l.slow(t, 1000)
		end := func() { panic("of the transport") }
		client := srv.Client(t, through(srv, func(page int, _ *http.Request) error {
			if page == 3 {
				end()
			}
			return nil
		}))
		n := 0
		func() {
			defer func() { equal(t, "recovered", recover(), any("of the transport")) }()
			for _, err := range l.all(t.Context(), client, nil, connix.WithPrefetch(4)) {
				if err == nil {
					n++
				}
			}
		}()
		equal(t, "items before", n, 200)

		end, n = runtime.Goexit, 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, err := range l.all(t.Context(), client, nil, connix.WithPrefetch(4)) {
				if err == nil {
					n++
				}
			}
			t.Error("the consumer's goroutine went on")
		}()
		<-done
		equal(t, "items before", n, 200)
	})
}

func TestPrefetch_isForIterators(t *testing.T) {
	eachDialect(t, func(t *testing.T, l list) {
		srv := l.slow(t, 10)
		client, ctx := srv.Client(t), t.Context()
		sent := len(srv.Requests())
		_, err := collect(l.all(ctx, client, nil, connix.WithPrefetch(-1)))
		mustRefuse(t, err, "WithPrefetch")
		_, err = l.list(ctx, client, nil, connix.WithPrefetch(2))
		mustRefuse(t, err, "WithPrefetch")
		_, err = collect(l.pages(ctx, client, nil, connix.WithPrefetch(2), connix.WithRequestID("one")))
		mustRefuse(t, err, "WithRequestID")
		_, err = collect(l.pages(nil, client, nil, connix.WithPrefetch(2)))
		mustRefuse(t, err, "ctx")
		equal(t, "requests", len(srv.Requests())-sent, 0)

		// It can be ranged over again, with all that was said.
		all := l.all(ctx, client, &connix.ListOptions{Limit: 3}, connix.WithPrefetch(2))
		for range 2 {
			equal(t, "items", must(collect(all))(t), srv.ids)
		}
	})
}
