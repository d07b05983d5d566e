package connix_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/internal/memnet"
)

// Giving up keeps the connection: ten calls that exhaust their retries against
// a host that answers open one. In a bubble, since net/http gives up a connection
// that a busy machine keeps from being reused for 50 ms.
func TestTransport_keptAfterGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened, seen atomic.Int64
		base, transport := serveMemory(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			seen.Add(1)
			w.WriteHeader(503)
			_, _ = w.Write(make([]byte, 20_000)) // more than a careless drain would read
		}))
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			opened.Add(1)
			return dial(ctx, network, address)
		}
		client, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL(base), connix.WithoutRateLimiter(),
			connix.WithHTTPClient(&http.Client{Transport: transport}), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 3}))
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := client.Projects.Get(t.Context(), "1"); !errors.Is(err, connix.ErrServer) {
				t.Fatal(err)
			}
		}
		if opened.Load() != 1 || seen.Load() != 40 {
			t.Errorf("%d connections for %d requests, want 1 for 40", opened.Load(), seen.Load())
		}
		// Nor does a cancelled call throw away the others' connections.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = client.Projects.Get(ctx, "1")
		_, _ = client.Projects.Get(t.Context(), "1")
		if opened.Load() != 1 {
			t.Errorf("%d connections after a cancelled call, want 1", opened.Load())
		}
	})
}

// On a connection that the server drops unasked, net/http itself repeats a read;
// a write reaches the server once or fails as unsent.
func TestTransport_coldReset(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var posts atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // reads one whole request and drops the connection
				defer conn.Close()
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				if req.Method == http.MethodPost {
					posts.Add(1)
				}
				_ = conn.(*net.TCPConn).SetLinger(0)
			}()
		}
	}()
	client, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL("http://"+listener.Addr().String()), connix.WithoutRateLimiter(),
		connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 3, BaseDelay: time.Millisecond, MaxDelay: time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(10) {
		_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "x"})
		if !errors.Is(err, connix.ErrUnknownOutcome) || posts.Load() != n+1 {
			t.Errorf("%v after %d requests, want ErrUnknownOutcome after %d", err, posts.Load(), n+1)
		}
	}
}

// A dial that hangs is no lost write: nothing was sent.
func TestTransport_hangingDial(t *testing.T) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	client, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL("https://api.test"), connix.WithoutRateLimiter(),
		connix.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err = client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "x"})
	if !errors.Is(err, context.Canceled) || errors.Is(err, connix.ErrUnknownOutcome) {
		t.Errorf("%v, want the cancellation, and certainty that nothing was sent", err)
	}
	transport.CloseIdleConnections()
}

// A caller's transport need not give an empty body a reader. What breaks the
// rules of http.RoundTripper is an error, and of a write the outcome is unknown.
// With a Jar, calls go through http.Client; without one most do not.
func TestTransport_noBody(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	for _, hc := range []*http.Client{{}, {Jar: jar}} {
		for _, c := range []struct {
			name   string
			answer *http.Response
			status int
			want   error
		}{
			{"neither an answer nor an error", nil, 0, connix.ErrUnknownOutcome},
			{"no body where one is announced", &http.Response{StatusCode: 200, ContentLength: 7}, 0, connix.ErrUnknownOutcome},
			{"no body", &http.Response{StatusCode: 204}, 204, nil},
			{"no body, refused", &http.Response{StatusCode: 403}, 403, connix.ErrForbidden},
		} {
			sent := 0
			hc.Transport = roundTripper(func(*http.Request) (*http.Response, error) { sent++; return c.answer, nil })
			client, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithHTTPClient(hc))
			if err != nil {
				t.Fatal(err)
			}
			err = client.Do(t.Context(), "POST", "projects", []byte("{}"), nil)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || sent != 1 {
				t.Errorf("%s, Jar %v: %v after %d requests, want %v after 1", c.name, hc.Jar != nil, err, sent, c.want)
			}
			if e, ok := errors.AsType[*connix.Error](err); ok && (e.StatusCode != c.status || len(e.Attempts) != 1) {
				t.Errorf("%s: %+v", c.name, e)
			}
		}
	}
}

// What a transport of the caller's says of a request is shown without the
// credential, and matched as it is.
func TestTransport_quotesRequest(t *testing.T) {
	client, err := connix.NewClient(connix.WithAPIKey(plantedKey), connix.WithRetryPolicy(connix.RetryPolicy{}), connix.WithHTTPClient(&http.Client{
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("refused %v: %w", r.Header, io.ErrClosedPipe)
		}),
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Hello(t.Context(), "")
	if !errors.Is(err, io.ErrClosedPipe) || strings.Contains(err.Error(), plantedKey) || !strings.Contains(err.Error(), "refused map[") {
		t.Errorf("%v", err)
	}
}

// An error is taken as it is: what is inside it belongs to who wrapped it, and a
// dial that takes too long is no lost write.
func TestTransport_errorsKept(t *testing.T) {
	own := errors.New("circuit breaker open")
	for name, c := range map[string]struct {
		fail    func(*http.Request) error
		want    error
		unknown bool
	}{
		"a wrapped URL's": {func(*http.Request) error {
			return fmt.Errorf("%w: %w", own, &url.Error{Op: "Get", URL: "https://elsewhere.test/", Err: io.EOF})
		}, own, true},
		"a short key in it": {func(*http.Request) error { return own }, own, true},
		"a dial's timeout": {func(r *http.Request) error {
			<-r.Context().Done()
			return &net.OpError{Op: "dial", Err: r.Context().Err()}
		}, context.DeadlineExceeded, true}, // it does not report to httptrace: it may have sent before
	} {
		client, err := connix.NewClient(connix.WithAPIKey("k"), connix.WithRetryPolicy(connix.RetryPolicy{}), connix.WithTimeout(10*time.Millisecond),
			connix.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) { return nil, c.fail(r) })}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "x"})
		if !errors.Is(err, c.want) || errors.Is(err, connix.ErrUnknownOutcome) != c.unknown || strings.Contains(err.Error(), "****") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A transport that says no more of a timeout than a context does is told apart by
// the context.
func TestTransport_contextError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithRetryPolicy(connix.RetryPolicy{}), connix.WithHTTPClient(&http.Client{
			Transport: roundTripper(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }),
		}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Hello(t.Context(), "")
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "within 30s (see WithTimeout)") {
			t.Errorf("%v", err)
		}
	})
}

// A body of the caller's that cannot be read is not the network's fault.
func TestStream_readerFails(t *testing.T) {
	srv := newServer(t)
	err := srv.Client(t).Do(t.Context(), "POST", "projects", iotest.ErrReader(io.ErrClosedPipe), nil)
	if !errors.Is(err, io.ErrClosedPipe) || !strings.Contains(err.Error(), "the body given to Do could not be read") {
		t.Errorf("%v", err)
	}
}

// An http server behind an https URL is named as what it is, and not asked again.
func TestTransport_plainHTTPBehindTLS(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	client, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL("https"+strings.TrimPrefix(srv.URL, "http")))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "x"})
	e, ok := errors.AsType[*connix.Error](err)
	if !ok || !errors.Is(err, http.ErrSchemeMismatch) || errors.Is(err, connix.ErrUnknownOutcome) || len(e.Attempts) != 1 {
		t.Errorf("%v, want http.ErrSchemeMismatch at once, and certainty that nothing was done", err)
	}
}

// A host may vanish without a word while its HTTP/2 connection is up. Calls on the
// connection notice by a ping, before their attempts time out, and are retried on
// another connection.
func TestTransport_silentHTTP2Connection(t *testing.T) {
	for name, requests := range map[string]int{"GET": 4, "POST": 3} { // the second request of each meets the silence
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := memnet.Listen(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443})
				listener := &silencedListener{Listener: network}
				arrived := make(chan struct{}, 10)
				srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					equal(t, "protocol", r.Proto, "HTTP/2.0")
					arrived <- struct{}{}
					writeJSON(w, http.StatusOK, `{"id":1}`)
				}))
				srv.Listener, srv.EnableHTTP2 = listener, true
				srv.StartTLS()
				defer srv.Close()
				transport := connix.NewTransport()
				defer transport.CloseIdleConnections()
				transport.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig
				transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
					return network.Dial(ctx)
				}
				client := newClient(t, transport, connix.WithBaseURL("https://example.com"), retrying)
				call := func() error { return client.Do(t.Context(), name, "projects", nil, nil) }

				if err := call(); err != nil {
					t.Fatal(err)
				}
				listener.silence()
				began := time.Now()
				err := call()
				if took := time.Since(began); took > 25*time.Second {
					t.Errorf("the call took %v, as long as its timeout", took)
				}
				if name == "GET" && err != nil || name == "POST" && !errors.Is(err, connix.ErrUnknownOutcome) {
					t.Errorf("got %v", err)
				}
				if err := call(); err != nil {
					t.Errorf("afterwards: %v", err)
				}
				equal(t, "connections", len(listener.conns), 2)
				equal(t, "requests", len(arrived), requests)
			})
		})
	}
}

// silencedListener accepts connections that it can silence: they stay up, but nothing
// that the server writes arrives any more.
type silencedListener struct {
	net.Listener

	mu    sync.Mutex
	conns []*silencedConn
}

type silencedConn struct {
	net.Conn
	silent atomic.Bool
}

func (l *silencedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &silencedConn{Conn: conn}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
	return c, nil
}

// silence silences the connections that there are.
func (l *silencedListener) silence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.silent.Store(true)
	}
}

func (c *silencedConn) Write(p []byte) (int, error) {
	if c.silent.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// TestTransport_http2AttemptTimedOut has the first connection fall silent. The next
// attempt uses another one, long before a ping could tell.
func TestTransport_http2AttemptTimedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dials atomic.Int64
		base, transport := serveHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if dials.Load() == 1 && r.URL.Path == "/api/v1/projects/2" {
				<-r.Context().Done()
				return
			}
			writeJSON(w, 200, `{"id":1}`)
		}))
		dial := transport.DialContext
		var made []*http.Transport
		create := func() *http.Transport {
			own := transport.Clone()
			own.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				dials.Add(1)
				return dial(ctx, network, address)
			}
			made = append(made, own)
			return own
		}
		client := newClient(t, connix.NewOwnTransport(create), connix.WithBaseURL(base), retrying, connix.WithTimeout(3*time.Second))
		must(client.Projects.Get(t.Context(), "1"))(t)
		must(client.Projects.Get(t.Context(), "2"))(t)
		must(client.Projects.Get(t.Context(), "1"))(t)
		equal(t, "connections", dials.Load(), 2)
		for _, own := range made {
			own.CloseIdleConnections()
		}
	})
}

// TestTransport_proxyAsksForAPassword has a proxy refuse the tunnel: nothing was
// sent, and the next attempt would meet the same.
func TestTransport_proxyAsksForAPassword(t *testing.T) {
	var asked atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		equal(t, "method", r.Method, http.MethodConnect)
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	transport := &http.Transport{Proxy: http.ProxyURL(must(url.Parse(proxy.URL))(t))}
	defer transport.CloseIdleConnections()
	client := newClient(t, transport, connix.WithBaseURL("https://api.test"), retrying)
	_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"})
	if e := mustError(t, err); errors.Is(err, connix.ErrUnknownOutcome) || len(e.Attempts) != 1 || !strings.Contains(err.Error(), "Proxy Authentication Required") {
		t.Errorf("%v", err)
	}
	equal(t, "requests to the proxy", asked.Load(), 1)
}
