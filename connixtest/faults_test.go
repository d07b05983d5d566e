package connixtest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// everywhere runs a test on a socket and, in a bubble, in memory.
func everywhere(t *testing.T, test func(t *testing.T, srv *connixtest.Server)) {
	t.Run("socket", func(t *testing.T) { test(t, connixtest.NewServer(t)) })
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, connixtest.NewServer(t, connixtest.WithInMemory())) })
	})
}

func TestFaultsAreInTheJournal(t *testing.T) {
	everywhere(t, func(t *testing.T, srv *connixtest.Server) {
		client := srv.Client(t, connix.WithRetryPolicy(connix.RetryPolicy{}))
		project := srv.AddProject(connix.Project{Name: "my-ai-project"})
		for _, step := range []struct {
			action connixtest.Action
			status int
			body   string // its beginning
		}{
			{connixtest.Respond(418, "short", nil), 418, "short"},
			{connixtest.AfterProcessing(connixtest.Respond(504, "late", nil)), 504, "late"},
			{connixtest.Truncate(5), 200, `{"id"`},
			{connixtest.TruncateGzip(1 << 20), 200, `{"id":1,"name":"my-ai-project"`},
			{connixtest.ResetBefore(), 0, ""},
			{connixtest.ResetAfter(), 0, ""},
		} {
			srv.Inject(connixtest.Fault{Times: 1, Action: step.action})
			srv.HTTPClient().CloseIdleConnections() // on a used one, net/http repeats a GET that was reset
			if _, err := client.Projects.Get(t.Context(), project.ID); err == nil {
				t.Errorf("status %d, %q: no error", step.status, step.body)
			}
			all := srv.Requests()
			got := all[len(all)-1]
			if !got.Fault || got.Status != step.status || !strings.HasPrefix(string(got.Response), step.body) || len(got.Response) > 0 && step.body == "" {
				t.Errorf("in the journal: fault %v, status %d, %q; want %d, %q", got.Fault, got.Status, got.Response, step.status, step.body)
			}
		}
		if _, err := client.Projects.Get(t.Context(), project.ID); err != nil {
			t.Fatal(err)
		}
		all := srv.Requests()
		if got := all[len(all)-1]; got.Fault || got.Status != 200 {
			t.Errorf("without a fault: %+v", got)
		}
		srv.Expect(t, connixtest.Match{}, 7)
	})
}

// Every response of the fake has a Date, an id, a response time and rate limits,
// also one that was held back to be spoiled.
func TestSpoiledAnswersHaveTheirHeaders(t *testing.T) {
	clock := connixtest.NewClock(time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC))
	srv := connixtest.NewServer(t, connixtest.WithClock(clock), connixtest.WithRateLimits(connixtest.DefaultRateLimits()))
	client := srv.Client(t)
	for _, step := range []struct {
		action connixtest.Action
		date   string
		limit  string
	}{
		{connixtest.SkewDate(-90 * time.Minute), "Mon, 15 Jan 2024 09:00:00 GMT", "1000"},
		{connixtest.SetHeaders(nil), "Mon, 15 Jan 2024 10:30:00 GMT", "1000"},
		{connixtest.SetHeaders(http.Header{"Date": nil}), "", "1000"},
		{connixtest.NoRateHeaders(), "Mon, 15 Jan 2024 10:30:00 GMT", ""},
		{connixtest.Respond(200, `{"data":[]}`, nil), "Mon, 15 Jan 2024 10:30:00 GMT", ""},
	} {
		srv.Inject(connixtest.Fault{Times: 1, Action: step.action})
		var resp connix.Response
		if _, err := client.Projects.List(t.Context(), nil, connix.WithResponse(&resp), connix.WithRequestID("call-7")); err != nil {
			t.Error(err)
		}
		h := resp.Header
		if h.Get("Date") != step.date || h.Get("X-RateLimit-Limit-Requests") != step.limit || h.Get("X-Request-Id") != "call-7" || h.Get("X-Response-Time") == "" {
			t.Errorf("headers %v, want the date %q and the limit %q", h, step.date, step.limit)
		}
	}
}

// The list is long enough to be compressed: a cut is one of the text itself.
func TestTruncateCutsWhatIsNotCompressed(t *testing.T) {
	srv := connixtest.NewServer(t)
	srv.AddProjects(100, nil)
	srv.Inject(connixtest.Fault{Action: connixtest.Truncate(20)})
	var resp connix.Response
	_, err := srv.Client(t).Projects.List(t.Context(), nil, connix.WithMaxRetries(0), connix.WithResponse(&resp))
	if got := string(resp.Body); err == nil || len(got) != 20 || !strings.HasPrefix(got, `{"data":[{"id":`) {
		t.Errorf("%v, body %q", err, got)
	}
}

func TestAFaultOnOnePath(t *testing.T) {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.AddProjects(2, nil)
	for _, route := range []string{"/projects/2", "/api/v1/projects/2"} {
		fault := srv.Inject(connixtest.Fault{Route: route, Action: connixtest.RespondError(403, connix.CodeForbidden, "")})
		_, err := client.Projects.Get(t.Context(), "1")
		_, err2 := client.Projects.Get(t.Context(), "2")
		if err != nil || !errors.Is(err2, connix.ErrForbidden) || fault.Hits() != 1 {
			t.Errorf("%s: %v, %v, %d hits", route, err, err2, fault.Hits())
		}
		fault.Remove()
	}
}

// failures counts what a test of NewServer reports when it ends.
type failures struct {
	testing.TB
	errors  []string
	cleanup []func()
}

func (f *failures) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}
func (f *failures) Cleanup(g func()) { f.cleanup = append(f.cleanup, g) }
func (f *failures) end() {
	for _, g := range slices.Backward(f.cleanup) {
		g()
	}
}

func TestInject_neverHit(t *testing.T) {
	for name, tt := range map[string]struct {
		opts []connixtest.Option
		use  func(*connixtest.Server)
		want int
	}{
		"never hit": {nil, func(s *connixtest.Server) {
			s.Inject(connixtest.Fault{Method: "POST", Route: "/projects", Times: 2, Action: connixtest.ResetBefore()})
		}, 1},
		"allowed": {[]connixtest.Option{connixtest.WithUnusedFaults()}, func(s *connixtest.Server) {
			s.Inject(connixtest.Fault{Times: 1, Action: connixtest.ResetBefore()})
		}, 0},
		"removed": {nil, func(s *connixtest.Server) {
			s.Inject(connixtest.Fault{Times: 1, Action: connixtest.ResetBefore()}).Remove()
		}, 0},
		"without Times": {nil, func(s *connixtest.Server) { s.Inject(connixtest.Fault{Action: connixtest.ResetBefore()}) }, 0},
		"hit": {nil, func(s *connixtest.Server) {
			s.Inject(connixtest.Fault{Times: 2, Action: connixtest.RateLimited("")})
			_, _ = s.Client(t, connix.WithRetryPolicy(connix.RetryPolicy{})).Status(t.Context())
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tb := &failures{TB: t}
			tt.use(connixtest.NewServer(tb, tt.opts...))
			tb.end()
			if len(tb.errors) != tt.want || tt.want > 0 && !strings.Contains(tb.errors[0], "POST /projects with Times 2 has hit no request") {
				t.Errorf("reported %q, want %d", tb.errors, tt.want)
			}
		})
	}
}

func TestInject_unknownRoute(t *testing.T) {
	srv := connixtest.NewServer(t)
	for _, route := range []string{"/widgets", "/projects/{id}/widgets", "/project", "/oauth2/nope", "/agents/{id}/pause"} {
		wantPanic(t, "none of the API", func() { srv.Inject(connixtest.Fault{Route: route, Action: connixtest.ResetBefore()}) })
		if _, err := srv.AwaitRequests(t.Context(), connixtest.Match{Route: route}, 1); err == nil || !strings.Contains(err.Error(), "none of the API") {
			t.Errorf("a Match of %s: %v", route, err)
		}
	}
	for _, route := range []string{"", "/projects", "/api/v1/projects", "/projects/{id}", "/projects/7", "/projects/a/b c/agents", "/agents/x/stop", "/oauth2/token", "/oauth2/authorize"} {
		srv.Inject(connixtest.Fault{Route: route, Action: connixtest.ResetBefore()})
	}
}

func TestResetRemovesFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := connixtest.NewServer(t, connixtest.WithInMemory())
		client := srv.Client(t)
		srv.Inject(connixtest.Fault{Action: connixtest.Delay(time.Hour, nil)})
		began := time.Now()
		done := make(chan error)
		go func() {
			_, err := client.Projects.List(t.Context(), nil, connix.WithMaxRetries(0))
			done <- err
		}()
		synctest.Wait()
		srv.Reset()
		if err := <-done; err == nil || time.Since(began) != 0 {
			t.Errorf("%v after %v, want an error at once", err, time.Since(began))
		}
		if _, err := client.Projects.List(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}

// In a bubble, a request that outlived its server would not let the bubble end.
func TestCloseEndsFaults(t *testing.T) {
	for name, action := range map[string]connixtest.Action{
		"Delay": connixtest.Delay(time.Hour, nil),
		"Stall": connixtest.Stall(5, time.Hour),
		"Drip":  connixtest.Drip(1),
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, srv *connixtest.Server) {
				client := srv.Client(t, connix.WithTimeout(0))
				hit, done := make(chan struct{}), make(chan error, 1)
				srv.Inject(connixtest.Fault{Action: func(w http.ResponseWriter, r *http.Request, api http.Handler) {
					close(hit)
					action(w, r, api)
				}})
				go func() {
					_, err := client.Projects.List(t.Context(), nil, connix.WithMaxRetries(0))
					done <- err
				}()
				<-hit
				srv.Close()
				if err := <-done; err == nil {
					t.Error("a response came to its end")
				}
			})
		})
	}
}

func TestInjectRefusesWhatCannotWork(t *testing.T) {
	srv := connixtest.NewServer(t)
	ok := connixtest.ResetBefore()
	for name, f := range map[string]connixtest.Fault{
		"no action":   {},
		"skip":        {Skip: -1, Action: ok},
		"times":       {Times: -1, Action: ok},
		"probability": {Probability: math.NaN(), Action: ok},
		"route":       {Route: "projects", Action: ok},
		"parameter":   {Route: "/projects/{projectID}", Action: ok},
	} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, "connixtest: Inject: ") {
					t.Errorf("%s: panic %q", name, text)
				}
			}()
			srv.Inject(f)
		}()
	}
}

// A HEAD has no body, and a fault of one ends with the headers: the connection
// serves the next request.
func TestBodyFaultsOfAHead(t *testing.T) {
	srv := connixtest.NewServer(t)
	srv.Inject(connixtest.Fault{Method: "HEAD", Times: 1, Action: connixtest.EndlessBody()})
	hc := srv.HTTPClient()
	hc.Timeout = 10 * time.Second
	for _, method := range []string{"HEAD", "GET"} {
		req, _ := http.NewRequestWithContext(t.Context(), method, srv.URL+"/api/v1/hello", nil)
		resp, err := hc.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		_ = resp.Body.Close()
	}
}

// A test's own server over HTTP/2 has no connection to reset: the stream is.
func TestFaultsOverHTTP2(t *testing.T) {
	srv := connixtest.NewServer(t)
	h2 := httptest.NewUnstartedServer(srv.Handler())
	h2.EnableHTTP2 = true
	h2.StartTLS()
	t.Cleanup(h2.Close)
	client, err := connix.NewClient(connix.WithBaseURL(h2.URL), connix.WithAPIKey(srv.APIKey), connix.WithHTTPClient(h2.Client()))
	if err != nil {
		t.Fatal(err)
	}
	srv.Inject(connixtest.Fault{Method: "POST", Action: connixtest.ResetAfter()})
	if _, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-ai-project"}); !errors.Is(err, connix.ErrUnknownOutcome) {
		t.Errorf("Create: %v", err)
	}
	if _, err := client.Projects.FindByName(t.Context(), "my-ai-project"); err != nil {
		t.Errorf("FindByName: %v", err)
	}
}

// Five retries and an hour of waiting take no time.
func TestFaultsWaitInTheBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := connixtest.NewServer(t, connixtest.WithInMemory())
		client := srv.Client(t, connix.WithTimeout(time.Hour), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 5, BaseDelay: time.Second, MaxDelay: time.Minute}))
		fault := srv.Inject(connixtest.Fault{Times: 5, Action: connixtest.Delay(12*time.Minute, connixtest.HTMLError(503))})
		began := time.Now()
		if _, err := client.Projects.List(t.Context(), nil); err != nil || fault.Hits() != 5 {
			t.Errorf("%v, %d hits", err, fault.Hits())
		}
		if passed := time.Since(began); passed < time.Hour || passed > time.Hour+time.Minute {
			t.Errorf("%v passed in the bubble", passed)
		}
	})
}

// What a client is told of a lost connection is the same on both networks.
func TestResetsLookTheSameEverywhere(t *testing.T) {
	everywhere(t, func(t *testing.T, srv *connixtest.Server) {
		srv.Inject(connixtest.Fault{Action: connixtest.ResetBefore()})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := srv.Client(t).Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-ai-project"})
		if e, ok := errors.AsType[*connix.Error](err); !ok || e.StatusCode != 0 || !errors.Is(err, syscall.ECONNRESET) || !errors.Is(err, connix.ErrUnknownOutcome) {
			t.Errorf("%v", err)
		}
	})
}
