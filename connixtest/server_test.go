package connixtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// onSocketAndInMemory runs a test with a server of either kind, in a bubble for
// the one in memory.
func onSocketAndInMemory(t *testing.T, f func(t *testing.T, opts ...connixtest.Option)) {
	t.Helper()
	t.Run("socket", func(t *testing.T) { f(t) })
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, connixtest.WithInMemory()) })
	})
}

func TestAllCallsWork(t *testing.T) {
	onSocketAndInMemory(t, func(t *testing.T, opts ...connixtest.Option) {
		srv := connixtest.NewServer(t, opts...)
		client, ctx := srv.Client(t), t.Context()
		created, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-ai-project"})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := client.Projects.Get(ctx, created.ID); err != nil || *got != *created || got.ID != "1" {
			t.Errorf("Get = %+v, %v; want %+v", got, err, created)
		}
		if page, err := client.Projects.List(ctx, nil); err != nil || len(page.Items) != 1 || page.Items[0] != *created {
			t.Errorf("List = %+v, %v", page, err)
		}
		if err := client.Projects.Delete(ctx, created.ID); err != nil {
			t.Errorf("Delete: %v", err)
		}
		if _, err := client.Projects.Get(ctx, created.ID); !errors.Is(err, connix.ErrNotFound) {
			t.Errorf("Get of a deleted project: %v", err)
		}
		srv.Expect(t, connixtest.Match{}, 5)
		srv.Expect(t, connixtest.Match{Method: "GET", Route: "/projects/{id}", Status: 404}, 1)
	})
}

// TestAnAnswerBeforeTheEndOfTheBody sends bodies that the server does not read
// to their end: what is over a mebibyte it refuses.
func TestAnAnswerBeforeTheEndOfTheBody(t *testing.T) {
	post := func(t *testing.T, srv *connixtest.Server, size int) {
		t.Helper()
		body := io.LimitReader(endless('x'), int64(size)) // of a length that nobody is told
		req, _ := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/api/v1/projects", body)
		req.Header.Set("X-API-Key", srv.APIKey)
		resp, err := srv.HTTPClient().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if resp.StatusCode != 400 || err != nil || !strings.Contains(string(text), "is larger than 1048576 bytes") {
			t.Errorf("status %d, %s, %v", resp.StatusCode, text, err)
		}
	}
	onSocketAndInMemory(t, func(t *testing.T, opts ...connixtest.Option) {
		srv := connixtest.NewServer(t, opts...)
		for range 3 {
			post(t, srv, 1<<20+100<<10)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		// net/http lets such a connection linger for half a second.
		srv := connixtest.NewServer(t, connixtest.WithInMemory())
		for range 3 {
			post(t, srv, 4<<20)
		}
	})
}

// endless reads as one byte for ever.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func TestServersAreWorldsOfTheirOwn(t *testing.T) {
	onSocketAndInMemory(t, func(t *testing.T, opts ...connixtest.Option) {
		a, b := connixtest.NewServer(t, opts...), connixtest.NewServer(t, opts...)
		for _, srv := range []*connixtest.Server{a, b} {
			if !regexp.MustCompile(`^cx_[0-9a-f]{32}$`).MatchString(srv.APIKey) || !regexp.MustCompile(`^http://127\.\d+\.\d+\.\d+:\d+$`).MatchString(srv.URL) {
				t.Errorf("URL %s, key %s", srv.URL, srv.APIKey)
			}
		}
		if a.APIKey == b.APIKey || a.URL == b.URL {
			t.Errorf("two servers share their key or URL: %s %s, %s %s", a.APIKey, a.URL, b.APIKey, b.URL)
		}
		a.AddProject(connix.Project{Name: "one"})
		if page, err := b.Client(t).Projects.List(t.Context(), nil); err != nil || len(page.Items) != 0 {
			t.Errorf("the other server has %+v, %v", page, err)
		}
		if _, err := b.Client(t, connix.WithAPIKey(a.APIKey)).Hello(t.Context(), "x"); !errors.Is(err, connix.ErrUnauthorized) {
			t.Errorf("with the other server's key: %v", err)
		}
		a.Expect(t, connixtest.Match{}, 0)
		b.Expect(t, connixtest.Match{}, 2)
	})
}

func TestTheClientOfAServerInMemoryReachesNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := connixtest.NewServer(t, connixtest.WithInMemory())
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1:9/", nil)
		resp, err := srv.HTTPClient().Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "the client of a server in memory reaches that one") || !strings.Contains(err.Error(), "127.0.0.1:9") {
			t.Errorf("error %v", err)
		}
	})
}

func TestHTTPClientsCanBeChanged(t *testing.T) {
	srv := connixtest.NewServer(t)
	srv.HTTPClient().Timeout = time.Nanosecond
	if c := srv.HTTPClient(); c.Timeout != 0 {
		t.Error("a client was changed through another")
	}
}

func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	srv, err := connixtest.Start(connixtest.WithLatency(time.Hour, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	client := srv.Client(t, connix.WithRetryPolicy(connix.RetryPolicy{}))
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := client.Hello(t.Context(), "x"); err == nil {
				t.Error("a call that was under way at Close has succeeded")
			}
		})
	}
	if _, err := srv.AwaitRequests(t.Context(), connixtest.Match{}, 10); err != nil {
		t.Error(err)
	}
	srv.Close()
	wg.Wait()
	srv.Close() // again: nothing happens
	if _, err := client.Hello(t.Context(), "x"); err == nil {
		t.Error("a closed server answers")
	}
	// What is left of connections ends by itself.
	for i := 0; runtime.NumGoroutine() > before && i < 1e6; i++ {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, after, buf[:runtime.Stack(buf, true)])
	}
}

func TestReset(t *testing.T) {
	srv := connixtest.NewServer(t, connixtest.WithRateLimits(connixtest.RateLimits{Windows: []connix.Window{{Limit: 2, Period: time.Hour}}}))
	client := srv.Client(t, connix.WithRetryPolicy(connix.RetryPolicy{}))
	for range 3 {
		srv.AddProject(connix.Project{})
		srv.OnLaunch(func(connix.LaunchAgentRequest) connixtest.AgentPlan { return connixtest.AgentPlan{} })
		if page, err := client.Projects.List(t.Context(), nil); err != nil || page.Pagination.Total != 1 || page.Items[0].ID != "1" {
			t.Errorf("%+v, %v", page, err)
		}
		srv.Expect(t, connixtest.Match{}, 1)
		srv.Reset()
	}
}

func TestHandler(t *testing.T) {
	srv := connixtest.NewServer(t)
	proxy := httptest.NewServer(srv.Handler())
	t.Cleanup(proxy.Close)
	client, err := connix.NewClient(connix.WithBaseURL(proxy.URL), connix.WithAPIKey(srv.APIKey))
	if err != nil {
		t.Fatal(err)
	}
	if hello, err := client.Hello(t.Context(), "you"); err != nil || hello.Message != "Hello you! Welcome to Connix API v1" {
		t.Errorf("%+v, %v", hello, err)
	}
	srv.Expect(t, connixtest.Match{Route: "/hello"}, 1)
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	window := func(limit int, period time.Duration) connixtest.RateLimits {
		return connixtest.RateLimits{Windows: []connix.Window{{Limit: limit, Period: period}}}
	}
	for want, opt := range map[string]connixtest.Option{
		"WithLatency(-1s, 0s)":                   connixtest.WithLatency(-time.Second, 0),
		"WithLatency(2s, 1s)":                    connixtest.WithLatency(2*time.Second, time.Second),
		"WithJournalSize(0)":                     connixtest.WithJournalSize(0),
		"WithDialect(7)":                         connixtest.WithDialect(7),
		"at least one request, not 0":            connixtest.WithRateLimits(window(0, time.Hour)),
		"must be positive, not 0s":               connixtest.WithRateLimits(window(1, 0)),
		"at least one request, not -5":           connixtest.WithRateLimits(connixtest.RateLimits{Tokens: connix.Window{Limit: -5, Period: time.Hour}}),
		"WithRateLimits: no such kind of window": connixtest.WithRateLimits(connixtest.RateLimits{Kind: 3}),
	} {
		srv, err := connixtest.Start(nil, opt, connixtest.WithInMemory())
		if err == nil {
			srv.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), "connixtest: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	tb := &recorder{TB: t}
	tb.run(func() { connixtest.NewServer(tb, connixtest.WithJournalSize(-1)) })
	if len(tb.failures) != 1 || !strings.Contains(tb.failures[0], "WithJournalSize(-1)") || !tb.fatal {
		t.Errorf("NewServer fails with %q", tb.failures)
	}
}

// recorder is a testing.TB that keeps failures to itself.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	fatal    bool
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.fatal = true
	runtime.Goexit()
}

// told returns the failures so far: a server fails a test from goroutines of its own.
func (r *recorder) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.failures)
}

// run calls f, which may end its goroutine as Fatalf does.
func (r *recorder) run(f func()) {
	var wg sync.WaitGroup
	wg.Go(f)
	wg.Wait()
}

func TestRateLimitsAreOffUnlessAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := connixtest.NewServer(t, connixtest.WithInMemory())
		client := srv.Client(t)
		for range 1200 {
			if _, err := client.Hello(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
		}
		var r connix.Response
		if _, err := client.Hello(t.Context(), "x", connix.WithResponse(&r)); err != nil || *r.RateLimits.Requests.Limit != 1000 || *r.RateLimits.Requests.Remaining != 1000 {
			t.Errorf("the headers tell %v of %v, %v", r.RateLimits.Requests.Remaining, r.RateLimits.Requests.Limit, err)
		}
	})
}

func TestDefaultRateLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithRateLimits(connixtest.DefaultRateLimits()))
		client := srv.Client(t, connix.WithRetryPolicy(connix.RetryPolicy{}))
		for minute := range 11 {
			allowed := 0
			for range 101 {
				_, err := client.Hello(t.Context(), "x")
				switch {
				case err == nil:
					allowed++
				case !errors.Is(err, connix.ErrRateLimited):
					t.Fatal(err)
				}
			}
			if want := map[bool]int{true: 100, false: 0}[minute < 10]; allowed != want {
				t.Errorf("minute %d: %d calls were allowed, want %d", minute, allowed, want)
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(49 * time.Minute)
		if _, err := client.Hello(t.Context(), "x"); err != nil {
			t.Errorf("in the next hour: %v", err)
		}
	})
}

func TestWithClock(t *testing.T) {
	clock := connixtest.NewClock(time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC))
	srv := connixtest.NewServer(t, connixtest.WithClock(clock))
	client, ctx := srv.Client(t), t.Context()
	p, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "one"})
	if err != nil || !p.CreatedAt.Equal(clock.Now()) {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "a", ProjectID: p.ID}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []connix.Status{"creating", "running", "completed"} {
		if a, err := client.Agents.FindByName(ctx, p.ID, "a"); err != nil || a.Status != want {
			t.Errorf("%+v, %v; want %s", a, err, want)
		}
		clock.Advance(400 * time.Millisecond)
	}
	if clock.Now() != time.Date(2024, 1, 15, 10, 30, 1, 2e8, time.UTC) {
		t.Errorf("the clock says %v", clock.Now())
	}
}

func TestOnLaunch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := connixtest.NewServer(t, connixtest.WithInMemory())
		client, ctx := srv.Client(t), t.Context()
		p := srv.AddProject(connix.Project{})
		srv.OnLaunch(func(l connix.LaunchAgentRequest) connixtest.AgentPlan {
			if l.ProjectID != p.ID {
				t.Errorf("asked for the plan of %+v", l)
			}
			return map[string]connixtest.AgentPlan{
				"slow":  {{After: 10 * time.Minute, Status: connix.StatusRunning}, {After: time.Hour, Status: connix.StatusFailed}},
				"stuck": {},
			}[l.Name]
		})
		launch := func(name string) *connix.Agent {
			t.Helper()
			if _, err := client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: name, ProjectID: p.ID}); err != nil {
				t.Fatal(err)
			}
			a, err := client.Agents.FindByName(ctx, p.ID, name)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		start := time.Now()
		slow, stuck, usual := launch("slow"), launch("stuck"), launch("usual")
		if a, err := client.Agents.WaitFor(ctx, slow.ID); err != nil || a.Status != connix.StatusFailed || !a.UpdatedAt.Equal(start.Add(70*time.Minute)) {
			t.Errorf("slow: %+v, %v", a, err)
		}
		if a, err := client.Agents.Get(ctx, usual.ID); err != nil || a.Status != connix.StatusCompleted {
			t.Errorf("usual: %+v, %v", a, err)
		}
		if a, err := client.Agents.Get(ctx, stuck.ID); err != nil || a.Status != connix.StatusCreating {
			t.Errorf("stuck: %+v, %v", a, err)
		}
		srv.SetAgentStatus(stuck.ID, connix.StatusError)
		if a, err := client.Agents.Get(ctx, stuck.ID); err != nil || a.Status != connix.StatusError {
			t.Errorf("stuck: %+v, %v", a, err)
		}
		srv.OnLaunch(nil)
		if a, err := client.Agents.WaitFor(ctx, launch("slow").ID, connix.WithUntil(connix.StatusCompleted)); err != nil {
			t.Errorf("with the usual plan: %+v, %v", a, err)
		}
		wantPanic(t, "there is no agent agent_x", func() { srv.SetAgentStatus("agent_x", connix.StatusError) })
	})
}

func wantPanic(t *testing.T, text string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := fmt.Sprint(recover()); !strings.Contains(got, text) {
			t.Errorf("panic %q, want one with %q", got, text)
		}
	}()
	f()
}

func TestDialects(t *testing.T) {
	for _, dialect := range []connixtest.Dialect{connixtest.OverviewDialect, connixtest.ReferenceDialect} {
		t.Run(fmt.Sprint(dialect), func(t *testing.T) {
			srv := connixtest.NewServer(t, connixtest.WithDialect(dialect))
			client, ctx := srv.Client(t), t.Context()
			srv.AddProjects(250, nil)
			n := 0
			for p, err := range client.Projects.All(ctx, nil) {
				if err != nil {
					t.Fatal(err)
				}
				if reference := strings.HasPrefix(p.ID.String(), "proj_"); reference != (dialect == connixtest.ReferenceDialect) || reference != p.CreatedAt.IsZero() {
					t.Fatalf("%+v", p)
				}
				n++
			}
			if n != 250 {
				t.Errorf("%d projects, want 250", n)
			}
			_, err := client.Projects.Create(ctx, connix.CreateProjectRequest{})
			e, ok := errors.AsType[*connix.Error](err)
			if !ok || !errors.Is(err, connix.ErrInvalidRequest) || !strings.Contains(e.Details.Issue, "cannot be empty") {
				t.Errorf("error %+v", e)
			}
		})
	}
}

func TestRequestChecks(t *testing.T) {
	check := connixtest.WithRequestCheck(func(r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		if strings.Contains(string(body), "ugly") {
			return errors.New("the body is ugly")
		}
		return err
	})
	never := connixtest.WithRequestCheck(nil)

	tb := &recorder{TB: t}
	srv := connixtest.NewServer(tb, check, never, check)
	client := srv.Client(t)
	for _, name := range []string{"nice", "ugly"} {
		if _, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if want := []string{"connixtest: POST /api/v1/projects: the request check: the body is ugly"}; !slices.Equal(tb.failures, want) {
		t.Errorf("the test fails with %q, want %q", tb.failures, want)
	}

	srv, err := connixtest.Start(check)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	_, err = srv.Client(t).Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "ugly"})
	if !errors.Is(err, connix.ErrServer) || !strings.Contains(err.Error(), "the body is ugly") {
		t.Errorf("error %v", err)
	}
}

func TestClientsWithOtherCredentials(t *testing.T) {
	srv := connixtest.NewServer(t)
	reader := srv.AddAPIKey(connix.APIKey{Scopes: []string{"projects:read"}})
	source := func(context.Context) (string, error) { return reader.Key.Reveal(), nil }
	client := srv.Client(t, connix.WithAPIKeySource(source))
	if _, err := client.Projects.List(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if _, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "one"}); !errors.Is(err, connix.ErrForbidden) {
		t.Errorf("a key that may only read: %v", err)
	}
	token := connix.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "t"}))
	if _, err := srv.Client(t, token).Hello(t.Context(), "x"); !errors.Is(err, connix.ErrUnauthorized) {
		t.Errorf("a token that nobody gave out: %v", err)
	}
	srv.Expect(t, connixtest.Match{Route: "/hello", Status: 401}, 1)

	for _, opts := range [][]connix.Option{{token, connix.WithAPIKeySource(source)}, {connix.WithBaseURL("ftp://x")}, {token, connix.WithBaseURL("ftp://x")}} {
		tb := &recorder{TB: t}
		tb.run(func() { srv.Client(tb, opts...) })
		if len(tb.failures) != 1 || !tb.fatal {
			t.Errorf("a client that cannot be: %q", tb.failures)
		}
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	const workers, calls = 32, 20
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range calls {
				p, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: fmt.Sprintf("p-%d-%d", w, i)})
				if err != nil {
					t.Error(err)
					return
				}
				if i%2 == 0 {
					continue
				}
				if err := client.Projects.Delete(t.Context(), p.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	page, err := client.Projects.List(t.Context(), &connix.ListProjectsOptions{ListOptions: connix.ListOptions{UpdatedAfter: time.Now().Add(-time.Hour), Sort: "name", Limit: 100}})
	if err != nil || page.Pagination.Total != workers*calls/2 || !slices.IsSortedFunc(page.Items, func(a, b connix.Project) int { return strings.Compare(b.Name, a.Name) }) {
		t.Errorf("%d projects, %v; want %d", page.Pagination.Total, err, workers*calls/2)
	}
	srv.Expect(t, connixtest.Match{Method: "POST", Route: "/projects", Status: 201}, workers*calls)
	srv.Expect(t, connixtest.Match{Method: "DELETE", Route: "/projects/{id}", Status: 204}, workers*calls/2)
}
