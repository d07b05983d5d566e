package connix_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/connix-io/connix-go"
)

// A request that an HTTP/2 server turns away unprocessed is sent again, a write
// too, with the same bytes; one whose body is a stream only if none of it was read.
func TestHTTP2_turnedAway(t *testing.T) {
	const body = `{"name":"my-project"}`
	for name, fault := range map[string]http2Fault{
		"REFUSED_STREAM": {frame: h2Reset, code: h2RefusedStream},
		"GOAWAY":         {frame: h2GoAway, code: h2NoError, below: true},
	} {
		for _, streamed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var bodies []string // of the requests that were processed
				away := false
				base, transport := serveHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					text, _ := io.ReadAll(r.Body)
					if !away {
						away = true
						fault.ServeHTTP(w, r)
						return
					}
					bodies = append(bodies, string(text))
					_, _ = io.WriteString(w, `{"id":1,"name":"my-project"}`)
				}))
				client := newClient(t, transport, connix.WithBaseURL(base), retrying)
				var err error
				if streamed {
					pipe, w := io.Pipe()
					go func() { _, _ = io.WriteString(w, body); _ = w.Close() }()
					err = client.Do(t.Context(), http.MethodPost, "projects", pipe, nil)
					if e, ok := errors.AsType[*connix.Error](err); err != nil && (!ok || e.StatusCode != 0 || len(e.Attempts) != 1) {
						t.Errorf("%s, streamed: %v, want one attempt", name, err)
					}
					_ = pipe.Close()
				} else if _, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"}); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if (len(bodies) == 1) != (err == nil) || err == nil && bodies[0] != body {
					t.Errorf("%s, streamed %v: processed %q", name, streamed, bodies)
				}
			})
		}
	}
}

// A write whose stream is reset after it was done reached the server once, and its
// outcome is unknown.
func TestHTTP2_writeReset(t *testing.T) {
	for code := range uint32(h2LastCode + 2) {
		if code == h2ProtocolError || code == h2RefusedStream {
			continue
		}
		for _, fault := range []http2Fault{{frame: h2Reset, code: code}, {frame: h2GoAway, code: code}, {frame: http2Kill}} {
			synctest.Test(t, func(t *testing.T) {
				var seen atomic.Int64
				base, transport := serveHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen.Add(1); fault.ServeHTTP(w, r) }))
				client := newClient(t, transport, connix.WithBaseURL(base), retrying)
				_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"})
				if !errors.Is(err, connix.ErrUnknownOutcome) || seen.Load() != 1 {
					t.Errorf("%+v: %v after %d requests, want ErrUnknownOutcome after 1", fault, err, seen.Load())
				}
			})
		}
	}
}

// Over HTTP/2 too, a write whose response is lost is not sent again.
func TestHTTP2_lostWrite(t *testing.T) {
	var seen atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		seen.Add(1)
		panic(http.ErrAbortHandler) // RST_STREAM
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	client, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL(srv.URL), connix.WithHTTPClient(srv.Client()), connix.WithoutRateLimiter())
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "x"})
	if !errors.Is(err, connix.ErrUnknownOutcome) || seen.Load() != 1 {
		t.Errorf("%v after %d requests, want ErrUnknownOutcome after 1", err, seen.Load())
	}
}

// A server that drains its HTTP/2 connections (GOAWAY) loses no call and sees
// every body whole and once.
func TestHTTP2_goAway(t *testing.T) {
	var bodies [2]atomic.Int64 // right, wrong
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != `{"name":"my-project"}` {
			bodies[1].Add(1)
		} else {
			bodies[0].Add(1)
		}
		w.Header().Set("Connection", "close") // over HTTP/2: GOAWAY after this response
		w.WriteHeader(201)
		_, _ = io.WriteString(w, `{"id":1,"name":"my-project"}`)
	})
	srv := httptest.NewUnstartedServer(handler)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	client, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL(srv.URL), connix.WithHTTPClient(srv.Client()), connix.WithoutRateLimiter())
	if err != nil {
		t.Fatal(err)
	}
	const calls = 50
	for range calls {
		var meta connix.Response
		if _, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"}, connix.WithResponse(&meta)); err != nil {
			t.Fatal(err)
		}
	}
	if right, wrong := bodies[0].Load(), bodies[1].Load(); right != calls || wrong != 0 {
		t.Errorf("%d bodies whole and %d not, want %d and 0", right, wrong, calls)
	}
}
