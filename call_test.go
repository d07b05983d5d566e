package connix_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// journal notes what happens, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// loggedLimiter is a limiter written outside of the package.
type loggedLimiter struct {
	*journal
	wait func() error
}

func (l loggedLimiter) Wait(context.Context, connix.RateLimitRequest) (connix.Permit, error) {
	l.note("permit")
	if l.wait != nil {
		if err := l.wait(); err != nil {
			return nil, err
		}
	}
	return loggedPermit(l), nil
}
func (loggedLimiter) Status() connix.RateLimitStatus { return connix.RateLimitStatus{} }

type loggedPermit loggedLimiter

func (p loggedPermit) Cancel() { p.note("cancelled") }
func (p loggedPermit) Settle(r connix.RateLimitResult) {
	if r.StatusCode == 0 {
		p.note("settled lost")
		return
	}
	p.note("settled " + http.StatusText(r.StatusCode))
}

// loggedBody notes when it was read to its end.
type loggedBody struct {
	io.Reader
	*journal
}

func (b loggedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		b.note("body read")
	}
	return n, err
}
func (loggedBody) Close() error { return nil }

// The order of a call is a contract: a permit before the attempt's clock, the
// credential closest to the wire, the body before the permit is settled, and
// the decision after that.
func TestCall_order(t *testing.T) {
	j := &journal{}
	answers := []*http.Response{
		response(503, ""),
		{StatusCode: 307, Header: http.Header{"Location": {"/api/v1/elsewhere"}}, Body: http.NoBody},
		response(401, ""),
		response(200, `{"id":1,"name":"first"}`),
	}
	keys := []string{"key-1", "key-1", "key-1", "key-2", "key-2"}
	client, err := connix.NewClient(
		connix.WithBaseURL("https://api.test"),
		connix.WithRateLimiter(loggedLimiter{journal: j}),
		connix.WithAPIKeySource(func(ctx context.Context) (string, error) {
			key := keys[0]
			keys = keys[1:]
			j.note("credential")
			return key, nil
		}),
		connix.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if _, timed := r.Context().Deadline(); !timed {
				t.Error("the attempt has no timeout")
			}
			j.note("send " + r.URL.Path + " with " + r.Header.Get("X-API-Key"))
			resp := answers[0]
			answers = answers[1:]
			resp.Body = loggedBody{resp.Body, j}
			return resp, nil
		})}),
		connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 1}),
		connix.WithHooks(connix.Hooks{
			AttemptDone: func(_ context.Context, i connix.AttemptInfo) { j.note("attempt " + http.StatusText(i.StatusCode)) },
			RetryWait:   func(context.Context, connix.RetryWaitInfo) { j.note("retry") },
			CallDone:    func(context.Context, connix.CallInfo) { j.note("call done") },
		}),
	)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := client.Projects.Get(t.Context(), ".."); !errors.Is(err, connix.ErrInvalidRequest) || len(j.lines) > 0 {
		t.Fatalf("a bad id: %v after %q, want a refusal before anything else", err, j.lines)
	}
	if _, err := client.Projects.Get(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"permit", "credential", "send /api/v1/projects/1 with key-1", "body read", "settled Service Unavailable", "attempt Service Unavailable",
		"retry",
		"permit", "credential", "send /api/v1/projects/1 with key-1", "body read", "settled Temporary Redirect", "attempt Temporary Redirect",
		"permit", "credential", "send /api/v1/elsewhere with key-1", "body read", "settled Unauthorized", "attempt Unauthorized",
		"credential", // asked again, once, after the 401
		"permit", "credential", "send /api/v1/elsewhere with key-2", "body read", "settled OK", "attempt OK",
		"call done",
	}
	if !slices.Equal(j.lines, want) {
		t.Errorf("order of a call:\n got %q\nwant %q", j.lines, want)
	}
}

// Waiting for the quota is no part of the attempt's timeout.
func TestPermit_outsideTimeout(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		limiter := loggedLimiter{&journal{}, func() error { time.Sleep(time.Hour); return nil }}
		client := srv.Client(t, connix.WithRateLimiter(limiter), connix.WithTimeout(time.Second))
		var meta connix.Response
		if _, err := client.Hello(t.Context(), "x", connix.WithResponse(&meta)); err != nil {
			t.Fatal(err)
		}
		if meta.Attempts[0].RateWait != time.Hour {
			t.Errorf("wait for the quota: %v, want an hour", meta.Attempts[0].RateWait)
		}
	})
}

// However an attempt ends, its permit is given back the way that is true.
func TestPermit_settledOnEveryPath(t *testing.T) {
	for _, c := range []struct {
		name      string
		transport func(*http.Request) (*http.Response, error)
		source    func(context.Context) (string, error)
		want      string
	}{
		{name: "answer", transport: func(*http.Request) (*http.Response, error) { return response(200, `{"message":"x"}`), nil }, want: "settled OK"},
		{name: "refusal", transport: func(*http.Request) (*http.Response, error) { return response(404, ``), nil }, want: "settled Not Found"},
		{name: "lost answer", transport: func(*http.Request) (*http.Response, error) { return nil, io.EOF }, want: "settled lost"},
		{name: "panic", transport: func(*http.Request) (*http.Response, error) { panic("transport") }, want: "settled lost"},
		{name: "no credential", source: func(context.Context) (string, error) { return "", errors.New("vault sealed") }, want: "cancelled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := &journal{}
			if c.source == nil {
				c.source = func(context.Context) (string, error) { return "key", nil }
			}
			client, err := connix.NewClient(
				connix.WithAPIKeySource(c.source), connix.WithRateLimiter(loggedLimiter{journal: j}),
				connix.WithHTTPClient(&http.Client{Transport: roundTripper(c.transport)}), connix.WithRetryPolicy(connix.RetryPolicy{}),
			)
			if err != nil {
				t.Fatal(err)
			}
			func() {
				defer func() {
					if p := recover(); (p != nil) != (c.name == "panic") {
						t.Errorf("panic: %v", p)
					}
				}()
				_, _ = client.Hello(t.Context(), "")
			}()
			if want := []string{"permit", c.want}; !slices.Equal(j.lines, want) {
				t.Errorf("the permit: %q, want %q", j.lines, want)
			}
		})
	}
}

// A limiter that refuses ends the call before anything is sent; after an
// answer, that answer stays in the error.
func TestPermit_refused(t *testing.T) {
	refusal := &connix.RateLimitError{Window: connix.Window{Limit: 100, Period: time.Minute}, Wait: time.Hour}
	srv := connixtest.NewServer(t)
	first := true
	for _, c := range []struct {
		name   string
		wait   func() error
		status int
		sent   int
	}{
		{"at once", func() error { return refusal }, 0, 0},
		{"at the retry", func() error {
			if first {
				first = false
				return nil
			}
			return refusal
		}, 404, 1},
	} {
		srv.Reset()
		client := srv.Client(t, connix.WithRateLimiter(loggedLimiter{&journal{}, c.wait}), connix.WithHTTPClient(&http.Client{
			Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := srv.HTTPClient().Transport.RoundTrip(r)
				if err == nil {
					resp.StatusCode = http.StatusTooManyRequests
				}
				return resp, err
			}),
		}))
		_, err := client.Projects.Get(t.Context(), "404")
		limit, ok := errors.AsType[*connix.RateLimitError](err)
		if !ok || limit != refusal || !errors.Is(err, connix.ErrRateLimited) {
			t.Errorf("%s: %v, want the limiter's own refusal", c.name, err)
		}
		e, ok := errors.AsType[*connix.Error](err)
		if !ok || len(e.Attempts) != c.sent || (e.StatusCode == 0) != (c.status == 0) {
			t.Errorf("%s: %+v, want %d attempts and the last answer", c.name, e, c.sent)
		}
		if got := len(srv.Requests()); got != c.sent {
			t.Errorf("%s: the server saw %d requests, want %d", c.name, got, c.sent)
		}
	}
}
