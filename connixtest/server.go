// Package connixtest is a fake of the whole Connix API for tests: a server with
// real state, on a socket or in memory, that a test can seed, observe, slow down
// and break.
//
//	func TestApp(t *testing.T) {
//		srv := connixtest.NewServer(t)
//		project := srv.AddProject(connix.Project{Name: "my-ai-project"})
//		app := NewApp(srv.Options()...) // it passes them to connix.NewClient
//		...
//		srv.Expect(t, connixtest.Match{Method: "POST", Route: "/agents"}, 1)
//	}
//
// It behaves as the API overview documents, and by convention where the overview is
// silent. It never throttles unless [WithRateLimits] asks for it. Servers share
// nothing: any number can run side by side.
//
// [Server.Inject] injects the faults of networks, proxies and servers: lost and
// late responses, cut bodies, absurd headers, redirects. See [Action].
package connixtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake"
	"github.com/connix-io/connix-go/internal/fake/clock"
	"github.com/connix-io/connix-go/internal/fake/faults"
	"github.com/connix-io/connix-go/internal/fake/oauth"
	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/memnet"
)

// Server is a fake of the Connix API. Use [NewServer] in tests and [Start]
// elsewhere to make one. It is safe for concurrent use.
type Server struct {
	// URL is the base URL without the version: http://127.0.0.1:port. The URL of a
	// server in memory is reached by its [Server.HTTPClient] only.
	URL string
	// APIKey is a key with all scopes. Each server has a different one.
	APIKey string

	fail         func(r *http.Request, problem string) // nil: there is no test
	unusedFaults bool                                  // they are allowed

	fake      *fake.Fake
	oauth     *oauth.Server
	faults    faults.Set
	http      *httptest.Server
	transport *http.Transport
}

// NewServer starts a server that is closed when the test and its subtests have
// ended. It fails the test if the server cannot start, and later if a
// [WithRequestCheck] refuses a request, if an [Action] or a function given to
// [Server.OnLaunch] panics, or if the test ends before a [Fault] with Times hits.
func NewServer(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s, err := start(opts, func(r *http.Request, problem string) {
		tb.Errorf("connixtest: %s %s: %s", r.Method, r.URL.Path, problem)
	})
	if err != nil {
		tb.Fatalf("connixtest: %v", err)
	}
	tb.Cleanup(func() {
		defer s.Close()
		if !s.unusedFaults {
			s.wantFaultsUsed(tb)
		}
	})
	return s
}

// Start starts a server outside of tests. The caller closes it. A request that a
// [WithRequestCheck] refuses gets a 500 with the reason, and a panic is logged as by
// every [http.Server].
func Start(opts ...Option) (*Server, error) {
	s, err := start(opts, nil)
	if err != nil {
		return nil, fmt.Errorf("connixtest: %w", err)
	}
	return s, nil
}

// start starts a server; fail, unless nil, fails a test.
func start(opts []Option, fail func(r *http.Request, problem string)) (*Server, error) {
	c := config{journalSize: fake.DefaultJournalSize}
	for _, opt := range opts {
		if opt != nil {
			opt(&c)
		}
	}
	if err := errors.Join(c.errs...); err != nil {
		return nil, err
	}
	c.deliveries.JournalSize = c.journalSize
	if c.inMemory && c.deliveries.Client == nil {
		c.deliveries.Client = &http.Client{Transport: unreachable{}}
	}
	s := &Server{APIKey: state.NewSecret(), oauth: newOAuth(c.clock, c.users), fail: fail}
	s.faults.Exists = fake.HasRoute
	s.fake = fake.New(fake.Config{
		Clock:       c.fakeClock(),
		Skew:        c.limits.Skew,
		APIKey:      s.APIKey,
		OAuth:       s.oauth,
		Users:       c.users,
		Limits:      c.limits.rules(),
		Dialect:     fake.Dialect(c.dialect),
		MinLatency:  c.minLatency,
		MaxLatency:  c.maxLatency,
		JournalSize: c.journalSize, JournalBytes: c.journalBytes,
		Deliveries:  c.deliveries,
		Middleware:  func(api http.Handler) http.Handler { return s.watched(s.withFaults(api)) },
		Check:       c.check(),
		CheckFailed: s.checkFailed(),
	})
	s.unusedFaults = c.unusedFaults
	if err := s.listen(c.inMemory); err != nil {
		s.fake.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) checkFailed() func(*http.Request, error) {
	if s.fail == nil {
		return nil
	}
	return func(r *http.Request, err error) { s.fail(r, "the request check: "+err.Error()) }
}

// watched tells the test of panics in its own code, which net/http would hide in
// its log.
func (s *Server) watched(next http.Handler) http.Handler {
	if s.fail == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				if v != http.ErrAbortHandler { //nolint:errorlint // the very value, as in net/http
					s.fail(r, fmt.Sprintf("panic: %v\n%s", v, debug.Stack()))
				}
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// listen serves the fake on a socket of its own or in memory.
func (s *Server) listen(inMemory bool) error {
	listener, dial, err := newListener(inMemory)
	if err != nil {
		return err
	}
	s.transport = &http.Transport{
		DialContext: dial,
		// As many as a test may have goroutines: with net/http's two, hundreds of
		// them would use up the ports.
		MaxIdleConnsPerHost: 1000,
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &httptest.Server{
		Listener: listener,
		// A connection may stay silent for as long as a test likes, in which hours
		// may pass within a bubble.
		Config: &http.Server{Handler: s.fake, ReadHeaderTimeout: 365 * 24 * time.Hour, Protocols: protocols},
	}
	s.http.Start()
	s.URL = s.http.URL
	return nil
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

func newListener(inMemory bool) (net.Listener, dialFunc, error) {
	if !inMemory {
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, fmt.Errorf("no port to listen on: %w", err)
		}
		return l, new(net.Dialer).DialContext, nil
	}
	l := memnet.Listen(memoryAddr())
	return l, func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != l.Addr().String() {
			return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("connixtest: the client of a server in memory reaches that one, %s, and not %s", l.Addr(), addr)}
		}
		return l.Dial(ctx)
	}, nil
}

// memoryAddr returns an address for a server in memory: of the loopback network,
// since clients refuse to send keys elsewhere without TLS, and random, so that
// two servers are two origins and nobody's real one.
func memoryAddr() *net.TCPAddr {
	var b [3]byte
	_, _ = rand.Read(b[:]) // it never fails
	return &net.TCPAddr{IP: net.IPv4(127, b[0], b[1], 1|b[2]&^128), Port: 4010}
}

// HTTPClient returns an HTTP client that reaches the server. Each call returns a
// new one, whose fields the caller may change. All of them share connections, which
// Close closes.
func (s *Server) HTTPClient() *http.Client { return &http.Client{Transport: s.transport} }

// Handler returns the API as an [http.Handler], for programs that serve it
// themselves. It serves "/api/v1/" and "/oauth2/".
func (s *Server) Handler() http.Handler { return s.fake }

// Reset removes all records but the server's own API key, and empties the journal,
// the webhook deliveries, the usage of rate limits, and the codes and tokens of
// OAuth2. It removes all faults and closes the connections of requests that wait in
// one. OAuth2 clients remain, and so does everything that options and OnLaunch set.
func (s *Server) Reset() {
	s.faults.Reset()
	s.fake.Reset()
}

// Close stops the server and closes its connections, including those with a request
// in progress. Tests need not call it: [NewServer] closes its server itself.
func (s *Server) Close() {
	s.faults.Reset()
	s.fake.Close()
	s.transport.CloseIdleConnections()
	s.http.CloseClientConnections()
	s.http.Close()
}

// fakeClock returns the clock that the options ask for, nil for package time.
func (c *config) fakeClock() clock.Clock {
	if c.clock == nil {
		return nil
	}
	return c.clock.manual
}
