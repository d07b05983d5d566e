package connix_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/connix-io/connix-go"
)

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
