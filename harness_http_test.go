package connix_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/internal/memnet"
)

// serve starts a server in memory for the length of the test, and returns a
// client of it: without a rate limiter or retries, unless opts say otherwise.
// It serves what the fake does not. It works inside a synctest bubble and outside.
func serve(t testing.TB, handler http.HandlerFunc, opts ...connix.Option) *connix.Client {
	t.Helper()
	base, transport := serveMemory(t, handler)
	return newClient(t, transport, append([]connix.Option{connix.WithBaseURL(base)}, opts...)...)
}

// newClient returns a client of a transport: without a rate limiter or retries,
// unless opts say otherwise.
func newClient(t testing.TB, transport http.RoundTripper, opts ...connix.Option) *connix.Client {
	t.Helper()
	options := []connix.Option{
		connix.WithHTTPClient(&http.Client{Transport: transport}), connix.WithAPIKey("key"),
		connix.WithoutRateLimiter(), connix.WithRetryPolicy(connix.RetryPolicy{}),
	}
	return must(connix.NewClient(append(options, opts...)...))(t)
}

// retrying is an option of serve and newClient.
var retrying = connix.WithRetryPolicy(connix.DefaultRetryPolicy())

// serveMemory starts a server in memory and returns its URL and a transport
// that reaches it, whatever host is asked for. A response is JSON unless the
// handler says otherwise.
func serveMemory(t testing.TB, handler http.Handler) (string, *http.Transport) {
	t.Helper()
	client, stop := memnet.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(stop)
	return "http://127.0.0.1", client.Transport.(*http.Transport)
}

// numbered returns a handler that is told the number of each request, from 0.
func numbered(handler func(w http.ResponseWriter, r *http.Request, n int)) http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) { handler(w, r, int(n.Add(1)-1)) }
}

// writeJSON writes a response with a request id of its own.
func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Request-ID", "req_of_the_response")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// responding returns a handler that always writes the same response.
func responding(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, status, body) }
}

// response returns a response as a transport does.
func response(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader([]byte(body))),
	}
}

// returning returns a transport that always returns such a response.
func returning(status int, format string, args ...any) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		resp := response(status, fmt.Sprintf(format, args...))
		resp.Request = r
		return resp, nil
	}
}

// noResponse is a transport that loses the connection.
func noResponse(*http.Request) (*http.Response, error) { return nil, errConnection }

var errConnection = errors.New("connection reset by peer")

// roundTripper is a transport made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// lostResponses lets the server do what it is asked and then loses its responses,
// as a connection does that breaks at the wrong moment.
type lostResponses struct {
	next  http.RoundTripper
	first int // how many
	sent  atomic.Int64
}

func (l *lostResponses) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if n := l.sent.Add(1); err == nil && int(n) <= l.first {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	return resp, err
}

// permits is a limiter that counts. Each attempt takes a permit: so many
// requests a server may see.
type permits struct{ taken, cancelled, settled atomic.Int64 }

func (p *permits) Wait(context.Context, connix.RateLimitRequest) (connix.Permit, error) {
	p.taken.Add(1)
	return countedPermit{p}, nil
}
func (*permits) Status() connix.RateLimitStatus { return connix.RateLimitStatus{} }

type countedPermit struct{ *permits }

func (p countedPermit) Cancel()                       { p.cancelled.Add(1) }
func (p countedPermit) Settle(connix.RateLimitResult) { p.settled.Add(1) }
