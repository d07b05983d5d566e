package faults_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/fake/faults"
	"github.com/connix-io/connix-go/internal/fake/problem"
	"github.com/connix-io/connix-go/internal/memnet"
)

const (
	projects = `{"data":[{"id":1,"name":"my-ai-project"}],"pagination":{"page":1}}`
	apiDate  = "Mon, 15 Jan 2024 10:30:00 GMT"
)

// site is an API with faults in front of it, and a client of its own.
type site struct {
	faults.Set

	url    string
	client *http.Client

	marked    atomic.Int32 // requests that the set told of
	processed atomic.Int32 // requests that reached the API
	active    atomic.Int32 // requests that are on the server now
}

// ServeHTTP is the API: a DELETE responds with 204, a POST what it was sent, all
// else a list. It compresses where it is allowed to, as servers do.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.processed.Add(1)
	sent, _ := io.ReadAll(r.Body)
	w.Header().Set("Date", apiDate)
	w.Header().Set("X-Request-Id", "req_1")
	for _, budget := range []string{"Requests", "Tokens"} {
		w.Header().Set("X-RateLimit-Limit-"+budget, "1000")
		w.Header().Set("X-RateLimit-Remaining-"+budget, "999")
		w.Header().Set("X-RateLimit-Reset-"+budget, "1705316400")
	}
	body := projects
	switch r.Method {
	case http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodPost:
		body = string(sent)
		defer func() { _, _ = io.WriteString(w, body) }()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		return
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("X-Compressed", "the API was asked to")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = io.WriteString(w, body)
}

func (s *site) handler() http.Handler {
	h := s.Wrap(template, func(*http.Request) { s.marked.Add(1) }, s)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.active.Add(1)
		defer s.active.Add(-1)
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(w, r.WithContext(problem.NewContext(r.Context(), writeProblem)))
	})
}

// writeProblem is how this API writes its errors.
func writeProblem(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.Status)
	_, _ = fmt.Fprintf(w, `{"error":{"code":%q,"message":%q,"request_id":%q}}`, p.Code, p.Message, r.Header.Get("X-Request-Id"))
}

// template is a small route resolver: the last segment is an id if it has a
// digit in it.
func template(r *http.Request) string {
	path, last := strings.TrimPrefix(r.URL.Path, "/api/v1"), r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if strings.ContainsAny(last, "0123456789") {
		return strings.TrimSuffix(path, last) + "{id}"
	}
	return path
}

// inject adds a rule that can only be right.
func (s *site) inject(t *testing.T, r faults.Rule) *faults.Injection {
	t.Helper()
	in, err := s.Add(r)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// place is where a site is served.
type place struct {
	name string
	// run calls test with a function that starts a site there.
	run func(t *testing.T, test func(t *testing.T, start func() *site))
}

var (
	socket = place{"socket", func(t *testing.T, test func(*testing.T, func() *site)) {
		test(t, func() *site { return onSocket(t, func(srv *httptest.Server) { srv.Start() }) })
	}}
	tls = place{"tls", func(t *testing.T, test func(*testing.T, func() *site)) {
		test(t, func() *site { return onSocket(t, func(srv *httptest.Server) { srv.StartTLS() }) })
	}}
	memory = place{"memory", func(t *testing.T, test func(*testing.T, func() *site)) {
		synctest.Test(t, func(t *testing.T) { test(t, func() *site { return inMemory(t) }) })
	}}
	everywhere = []place{socket, tls, memory}
)

func onSocket(t *testing.T, start func(*httptest.Server)) *site {
	s := new(site)
	srv := httptest.NewUnstartedServer(s.handler())
	start(srv)
	s.url, s.client = srv.URL+"/api/v1/projects", srv.Client()
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		srv.Close()
	})
	return s
}

// inMemory must be called in a bubble.
func inMemory(t *testing.T) *site {
	s := new(site)
	l := memnet.Listen(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80})
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: s.handler(), ReadHeaderTimeout: time.Minute}}
	srv.Start()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) }}
	s.url, s.client = "http://127.0.0.1/api/v1/projects", &http.Client{Transport: tr}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		srv.Close()
	})
	return s
}

// outcome is all that a net/http client sees of one exchange.
type outcome struct {
	status  int
	header  http.Header
	length  int64
	body    string
	err     error // of Do
	readErr error // of the body
}

// call sends one request on a cold connection: on a used one net/http repeats
// a GET that was reset.
func (s *site) call(t *testing.T, method, url, body string) outcome {
	t.Helper()
	s.client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-ID", "call-7")
	resp, err := s.client.Do(req)
	if err != nil {
		return outcome{err: err}
	}
	read, readErr := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return outcome{resp.StatusCode, resp.Header, resp.ContentLength, string(read), nil, readErr}
}

func asIs(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
