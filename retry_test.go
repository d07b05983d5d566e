package connix_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// A write whose answer is lost reaches the server once, and says so.
func TestRetry_postLostResponse(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		lost := &lostResponses{next: srv.HTTPClient().Transport, first: 1}
		client := srv.Client(t, connix.WithHTTPClient(&http.Client{Transport: lost}))

		_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"})
		if !errors.Is(err, connix.ErrUnknownOutcome) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a create whose answer was lost: %v, want ErrUnknownOutcome and the reason", err)
		}
		e, ok := errors.AsType[*connix.Error](err)
		if !ok || e.StatusCode != 0 || len(e.Attempts) != 1 || e.RequestID == "" {
			t.Errorf("the error: %+v, want one attempt, no status and a request id", e)
		}
		srv.Expect(t, connixtest.Match{Method: "POST"}, 1)

		// Looking before repeating finds it.
		project, err := client.Projects.FindByName(t.Context(), "my-project")
		if err != nil || project.Name != "my-project" {
			t.Errorf("looking for it: %v, %v", project, err)
		}
	})
}

// On demand a lost write is repeated; what the repetition meets does not make
// the outcome of the first one known.
func TestRetry_unknownSticks(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		lost := &lostResponses{next: srv.HTTPClient().Transport, first: 1}
		client := srv.Client(t, connix.WithHTTPClient(&http.Client{Transport: lost}))

		_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"}, connix.WithRetryUnsafe())
		if !errors.Is(err, connix.ErrConflict) || !errors.Is(err, connix.ErrUnknownOutcome) {
			t.Errorf("a create that was lost and then met itself: %v, want ErrConflict and ErrUnknownOutcome", err)
		}
		srv.Expect(t, connixtest.Match{Method: "POST"}, 2)
	})
}

// A delete that is repeated after a lost answer and finds nothing has succeeded.
func TestRetry_deleteFindsNothing(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		project := srv.AddProject(connix.Project{Name: "my-project"})
		lost := &lostResponses{next: srv.HTTPClient().Transport, first: 1}
		client := srv.Client(t, connix.WithHTTPClient(&http.Client{Transport: lost}))

		if err := client.Projects.Delete(t.Context(), project.ID); err != nil {
			t.Errorf("a delete whose first answer was lost: %v", err)
		}
		srv.Expect(t, connixtest.Match{Method: "DELETE"}, 2)
		if err := client.Projects.Delete(t.Context(), project.ID); !errors.Is(err, connix.ErrNotFound) || errors.Is(err, connix.ErrUnknownOutcome) {
			t.Errorf("a delete of what is gone: %v, want ErrNotFound and certainty", err)
		}
	})
}

// Never a sleep that the context cannot outlive: the call fails at once, with
// the answer in hand and the context's error.
func TestRetry_deadlineBeforeNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "5")
			w.Header().Set("X-Request-ID", "req_busy")
			w.WriteHeader(503)
			_, _ = io.WriteString(w, `{"error":{"code":"MAINTENANCE","message":"back soon"}}`)
		}, retrying)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		began := time.Now()
		_, err := client.Projects.Get(ctx, "1")
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v, want no wait that could not end well", took)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, connix.ErrServer) {
			t.Errorf("%v: want the deadline and the server's error", err)
		}
		e, _ := errors.AsType[*connix.Error](err)
		if e == nil || e.StatusCode != 503 || e.Code != "MAINTENANCE" || e.RequestID != "req_busy" || e.RetryAfter != 5*time.Second || len(e.Attempts) != 1 {
			t.Errorf("the error: %+v, want the answer in it", e)
		}
	})
}

// A context that ends during a pause ends the call then, and the error holds
// the context's error, its cause and the last answer.
func TestRetry_canceledDuringPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(503)
		}, retrying)
		cause := errors.New("the user went home")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2*time.Second, func() { cancel(cause) })
		began := time.Now()
		_, err := client.Projects.Get(ctx, "1")
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %v, want 2s", took)
		}
		if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) || !errors.Is(err, connix.ErrServer) {
			t.Errorf("%v: want the cancellation, its cause and the server's error", err)
		}
	})
}

// A Retry-After beyond the caps returns at once: a 429 as a *RateLimitError, a
// 503 as an *Error that holds it.
func TestRetry_retryAfterBeyondCaps(t *testing.T) {
	for _, value := range []string{"3600", "484289h", "9223372037", "1900000000", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		for _, status := range []int{429, 503} {
			for _, limited := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					var opts []connix.Option
					if limited {
						opts = append(opts, connix.WithRateLimiter(connix.NewRateLimiter()))
					}
					client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Retry-After", value)
						w.WriteHeader(status)
					}, append(opts, retrying)...)
					began := time.Now()
					_, err := client.Projects.Get(t.Context(), "1")
					took := time.Since(began)
					e, ok := errors.AsType[*connix.Error](err)
					if !ok || e.StatusCode != status {
						t.Fatalf("Retry-After %s on a %d: %v", value, status, err)
					}
					limit, isLimit := errors.AsType[*connix.RateLimitError](err)
					if isLimit != (status == 429) {
						t.Errorf("Retry-After %s on a %d: *RateLimitError %v", value, status, isLimit)
					}
					if value == "484289h" {
						// Unreadable, and so no word of the server's: retried as usual.
						if took == 0 || took > 10*time.Minute {
							t.Errorf("an unreadable Retry-After on a %d: waited %v", status, took)
						}
						return
					}
					if took != 0 || e.RetryAfter < time.Hour {
						t.Errorf("Retry-After %s on a %d, limited %v: waited %v, RetryAfter %v", value, status, limited, took, e.RetryAfter)
					}
					if isLimit && limit.Wait < time.Hour {
						t.Errorf("Retry-After %s: the *RateLimitError waits %v", value, limit.Wait)
					}
				})
			}
		}
	}
}

// Five retries and an hour of waiting take no real time.
func TestRetry_anHour(t *testing.T) {
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, numbered(func(w http.ResponseWriter, _ *http.Request, n int) {
			if n < 5 {
				w.Header().Set("Retry-After", "720")
				w.WriteHeader(503)
				return
			}
			_, _ = io.WriteString(w, `{"id":1,"name":"at last"}`)
		}), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 5, MaxDelay: 2 * time.Hour}))
		start := time.Now()
		var meta connix.Response
		project, err := client.Projects.Get(t.Context(), "1", connix.WithResponse(&meta))
		if err != nil || project.Name != "at last" || len(meta.Attempts) != 6 {
			t.Errorf("%v, %v after %d attempts", project, err, len(meta.Attempts))
		}
		if took := time.Since(start); took != time.Hour {
			t.Errorf("the bubble's clock moved by %v, want an hour", took)
		}
	})
	t.Logf("an hour of retries took %v", time.Since(began))
}

// Every attempt of a call sends the same bytes and the same request id.
func TestRetry_identicalAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies, ids []string
		client := serve(t, numbered(func(w http.ResponseWriter, r *http.Request, n int) {
			body, _ := io.ReadAll(r.Body)
			bodies, ids = append(bodies, string(body)), append(ids, r.Header.Get("X-Request-ID"))
			if n < 3 {
				w.WriteHeader(502)
				return
			}
			w.WriteHeader(201)
			_, _ = io.WriteString(w, `{"id":1,"name":"my-project"}`)
		}), retrying)
		if _, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"}, connix.WithRetryUnsafe()); err != nil {
			t.Fatal(err)
		}
		if len(bodies) != 4 {
			t.Fatalf("%d attempts, want 4", len(bodies))
		}
		for i := range bodies {
			if bodies[i] != `{"name":"my-project"}` || ids[i] != ids[0] || ids[i] == "" {
				t.Errorf("attempt %d: body %q, request id %q", i+1, bodies[i], ids[i])
			}
		}
	})
}

// The retry quota stops a client whose every call fails from multiplying them.
func TestRetry_budgetStopsStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen atomic.Int64
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			seen.Add(1)
			w.WriteHeader(503)
		}, retrying)
		const calls = 1000
		var last error
		for range calls {
			_, last = client.Projects.Get(t.Context(), "1", connix.WithMaxRetries(10))
		}
		if got := seen.Load(); got != calls+100 {
			t.Errorf("%d calls sent %d requests, want %d: a hundred retries and no more", calls, got, calls+100)
		}
		if e, ok := errors.AsType[*connix.Error](last); !ok || e.StatusCode != 503 || len(e.Attempts) != 1 {
			t.Errorf("the last call: %v", last)
		}
	})
}
