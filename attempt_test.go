package connix_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
)

// hijacked takes over the connection of a request.
func hijacked(t testing.TB, w http.ResponseWriter) net.Conn {
	t.Helper()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
	}
	return conn
}

// TestAttempt_switchedProtocols meets a 101 that was not asked for: its body is
// the raw connection, which no context governs.
func TestAttempt_switchedProtocols(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			conn := hijacked(t, w)
			t.Cleanup(func() { _ = conn.Close() })
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		}, retrying, connix.WithTimeout(0), connix.WithRateLimiter(connix.NewRateLimiter()))
		_, err := client.Hello(t.Context(), "")
		if e := mustError(t, err, connix.ErrInvalidResponse); e.StatusCode != 101 {
			t.Errorf("a read: %+v", e)
		}
		_, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"})
		mustErrorIs(t, err, connix.ErrInvalidResponse, connix.ErrUnknownOutcome)
		equal(t, "requests", asked.Load(), 2)
	})
}

// stuck is a body, or a reader, that does not return until it is released, and
// does not watch any context.
type stuck struct {
	release chan struct{}
	reads   atomic.Int64
}

func (s *stuck) Read([]byte) (int, error) { s.reads.Add(1); <-s.release; return 0, io.EOF }
func (s *stuck) Close() error             { return nil }

func newStuck(t testing.TB) *stuck {
	s := &stuck{release: make(chan struct{})}
	t.Cleanup(func() { close(s.release) })
	return s
}

// TestAttempt_foreignTransportIgnoresContext has transports of the caller's hang,
// or return bodies that do: the call ends with its context or its attempt.
func TestAttempt_foreignTransportIgnoresContext(t *testing.T) {
	for name, hang := range map[string]func(*http.Request, *stuck) (*http.Response, error){
		"in RoundTrip": func(_ *http.Request, s *stuck) (*http.Response, error) {
			<-s.release
			return nil, errors.New("too late")
		},
		"in a dial": func(r *http.Request, s *stuck) (*http.Response, error) { // it may send later
			httptrace.ContextClientTrace(r.Context()).GetConn("api.test:443")
			<-s.release
			return nil, errors.New("too late")
		},
		"in the body": func(_ *http.Request, s *stuck) (*http.Response, error) {
			r := response(200, "")
			r.Body = s
			return r, nil
		},
		"late response": func(_ *http.Request, s *stuck) (*http.Response, error) {
			<-s.release
			r := response(200, "")
			r.Body = s
			return r, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStuck(t)
				client := newClient(t, roundTripper(func(r *http.Request) (*http.Response, error) { return hang(r, s) }),
					connix.WithTimeout(5*time.Second), connix.WithRateLimiter(connix.NewRateLimiter()))
				began := time.Now()
				_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"})
				mustErrorIs(t, err, context.DeadlineExceeded, connix.ErrUnknownOutcome)
				if !strings.Contains(err.Error(), "see WithTimeout") {
					t.Errorf("the attempt's timeout: %v", err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err = client.Hello(ctx, "")
				mustErrorIs(t, err, context.DeadlineExceeded)
				if took := time.Since(began); took > 6200*time.Millisecond {
					t.Errorf("two calls of 5s and 1s took %v", took)
				}
			})
		})
	}
}

// TestAttempt_foreignTransportSendsThenDials has a transport that sends the write,
// loses the response, and fails to dial another host.
func TestAttempt_foreignTransportSendsThenDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var applied atomic.Int64
		base, transport := serveMemory(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			applied.Add(1)
			writeJSON(w, 201, `{"id":1}`)
		}))
		refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		client := newClient(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			if resp, err := transport.RoundTrip(r); err == nil {
				_ = resp.Body.Close()
			}
			return nil, refused
		}), connix.WithBaseURL(base), retrying)
		_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"})
		mustErrorIs(t, err, refused, connix.ErrUnknownOutcome)
		equal(t, "applied", applied.Load(), 1)
	})
}

// TestAttempt_kickedOffKeptConnection has a server that resets kept connections
// in the middle of a request. net/http repeats reads by itself: each request that
// the server saw is an attempt, and takes its part of the budget.
func TestAttempt_kickedOffKeptConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		kick := false
		base, transport := serveMemory(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			if kick {
				kick = false
				_ = hijacked(t, w).Close()
				return
			}
			writeJSON(w, 200, `{"message":"there"}`)
		}))
		limiter := connix.NewRateLimiter()
		var hooked int
		client := newClient(t, transport, connix.WithBaseURL(base), connix.WithRateLimiter(limiter),
			connix.WithHooks(connix.Hooks{AttemptDone: func(context.Context, connix.AttemptInfo) { hooked++ }}))
		for range 5 {
			must(client.Hello(t.Context(), ""))(t)
			kick = true
		}
		var meta connix.Response
		kick = true
		must(client.Hello(t.Context(), "", connix.WithResponse(&meta)))(t)
		equal(t, "attempts of the last call", len(meta.Attempts), 2)
		if meta.Attempts[0].Err == nil || meta.Attempts[1].Err != nil || meta.Attempts[1].StatusCode != 200 {
			t.Errorf("%+v", meta.Attempts)
		}
		equal(t, "attempts seen by the hook", hooked, int(asked.Load()))
		equal(t, "left of the minute", limiter.Status().Windows[1].Remaining, 100-int(asked.Load()))
	})
}

// immediate is a limiter of a caller's that grants at once and knows of no 429.
type immediate struct{ granted atomic.Int64 }

func (l *immediate) Wait(context.Context, connix.RateLimitRequest) (connix.Permit, error) {
	l.granted.Add(1)
	return free{}, nil
}
func (*immediate) Status() connix.RateLimitStatus { return connix.RateLimitStatus{} }

type free struct{}

func (free) Settle(connix.RateLimitResult) {}
func (free) Cancel()                       {}

// TestRetryAfter_anyLimiter has the call keep the server's Retry-After, whatever
// limiter it was given.
func TestRetryAfter_anyLimiter(t *testing.T) {
	for name, option := range map[string]connix.Option{
		"none": connix.WithoutRateLimiter(), "the client's": connix.WithRateLimiter(connix.NewRateLimiter()),
		"a caller's": connix.WithRateLimiter(&immediate{}), "a ceiling alone": connix.WithMaxRate(100, 100),
	} {
		for _, status := range []int{429, 503} {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				client := serve(t, numbered(func(w http.ResponseWriter, _ *http.Request, n int) {
					at = append(at, time.Now())
					if n < 3 {
						w.Header().Set("Retry-After", "2")
						writeJSON(w, status, `{}`)
						return
					}
					writeJSON(w, 200, `{"message":"there"}`)
				}), retrying, option, connix.WithMaxRateLimitWait(-1))
				must(client.Hello(t.Context(), ""))(t)
				for i := 1; i < len(at); i++ {
					if gap := at[i].Sub(at[i-1]); gap < 2*time.Second {
						t.Errorf("%s, %d: attempt %d came %v after the one before", name, status, i+1, gap)
					}
				}
			})
		}
	}
}

// TestRetryAfter_zeroOrPast leaves the backoff as it is.
func TestRetryAfter_zeroOrPast(t *testing.T) {
	for _, value := range []string{"0", "0.0", "Fri, 01 Jan 1999 00:00:00 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", value)
				w.WriteHeader(503)
			}, retrying)
			_, err := client.Hello(t.Context(), "")
			e := mustError(t, err, connix.ErrServer)
			var slept time.Duration
			for _, a := range e.Attempts {
				slept += a.Delay
			}
			if len(e.Attempts) != 4 || slept == 0 {
				t.Errorf("Retry-After %s: %d attempts with %v of delay", value, len(e.Attempts), slept)
			}
		})
	}
}

// TestRetry_afterTemporaryRedirect asks the original URL again: the replica that
// it was sent to is the one that failed.
func TestRetry_afterTemporaryRedirect(t *testing.T) {
	for status, want := range map[int]string{
		302: "/a /b /a", 303: "/a /b /a", 307: "/a /b /a", 301: "/a /b /b", 308: "/a /b /b",
	} {
		synctest.Test(t, func(t *testing.T) {
			var paths []string
			client := serve(t, numbered(func(w http.ResponseWriter, r *http.Request, n int) {
				paths = append(paths, strings.TrimPrefix(r.URL.Path, "/api/v1"))
				switch n {
				case 0:
					w.Header().Set("Location", "/api/v1/b")
					writeJSON(w, status, "")
				case 1:
					writeJSON(w, 503, "")
				default:
					writeJSON(w, 200, "{}")
				}
			}), retrying)
			if err := client.Do(t.Context(), "GET", "a", nil, nil); err != nil {
				t.Fatal(err)
			}
			equal(t, fmt.Sprint(status), strings.Join(paths, " "), want)
		})
	}
}

// TestDelete_goneByWhoseWord has a delete of unknown outcome meet responses that
// say, or seem to say, that the resource is gone.
func TestDelete_goneByWhoseWord(t *testing.T) {
	const own = `{"error":{"code":"RESOURCE_NOT_FOUND","message":"no such project","request_id":"r"}}`
	for _, c := range []struct {
		name   string
		status int
		body   string
		raw    bool // by Do
		gone   bool
	}{
		{"the API's 404", 404, own, false, true},
		{"the API's 410", 410, `{"error":{"code":"GONE","message":"it was deleted"}}`, false, true},
		{"the API's 404, lower case", 404, `{"error":{"code":"not_found","message":"no such project"}}`, false, true},
		{"the API's 404 by Do", 404, own, true, false},
		{"a gateway's page", 404, "<html>404 Not Found</html>", false, false},
		{"a gateway's JSON", 404, `{"error":{"code":404,"message":"Requested entity was not found."}}`, false, false},
		{"a gateway's text", 404, `{"error":"not found"}`, false, false},
		{"an empty 404", 404, "", false, false},
		{"another of the API's errors", 403, `{"error":{"code":"FORBIDDEN","message":"no"}}`, false, false},
		{"a firewall's page", 403, "<html>Request blocked</html>", false, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := serve(t, numbered(func(w http.ResponseWriter, _ *http.Request, n int) {
				if n == 0 {
					writeJSON(w, 503, "")
					return
				}
				if strings.HasPrefix(c.body, "<") {
					w.Header().Set("Content-Type", "text/html")
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}), retrying)
			var err error
			if c.raw {
				err = client.Do(t.Context(), "DELETE", "projects/1", nil, nil)
			} else {
				err = client.Projects.Delete(t.Context(), "1")
			}
			switch {
			case c.gone && err != nil:
				t.Errorf("%s: %v", c.name, err)
			case !c.gone && !errors.Is(err, connix.ErrUnknownOutcome):
				t.Errorf("%s: %v, want ErrUnknownOutcome", c.name, err)
			}
		})
	}
}

// TestAttempt_cookiesOfEach sends each cookie of a Jar once, however often the
// call is retried or redirected.
func TestAttempt_cookiesOfEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		base, transport := serveMemory(t, numbered(func(w http.ResponseWriter, r *http.Request, n int) {
			sent = append(sent, r.Header.Get("Cookie"))
			http.SetCookie(w, &http.Cookie{Name: "lb", Value: fmt.Sprint(n), Path: "/"})
			switch n {
			case 1:
				w.Header().Set("Location", "/api/v1/hello")
				w.WriteHeader(307)
			case 3:
				writeJSON(w, 200, `{"message":"there"}`)
			default:
				w.WriteHeader(503)
			}
		}))
		jar := must(cookiejar.New(nil))(t)
		client := must(connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL(base), retrying,
			connix.WithHTTPClient(&http.Client{Transport: transport, Jar: jar})))(t)
		must(client.Hello(t.Context(), ""))(t)
		equal(t, "cookies", sent, []string{"", "lb=0", "lb=1", "lb=2"})
	})
}

// TestKeySource_ignoresContext does not hold the call.
func TestKeySource_ignoresContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStuck(t)
		client := must(connix.NewClient(connix.WithBaseURL("https://api.test"), connix.WithTimeout(3*time.Second), connix.WithAPIKeySource(func(context.Context) (string, error) {
			<-s.release
			return "", errors.New("too late")
		})))(t)
		began := time.Now()
		_, err := client.Hello(t.Context(), "")
		mustErrorIs(t, err, connix.ErrNoCredentials, context.DeadlineExceeded)
		if took := time.Since(began); took > 3100*time.Millisecond {
			t.Errorf("took %v, want 3s", took)
		}
	})
}

// TestTransport_leavesNothingBehind ends calls in every way while others go on,
// and looks at what is left: synctest fails the test if a goroutine is.
func TestTransport_leavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base, transport := serveMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
			}
			writeJSON(w, 200, `{"id":1,"message":"there"}`)
		}))
		client := newClient(t, roundTripper(transport.RoundTrip), connix.WithBaseURL(base), connix.WithTimeout(1500*time.Millisecond))
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Millisecond)
				defer cancel()
				_, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-project"})
				if i > 10 && err != nil || i < 10 && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		wg.Wait()
	})
}

// hanging is a limiter of a caller's that grants only when it is released.
type hanging struct {
	immediate
	release  chan struct{}
	canceled atomic.Int64
}

func (l *hanging) Wait(context.Context, connix.RateLimitRequest) (connix.Permit, error) {
	<-l.release
	return returned{l}, nil
}

type returned struct{ of *hanging }

func (returned) Settle(connix.RateLimitResult) {}
func (p returned) Cancel()                     { p.of.canceled.Add(1) }

// TestLimiter_ignoresContext does not hold the call, and gets the late permit back.
func TestLimiter_ignoresContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := &hanging{release: make(chan struct{})}
		client := serve(t, responding(200, `{}`), connix.WithRateLimiter(limiter))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := client.Hello(ctx, "")
		mustErrorIs(t, err, context.DeadlineExceeded)
		if took := time.Since(began); took > time.Minute+100*time.Millisecond {
			t.Errorf("took %v, want a minute", took)
		}
		close(limiter.release)
		synctest.Wait()
		equal(t, "permits returned", limiter.canceled.Load(), 1)
	})
}

// uncomparable is a body that == cannot compare.
type uncomparable struct {
	io.Reader
	close func() error
}

func (b uncomparable) Close() error { return b.close() }

// TestAttempt_uncomparableBody reads a body of any dynamic type.
func TestAttempt_uncomparableBody(t *testing.T) {
	for _, status := range []int{200, 307, 500} {
		client := newClient(t, roundTripper(func(*http.Request) (*http.Response, error) {
			r := response(status, `{"message":"there"}`)
			r.Body = uncomparable{r.Body, r.Body.Close}
			return r, nil
		}))
		_, err := client.Hello(t.Context(), "")
		if status == 200 && err != nil || status != 200 && err == nil {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestAttempt_idempotencyKeyOfATransport has a transport add the header that lets
// net/http repeat a write, and the server leave the connection: it sees the write
// once.
func TestAttempt_idempotencyKeyOfATransport(t *testing.T) {
	for _, method := range []string{"POST", "PATCH"} {
		for name, in := range map[string]any{"with a body": []byte("{}"), "without a body": nil} {
			synctest.Test(t, func(t *testing.T) {
				var writes atomic.Int64
				base, transport := serveMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == "GET" {
						writeJSON(w, 200, `{"message":"there"}`)
						return
					}
					writes.Add(1)
					_, _ = io.ReadAll(r.Body)
					_ = hijacked(t, w).Close()
				}))
				client := newClient(t, roundTripper(func(r *http.Request) (*http.Response, error) {
					r = r.Clone(r.Context())
					r.Header.Set("Idempotency-Key", "x")
					return transport.RoundTrip(r)
				}), connix.WithBaseURL(base), retrying)
				for range 3 { // connections to repeat on
					must(client.Hello(t.Context(), ""))(t)
				}
				err := client.Do(t.Context(), method, "things", in, nil)
				if mustErrorIs(t, err, connix.ErrUnknownOutcome); writes.Load() != 1 {
					t.Errorf("%s %s: the server saw it %d times", method, name, writes.Load())
				}
			})
		}
	}
}

// stuckJar blocks.
type stuckJar struct{ *stuck }

func (j stuckJar) Cookies(*url.URL) []*http.Cookie     { return nil }
func (j stuckJar) SetCookies(*url.URL, []*http.Cookie) { <-j.release }

// TestAttempt_jarBlocks does not hold the call.
func TestAttempt_jarBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base, transport := serveMemory(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
			writeJSON(w, 200, `{"message":"there"}`)
		}))
		client := must(connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL(base), connix.WithTimeout(3*time.Second),
			connix.WithHTTPClient(&http.Client{Transport: transport, Jar: stuckJar{newStuck(t)}})))(t)
		began := time.Now()
		must(client.Hello(t.Context(), ""))(t)
		equal(t, "took", time.Since(began), 3*time.Second)
	})
}
