package connix_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// Sent or not: the tests of this file count the requests that a server was sent,
// and hold the call's report against that.

// writes are writes of each method, with a body and without.
var writes = map[string]func(ctx context.Context, c *connix.Client, opts ...connix.CallOption) error{
	"POST": func(ctx context.Context, c *connix.Client, opts ...connix.CallOption) error {
		return drop(c.Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-project"}, opts...))
	},
	"POST without a body": func(ctx context.Context, c *connix.Client, opts ...connix.CallOption) error {
		return drop(c.Agents.Stop(ctx, "agent_1", opts...))
	},
	"PATCH": func(ctx context.Context, c *connix.Client, opts ...connix.CallOption) error {
		return drop(c.Projects.Update(ctx, "1", connix.UpdateProjectRequest{Name: new("renamed")}, opts...))
	},
	"PUT": func(ctx context.Context, c *connix.Client, opts ...connix.CallOption) error {
		return c.Do(ctx, "PUT", "projects/1", map[string]string{"name": "renamed"}, nil, opts...)
	},
	"DELETE": func(ctx context.Context, c *connix.Client, opts ...connix.CallOption) error {
		return c.Projects.Delete(ctx, "1", opts...)
	},
}

// isRepeatable reports whether a write of unknown outcome is repeated unasked.
func isRepeatable(method string) bool { return method == "PUT" || method == "DELETE" }

// object is a response that every method reads.
func object(w http.ResponseWriter) { writeJSON(w, 200, `{"id":"1","name":"my-project"}`) }

// redials is a transport of a caller's that has a second way: it sends, loses the
// response, and fails with what the second way says.
type redials struct {
	next  http.RoundTripper
	fails error
	lost  func(*http.Request) bool // nil: every response
}

func (r redials) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err == nil && r.lost != nil && !r.lost(req) {
		return resp, nil
	}
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	return nil, r.fails
}

// A dial, a lookup or a certificate that fails says nothing of a request for
// which there had been a connection.
func TestSentOrNot_dialAfterSending(t *testing.T) {
	for name, fails := range map[string]error{
		"a dial":        &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")},
		"a lookup":      &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "fallback.test", IsNotFound: true}},
		"a bare lookup": &net.DNSError{Err: "no such host", Name: "fallback.test", IsNotFound: true},
		"a certificate": &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"a proxy":       &net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New("connection refused")},
		"a scheme":      http.ErrSchemeMismatch,
	} {
		for write, call := range writes {
			t.Run(name+"/"+write, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var seen atomic.Int64
					base, transport := serveMemory(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { seen.Add(1); object(w) }))
					client := newClient(t, redials{next: transport, fails: fails}, connix.WithBaseURL(base), retrying)
					err := call(t.Context(), client)
					e := mustError(t, err, connix.ErrUnknownOutcome)
					if n := seen.Load(); int(n) != len(e.Attempts) || n > 1 && !isRepeatable(e.Method) {
						t.Errorf("%d requests, %d attempts: %v", n, len(e.Attempts), err)
					}
				})
			})
		}
	}
}

// A dial that fails before anything was sent is repeated, a write too.
func TestSentOrNot_dialBeforeSending(t *testing.T) {
	for write, call := range writes {
		t.Run(write, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen, dials atomic.Int64
				base, transport := serveMemory(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { seen.Add(1); object(w) }))
				dial := transport.DialContext
				transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					if dials.Add(1) < 3 {
						return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
					}
					return dial(ctx, network, address)
				}
				var meta connix.Response
				err := call(t.Context(), newClient(t, transport, connix.WithBaseURL(base), retrying), connix.WithResponse(&meta))
				if err != nil || seen.Load() != 1 || len(meta.Attempts) != 3 {
					t.Errorf("%v after %d requests, %d attempts, want one request in the third", err, seen.Load(), len(meta.Attempts))
				}
			})
		})
	}
}

// Over HTTP/2, net/http dials again after a stream was reset. Where that fails the
// write has been sent all the same.
func TestSentOrNot_redialRefused(t *testing.T) {
	for write, call := range writes {
		t.Run(write, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen, dials atomic.Int64
				base, transport := serveHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					seen.Add(1)
					http2Fault{frame: h2Reset, code: h2ProtocolError}.ServeHTTP(w, r)
				}))
				dial := transport.DialContext
				transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					if dials.Add(1) > 1 {
						return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
					}
					return dial(ctx, network, address)
				}
				err := call(t.Context(), newClient(t, transport, connix.WithBaseURL(base), retrying))
				mustErrorIs(t, err, connix.ErrUnknownOutcome)
				equal(t, "requests", seen.Load(), 1)
			})
		})
	}
}

// A write whose HTTP/2 stream is reset, or whose connection ends, is not sent again
// beneath the client: each request is an attempt of ours, with a permit.
func TestSentOrNot_streamReset(t *testing.T) {
	faults := []http2Fault{{frame: http2Kill}}
	for code := range uint32(h2LastCode + 2) {
		if code != h2RefusedStream {
			faults = append(faults, http2Fault{frame: h2Reset, code: code}, http2Fault{frame: h2GoAway, code: code})
		}
	}
	for _, fault := range faults {
		for write, call := range writes {
			for _, retries := range []int{0, 3} {
				t.Run(fmt.Sprintf("%+v/%s/%d", fault, write, retries), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						var seen atomic.Int64
						var limiter permits
						base, transport := serveHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							if seen.Add(1) > 6 { // who repeats for ever shall end
								object(w)
								return
							}
							fault.ServeHTTP(w, r)
						}))
						client := newClient(t, transport, connix.WithBaseURL(base), retrying, connix.WithRateLimiter(&limiter))
						err := call(t.Context(), client, connix.WithMaxRetries(retries))
						e := mustError(t, err, connix.ErrUnknownOutcome)
						want := int64(1)
						if isRepeatable(e.Method) {
							want += int64(retries)
						}
						equal(t, "requests, permits, attempts", []int64{seen.Load(), limiter.taken.Load(), int64(len(e.Attempts))}, []int64{want, want, want})
					})
				})
			}
		}
	}
}

// A stream that the server turns away unprocessed was not sent: it is repeated
// within the policy, under the limiter, and each time is listed.
func TestSentOrNot_turnedAway(t *testing.T) {
	faults := []http2Fault{{frame: h2Reset, code: h2RefusedStream}}
	for _, code := range []uint32{h2NoError, h2ProtocolError, h2InternalError, h2EnhanceYourCalm} {
		faults = append(faults, http2Fault{frame: h2GoAway, code: code, below: true})
	}
	for _, fault := range faults {
		for _, kept := range []bool{false, true} { // the first stream of its connection, or a later one
			for write, call := range writes {
				t.Run(fmt.Sprintf("%+v/kept %v/%s", fault, kept, write), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						var seen atomic.Int64
						var refuse int64
						var bodies []string
						var limiter permits
						base, transport := serveHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							if r.Method == http.MethodGet {
								object(w)
								return
							}
							body, _ := io.ReadAll(r.Body)
							bodies = append(bodies, string(body))
							if seen.Add(1) <= refuse {
								fault.ServeHTTP(w, r)
								return
							}
							object(w)
						}))
						client := newClient(t, transport, connix.WithBaseURL(base), retrying, connix.WithRateLimiter(&limiter))
						warm := func() {
							if kept {
								must(client.Projects.Get(t.Context(), "1"))(t)
							}
							limiter.taken.Store(0)
							limiter.cancelled.Store(0)
							seen.Store(0)
						}
						warm()
						refuse = 3
						var meta connix.Response
						if err := call(t.Context(), client, connix.WithResponse(&meta)); err != nil {
							t.Errorf("three times turned away, then served: %v", err)
						}
						equal(t, "requests, permits, attempts", []int64{seen.Load(), limiter.taken.Load(), int64(len(meta.Attempts))}, []int64{4, 4, 4})
						equal(t, "permits given back", limiter.cancelled.Load(), 0) // the server saw them, and may count them
						if len(slices.Compact(slices.Clone(bodies))) != 1 || write == "POST" && bodies[0] != `{"name":"my-project"}` {
							t.Errorf("the bodies differ, or are not what was given: %q", bodies)
						}

						warm()
						refuse = 6
						err := call(t.Context(), client)
						e := mustError(t, err)
						if errors.Is(err, connix.ErrUnknownOutcome) {
							t.Errorf("turned away each time: %v, want certainty that nothing was done", err)
						}
						equal(t, "requests, permits, attempts", []int64{seen.Load(), limiter.taken.Load(), int64(len(e.Attempts))}, []int64{4, 4, 4})

						warm()
						e = mustError(t, call(t.Context(), client, connix.WithMaxRetries(0)))
						equal(t, "requests without retries", []int64{seen.Load(), limiter.taken.Load(), int64(len(e.Attempts))}, []int64{1, 1, 1})
					})
				})
			}
		}
	}
}

// A stream of the caller's is sent at most once.
func TestSentOrNot_streamedBodyTurnedAway(t *testing.T) {
	for _, fault := range []http2Fault{{frame: h2Reset, code: h2RefusedStream}, {frame: h2GoAway, below: true}, {frame: h2Reset, code: h2ProtocolError}} {
		synctest.Test(t, func(t *testing.T) {
			var seen atomic.Int64
			base, transport := serveHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				seen.Add(1)
				fault.ServeHTTP(w, r)
			}))
			client := newClient(t, transport, connix.WithBaseURL(base), retrying)
			e := mustError(t, client.Do(t.Context(), http.MethodPost, "projects", io.MultiReader(strings.NewReader(`{"name":"my-project"}`)), nil))
			equal(t, "requests, attempts", []int64{seen.Load(), int64(len(e.Attempts))}, []int64{1, 1})
			equal(t, "unknown", errors.Is(e, connix.ErrUnknownOutcome), fault.code == h2ProtocolError)
		})
	}
}

// A read on a kept connection that dies is repeated by the client alone.
func TestSentOrNot_keptConnectionDies(t *testing.T) {
	t.Run("HTTP/1.1", func(t *testing.T) {
		bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
			attempts := 0
			client := srv.Client(t, connix.WithHooks(connix.Hooks{AttemptDone: func(context.Context, connix.AttemptInfo) { attempts++ }}))
			const calls = 20
			for range calls {
				must(client.Projects.List(t.Context(), nil))(t)
				srv.Inject(connixtest.Fault{Times: 1, Action: connixtest.ResetBefore()})
				must(client.Projects.List(t.Context(), nil))(t)
			}
			equal(t, "attempts", attempts, len(srv.Requests()))
		})
	})
	t.Run("HTTP/2", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			attempts, seen := 0, 0
			base, transport := serveHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if seen++; seen%3 == 2 {
					http2Fault{frame: h2Reset, code: h2ProtocolError}.ServeHTTP(w, r)
					return
				}
				object(w)
			}))
			client := newClient(t, transport, connix.WithBaseURL(base), retrying,
				connix.WithHooks(connix.Hooks{AttemptDone: func(context.Context, connix.AttemptInfo) { attempts++ }}))
			for range 20 {
				must(client.Projects.Get(t.Context(), "1"))(t)
			}
			equal(t, "attempts", attempts, seen)
		})
	})
}

const (
	pageHTML     = "<html><head><title>Attention Required!</title></head><body><h1>Sorry, you have been blocked</h1></body></html>"
	notFoundJSON = `{"error":{"code":"RESOURCE_NOT_FOUND","message":"there is no such project","request_id":"req_1"}}`
	goneJSON     = `{"error":{"code":"GONE","message":"the project was deleted","request_id":"req_1"}}`
)

// step is one response of a script.
type step struct {
	status int
	body   string
}

// script serves a response after the other, the last one for ever, and counts.
func script(t *testing.T, steps []step, opts ...connix.Option) (*connix.Client, *atomic.Int64) {
	t.Helper()
	var seen atomic.Int64
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		s := steps[min(int(seen.Add(1)), len(steps))-1]
		if strings.HasPrefix(s.body, "<") {
			w.Header().Set("Content-Type", "text/html")
		}
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.body)
	}, append([]connix.Option{retrying}, opts...)...)
	return client, &seen
}

// Only the API says that what was to be deleted is gone.
func TestSentOrNot_deleteRepeated(t *testing.T) {
	del := func(ctx context.Context, c *connix.Client) error { return c.Projects.Delete(ctx, "1") }
	revoke := func(ctx context.Context, c *connix.Client) error { return c.APIKeys.Revoke(ctx, "key_1") }
	do := func(ctx context.Context, c *connix.Client) error { return c.Do(ctx, "DELETE", "projects/1", nil, nil) }
	for name, c := range map[string]struct {
		steps   []step
		call    func(context.Context, *connix.Client) error
		done    bool
		unknown bool
	}{
		"the API's 404":                     {[]step{{503, ""}, {404, notFoundJSON}}, del, true, false},
		"the API's 404, of a key":           {[]step{{503, ""}, {404, notFoundJSON}}, revoke, true, false},
		"the API's 410":                     {[]step{{503, ""}, {410, goneJSON}}, del, true, false},
		"a gateway's 404":                   {[]step{{503, ""}, {404, pageHTML}}, del, false, true},
		"a gateway's 404, of a key":         {[]step{{503, ""}, {404, pageHTML}}, revoke, false, true},
		"a gateway's 410":                   {[]step{{503, ""}, {410, pageHTML}}, del, false, true},
		"a 404 without a body":              {[]step{{503, ""}, {404, ""}}, del, false, true},
		"a 404 with another's JSON":         {[]step{{503, ""}, {404, `{"message":"no Route matched with those values"}`}}, del, false, true},
		"a gateway's 403":                   {[]step{{503, ""}, {403, pageHTML}}, del, false, true},
		"the API's 404 at once":             {[]step{{404, notFoundJSON}}, del, false, false},
		"the API's 404 after a 429":         {[]step{{429, ""}, {404, notFoundJSON}}, del, false, false},
		"the API's 404 to Do":               {[]step{{503, ""}, {404, notFoundJSON}}, do, false, true},
		"the API's 404 to Do, after a 500":  {[]step{{500, ""}, {404, notFoundJSON}}, do, false, true},
		"the API's 404 after a gateway 502": {[]step{{502, pageHTML}, {404, notFoundJSON}}, del, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, seen := script(t, c.steps)
				err := c.call(t.Context(), client)
				equal(t, "requests", int(seen.Load()), len(c.steps))
				if (err == nil) != c.done || errors.Is(err, connix.ErrUnknownOutcome) != c.unknown {
					t.Errorf("%v, want done %v, unknown %v", err, c.done, c.unknown)
				}
			})
		})
	}
}

// A write of unknown outcome stays one, whatever a gateway or the API says to its
// repetition, unless it was then done.
func TestSentOrNot_unknownStays(t *testing.T) {
	for _, second := range []step{
		{400, pageHTML}, {401, pageHTML}, {403, pageHTML}, {404, pageHTML}, {405, pageHTML}, {409, pageHTML}, {413, pageHTML}, {421, pageHTML}, {425, pageHTML},
		{429, pageHTML}, {451, pageHTML}, {400, `{"error":{"code":"INVALID_REQUEST","message":"no"}}`}, {403, `{"error":{"code":"FORBIDDEN","message":"no"}}`},
	} {
		for write, call := range writes {
			t.Run(fmt.Sprintf("%s/%d", write, second.status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, _ := script(t, []step{{503, ""}, second})
					err := call(t.Context(), client, connix.WithRetryUnsafe(), connix.WithMaxRetries(1))
					e := mustError(t, err, connix.ErrUnknownOutcome)
					equal(t, "status", e.StatusCode, second.status)
				})
			})
		}
	}
}

// A 499 says that the client has gone, and of a write nothing else; so do a 408
// and every 5xx.
func TestSentOrNot_statusOfUnknownOutcome(t *testing.T) {
	for _, status := range []int{408, 499, 500, 501, 502, 503, 504, 505, 507, 511, 520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 599} {
		for _, body := range []string{"", pageHTML, `{"error":{"code":"INTERNAL_ERROR","message":"no"}}`} {
			for write, call := range writes {
				t.Run(fmt.Sprint(write, status), func(t *testing.T) {
					client, seen := script(t, []step{{status, body}})
					err := call(t.Context(), client, connix.WithMaxRetries(0))
					if !errors.Is(err, connix.ErrUnknownOutcome) || seen.Load() != 1 {
						t.Errorf("%v after %d requests, want ErrUnknownOutcome after 1", err, seen.Load())
					}
				})
			}
		}
	}
}

// Which statuses are retried depends on the method: 421 and 425 for reads alone,
// those of a proxy that did not reach the API for what may be repeated.
func TestSentOrNot_statusRetried(t *testing.T) {
	reads := []string{"GET", "HEAD"}
	repeatable := []string{"GET", "HEAD", "PUT", "DELETE"}
	for status, methods := range map[int][]string{
		421: reads, 425: reads,
		408: repeatable, 500: repeatable, 502: repeatable, 503: repeatable, 504: repeatable,
		520: repeatable, 521: repeatable, 522: repeatable, 523: repeatable, 524: repeatable, 525: repeatable, 526: repeatable, 527: repeatable, 529: repeatable, 530: repeatable,
		400: nil, 403: nil, 404: nil, 405: nil, 409: nil, 410: nil, 413: nil, 422: nil, 499: nil, 501: nil, 505: nil, 511: nil, 528: nil, 531: nil,
		429: {"GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"},
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"} {
			t.Run(fmt.Sprint(method, status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, seen := script(t, []step{{status, ""}, {200, `{"id":1}`}})
					err := client.Do(t.Context(), method, "projects/1", nil, nil)
					want := int64(1)
					if slices.Contains(methods, method) {
						want = 2
					}
					if seen.Load() != want || (err == nil) != (want == 2) {
						t.Errorf("%v after %d requests, want %d", err, seen.Load(), want)
					}
				})
			})
		}
	}
}

// A proxy that wants a password wants it of the next attempt too. Nothing was sent
// to the API.
func TestSentOrNot_proxyRefuses(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		synctest.Test(t, func(t *testing.T) {
			var connects atomic.Int64
			_, transport := serveMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				connects.Add(1)
				if r.Method != http.MethodConnect {
					t.Errorf("the proxy was sent a %s", r.Method)
				}
				w.WriteHeader(http.StatusProxyAuthRequired)
			}))
			transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test"})
			client := newClient(t, transport, connix.WithBaseURL("https://api.test"), retrying)
			begin := time.Now()
			err := client.Do(t.Context(), method, "projects", nil, nil)
			e := mustError(t, err)
			if errors.Is(err, connix.ErrUnknownOutcome) || len(e.Attempts) != 1 || connects.Load() != 1 || time.Since(begin) != 0 {
				t.Errorf("%s: %v after %d requests to the proxy, %d attempts, %v; want one, and certainty", method, err, connects.Load(), len(e.Attempts), time.Since(begin))
			}
		})
	}
}
