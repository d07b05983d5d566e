package faults_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/connix-io/connix-go/internal/fake/faults"
)

// With a Content-Length that is too small, the rest of the body is on the wire
// nevertheless, as a second response that nobody asked for.
func TestWrongContentLengthLeavesBytesOver(t *testing.T) {
	s := onSocket(t, func(srv *httptest.Server) { srv.Start() })
	s.inject(t, faults.Rule{Action: faults.WrongContentLength(-7)})
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.Path, u.Host); err != nil {
		t.Fatal(err)
	}
	wire, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(wire), "\r\n\r\n")
	if body != projects {
		t.Errorf("body on the wire %q, want the whole of it", body)
	}
	// Connection: close keeps net/http from taking them for the next response.
	for _, line := range []string{fmt.Sprintf("\r\nContent-Length: %d\r\n", len(projects)-7), "\r\nConnection: close\r\n"} {
		if !strings.Contains(head+"\r\n", line) {
			t.Errorf("header on the wire %q, want %q in it", head, line)
		}
	}
}

func TestEndlessBodyHasNoEnd(t *testing.T) {
	for _, at := range everywhere {
		t.Run(at.name, func(t *testing.T) {
			at.run(t, func(t *testing.T, start func() *site) {
				s := start()
				s.inject(t, faults.Rule{Action: faults.EndlessBody()})
				req, err := http.NewRequestWithContext(t.Context(), "GET", s.url, nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := s.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				read, err := io.ReadAll(io.LimitReader(resp.Body, 3<<20))
				if len(read) != 3<<20 || err != nil || resp.ContentLength != -1 || !strings.HasPrefix(string(read), `{"data":[{"id":1,`) {
					t.Errorf("read %d bytes, %v, length %d", len(read), err, resp.ContentLength)
				}
				_ = resp.Body.Close() // in a bubble, what would run on now would not let it end
			})
		})
	}
}

func TestRedirectsAreFollowed(t *testing.T) {
	for _, at := range everywhere {
		t.Run(at.name, func(t *testing.T) {
			at.run(t, func(t *testing.T, start func() *site) {
				s := start()
				loop := s.inject(t, faults.Rule{Method: "DELETE", Action: faults.RedirectLoop(307)})
				once := s.inject(t, faults.Rule{Times: 1, Action: faults.RedirectTo("/api/v1/agents", 302)})
				if got := s.call(t, "GET", s.url, ""); got.body != projects || once.Hits() != 1 {
					t.Errorf("on the same origin: %+v", got)
				}
				if got := s.call(t, "DELETE", s.url, ""); got.err == nil || loop.Hits() != 10 {
					t.Errorf("in a loop: %v after %d requests, want an error after 10", got.err, loop.Hits())
				}
			})
		})
	}
}

func TestRedirectLeavesTheOrigin(t *testing.T) {
	from := onSocket(t, func(srv *httptest.Server) { srv.Start() })
	for _, to := range []*site{
		onSocket(t, func(srv *httptest.Server) { srv.Start() }),    // another port
		onSocket(t, func(srv *httptest.Server) { srv.StartTLS() }), // another scheme
	} {
		in := from.inject(t, faults.Rule{Action: faults.RedirectTo(to.url, 307)})
		from.client = to.client // it trusts the certificate
		if got := from.call(t, "POST", from.url, "moved"); got.body != "moved" || to.processed.Load() != 1 {
			t.Errorf("%+v, %d requests there", got, to.processed.Load())
		}
		in.Remove()
	}
	if from.processed.Load() != 0 {
		t.Error("the API processed a request that was redirected")
	}
}

// In HTTP/2 there is no connection to break off: the stream is reset, and a
// client sees an error in the same place.
func TestOverHTTP2(t *testing.T) {
	for name, row := range map[string]struct {
		action    faults.Action
		inBody    bool
		body      string
		processed int32
	}{
		"ResetBefore":                {action: faults.ResetBefore()},
		"ResetAfter":                 {action: faults.ResetAfter(), processed: 1},
		"ResetInBody":                {action: faults.ResetInBody(10), inBody: true, body: projects[:10], processed: 1},
		"Truncate":                   {action: faults.Truncate(10), inBody: true, body: projects[:10], processed: 1},
		"TruncateChunked":            {action: faults.TruncateChunked(10), inBody: true, body: projects[:10], processed: 1},
		"WrongContentLength, longer": {action: faults.WrongContentLength(7), inBody: true, body: projects, processed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := onSocket(t, func(srv *httptest.Server) {
				srv.EnableHTTP2 = true
				srv.StartTLS()
			})
			if got := s.call(t, "GET", s.url, ""); got.body != projects || got.err != nil {
				t.Fatalf("without a fault: %+v", got)
			}
			s.processed.Store(0)
			in := s.inject(t, faults.Rule{Action: row.action})
			got := s.call(t, "GET", s.url, "")
			if row.inBody != (got.err == nil) || row.inBody != (got.readErr != nil) || got.body != row.body {
				t.Errorf("%+v, want an error and the body %q", got, row.body)
			}
			if errors.Is(got.readErr, io.EOF) {
				t.Error("the body ended as if it were whole")
			}
			if in.Hits() != 1 || s.processed.Load() != row.processed {
				t.Errorf("%d hits, %d processed, want 1 and %d", in.Hits(), s.processed.Load(), row.processed)
			}
		})
	}
}
