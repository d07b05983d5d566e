package connix_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/connix-io/connix-go"
)

// newScripted is a client of a handler in memory, for what the real API does
// only on a bad day: without a limiter, and made inside the test's bubble. n
// counts the handler's requests from 0.
func newScripted(t *testing.T, handler func(w http.ResponseWriter, r *http.Request, n int), opts ...connix.Option) *connix.Client {
	t.Helper()
	var n atomic.Int64
	_, transport := serveMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		handler(w, r, int(n.Add(1)-1))
	}))
	options := []connix.Option{
		connix.WithAPIKey("cx_test"), connix.WithBaseURL("http://127.0.0.1"),
		connix.WithHTTPClient(&http.Client{Transport: transport}), connix.WithoutRateLimiter(),
	}
	c, err := connix.NewClient(append(options, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
