package connix_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// An option that cannot be used is refused by its name, and no client is made.
func TestOptions_refused(t *testing.T) {
	var noLimiter connix.RateLimiter
	for _, c := range []struct {
		name   string
		option connix.Option
	}{
		{"WithAPIKey", connix.WithAPIKey("")},
		{"WithAPIKey", connix.WithAPIKey("line\nbreak")},
		{"WithAPIKey", connix.WithAPIKey("carriage\rreturn")},
		{"WithAPIKey", connix.WithAPIKey("a space")},
		{"WithAPIKey", connix.WithAPIKey("tab\t")},
		{"WithAPIKey", connix.WithAPIKey("ключ")},
		{"WithAPIKey", connix.WithAPIKey("\x7f")},
		{"WithAPIKeySource", connix.WithAPIKeySource(nil)},
		{"WithTokenSource", connix.WithTokenSource(nil)},
		{"WithBaseURL", connix.WithBaseURL("")},
		{"WithHTTPClient", connix.WithHTTPClient(nil)},
		{"WithUserAgent", connix.WithUserAgent("a\r\nX-Injected: b")},
		{"WithUserAgent", connix.WithUserAgent("\x00")},
		{"WithTimeout", connix.WithTimeout(-1)},
		{"WithMaxResponseBytes", connix.WithMaxResponseBytes(0)},
		{"WithMaxResponseBytes", connix.WithMaxResponseBytes(-1)},
		{"WithRetryPolicy", connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: -1})},
		{"WithRetryPolicy", connix.WithRetryPolicy(connix.RetryPolicy{BaseDelay: -1})},
		{"WithRetryPolicy", connix.WithRetryPolicy(connix.RetryPolicy{MaxDelay: -1})},
		{"WithRetryPolicy", connix.WithRetryPolicy(connix.RetryPolicy{MaxElapsed: -1})},
		{"WithRateLimiter", connix.WithRateLimiter(noLimiter)},
		{"WithMaxRate", connix.WithMaxRate(0, 1)},
		{"WithMaxRate", connix.WithMaxRate(-1, 1)},
		{"WithMaxRate", connix.WithMaxRate(math.NaN(), 1)},
		{"WithMaxRate", connix.WithMaxRate(1, 0)},
	} {
		client, err := connix.NewClient(connix.WithAPIKey("key"), c.option)
		if client != nil {
			t.Errorf("%s: a client was made", c.name)
		}
		mustRefuse(t, err, c.name)
	}
	if _, err := connix.NewClient(connix.WithAPIKey("key"), nil, connix.WithLogger(nil), connix.WithHooks(connix.Hooks{}), connix.WithUserAgent(""),
		connix.WithTimeout(0), connix.WithMaxRateLimitWait(-1), connix.WithRetryPolicy(connix.RetryPolicy{})); err != nil {
		t.Errorf("nil and zero where they mean something: %v", err)
	}
}

func TestWithUserAgent(t *testing.T) {
	srv := newServer(t)
	for name, want := range map[string]string{
		"":              "connix-go/" + connix.Version,
		"billing/1.4":   "billing/1.4 connix-go/" + connix.Version,
		" spaces (go) ": "spaces (go) connix-go/" + connix.Version,
	} {
		srv.Reset()
		must(srv.Client(t, connix.WithUserAgent(name)).Hello(t.Context(), ""))(t)
		equal(t, "User-Agent", only(t, srv).Header["User-Agent"], []string{want})
	}
}

// A timeout is one attempt's, from sending to the last byte. The option comes
// before the http.Client's own, which comes before the default.
func TestWithTimeout(t *testing.T) {
	for _, c := range []struct {
		name     string
		own      time.Duration // of the http.Client
		options  []connix.Option
		deadline time.Duration // of the call's context
		latency  time.Duration
		ends     time.Duration // 0: the call succeeds
		says     string
	}{
		{name: "the default", latency: time.Hour, ends: 30 * time.Second, says: "within 30s (see WithTimeout)"},
		{name: "in time", latency: 29 * time.Second},
		{name: "the http.Client's", own: 5 * time.Second, latency: time.Hour, ends: 5 * time.Second, says: "within 5s"},
		{name: "the option's, shorter", own: time.Minute, options: []connix.Option{connix.WithTimeout(time.Second)}, latency: time.Hour, ends: time.Second, says: "within 1s"},
		{name: "the option's, longer", own: time.Second, options: []connix.Option{connix.WithTimeout(time.Minute)}, latency: 50 * time.Second},
		{name: "none", own: time.Second, options: []connix.Option{connix.WithTimeout(0)}, latency: 24 * time.Hour},
		{name: "the context's is sooner", latency: time.Hour, deadline: 2 * time.Second, ends: 2 * time.Second, says: "deadline exceeded"},
		{name: "the context's alone", options: []connix.Option{connix.WithTimeout(0)}, latency: time.Hour, deadline: 2 * time.Minute, ends: 2 * time.Minute, says: "deadline exceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble{connixtest.WithLatency(c.latency, c.latency)}.test(t, func(t *testing.T, srv *connixtest.Server) {
				hc := srv.HTTPClient()
				hc.Timeout = c.own
				client := srv.Client(t, append(c.options, connix.WithHTTPClient(hc), connix.WithRetryPolicy(connix.RetryPolicy{}))...)
				ctx := t.Context()
				if c.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				start := time.Now()
				_, err := client.Hello(ctx, "")
				if c.ends == 0 {
					if err != nil {
						t.Error(err)
					}
					equal(t, "took", time.Since(start), c.latency)
					return
				}
				e := mustError(t, err, context.DeadlineExceeded)
				equal(t, "ended", time.Since(start), c.ends)
				equal(t, "attempt", []any{e.StatusCode, len(e.Attempts), e.Attempts[0].Duration}, []any{0, 1, c.ends})
				if !strings.Contains(err.Error(), c.says) {
					t.Errorf("the text does not say %q: %v", c.says, err)
				}
				if timeout, ok := errors.AsType[interface {
					error
					Timeout() bool
				}](err); !ok || !timeout.Timeout() {
					t.Error("it is no timeout in the sense of package net")
				}
			})
		})
	}
}

// Each attempt has the whole timeout; the body is within it.
func TestWithTimeout_eachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int64 // each is on a connection of its own
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			attempt := attempts.Add(1)
			w.Header().Set("Content-Length", "20")
			_, _ = w.Write([]byte(`{"message":`))
			_ = http.NewResponseController(w).Flush()
			if attempt == 3 {
				time.Sleep(4 * time.Second)
				_, _ = w.Write([]byte(`"there"} `))
				return
			}
			select { // until the client has gone
			case <-time.After(time.Hour):
			case <-r.Context().Done():
			}
		}, connix.WithTimeout(5*time.Second), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 2}))
		start := time.Now()
		var meta connix.Response
		equal(t, "message", must(client.Hello(t.Context(), "", connix.WithResponse(&meta)))(t).Message, "there")
		equal(t, "took", time.Since(start), 14*time.Second)
		for i, want := range []time.Duration{5 * time.Second, 5 * time.Second, 4 * time.Second} {
			equal(t, "attempt "+strconv.Itoa(i), meta.Attempts[i].Duration, want)
		}
		equal(t, "status of a cut answer", meta.Attempts[0].StatusCode, 200)
		if !errors.Is(meta.Attempts[0].Err, context.DeadlineExceeded) {
			t.Errorf("its error: %v", meta.Attempts[0].Err)
		}
	})
}

// The cap is on what a body unfolds to; what was read stays in the error.
func TestWithMaxResponseBytes(t *testing.T) {
	body := `{"message":"` + strings.Repeat("a", 1000) + `"}`
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(body))
	_ = z.Close()
	plain := func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, body) }
	packed := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Error("compression was not asked for")
		}
		w.Header().Set("Content-Encoding", "gzip")
		writeJSON(w, 200, zipped.String())
	}
	for name, handler := range map[string]http.HandlerFunc{"plain": plain, "compressed": packed} {
		n := int64(len(body))
		must(serve(t, handler, connix.WithMaxResponseBytes(n)).Hello(t.Context(), ""))(t)

		client := serve(t, handler, connix.WithMaxResponseBytes(n-1), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 2}))
		var meta connix.Response
		_, err := client.Hello(t.Context(), "", connix.WithResponse(&meta))
		e := mustError(t, err, connix.ErrResponseTooLarge)
		equal(t, name, []any{e.StatusCode, e.RequestID, len(e.Attempts), string(e.Body) == body[:n-1]}, []any{200, "req_of_the_response", 1, true})
		equal(t, "body of the Response", string(meta.Body) == body[:n-1], true)
		if errors.Is(err, connix.ErrUnknownOutcome) {
			t.Error("the outcome of a read is never unknown")
		}
		_, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "name"})
		mustErrorIs(t, err, connix.ErrResponseTooLarge, connix.ErrUnknownOutcome)
	}
	// An error's body is cut as well, and keeps its class.
	client := serve(t, responding(404, body), connix.WithMaxResponseBytes(10))
	_, err := client.Hello(t.Context(), "")
	equal(t, "body", string(mustError(t, err, connix.ErrNotFound).Body), body[:10])
}

// A client's own ceiling spreads its calls, over the API's windows and without
// them.
func TestWithMaxRate(t *testing.T) {
	for name, limiter := range map[string]connix.Option{
		"before the windows": connix.WithRateLimiter(connix.NewRateLimiter()),
		"alone":              connix.WithoutRateLimiter(),
	} {
		t.Run(name, func(t *testing.T) {
			bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
				client := srv.Client(t, limiter, connix.WithMaxRate(2, 3))
				start := time.Now()
				for range 7 {
					must(client.Hello(t.Context(), ""))(t)
				}
				if took := time.Since(start).Round(time.Millisecond); took != 2*time.Second {
					t.Errorf("seven calls, three at once and two a second, took %v, want 2s", took)
				}
			})
		})
	}
}

// Where nothing but a ceiling of the caller's own limits the calls, nothing but
// the retry's delay keeps a 429 from being met again at once.
func TestWithMaxRate_aloneMeets429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if calls++; calls == 1 {
				w.Header().Set("Retry-After", "7")
				writeJSON(w, 429, `{}`)
				return
			}
			writeJSON(w, 200, `{"message":"there"}`)
		}, connix.WithMaxRate(100, 100), connix.WithRetryPolicy(connix.DefaultRetryPolicy()))
		start := time.Now()
		must(client.Hello(t.Context(), ""))(t)
		if took := time.Since(start); took < 7*time.Second || took > 7500*time.Millisecond {
			t.Errorf("waited %v, want the Retry-After of 7s and up to 500ms of jitter", took)
		}
	})
}
