package token_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/token"
	"golang.org/x/oauth2"
)

const (
	testClientSecret = "planted-client-secret-3f1c"
	testTokenURL     = "https://login.example/oauth2/token"
)

// tokenServer is a token endpoint with rotating refresh tokens, behind an
// http.Client. Each refresh token buys one token; a second use of it revokes
// all of them.
type tokenServer struct {
	latency time.Duration
	life    time.Duration // of an access token; 0: an hour

	mu        sync.Mutex
	n         int    // tokens issued
	valid     string // the one refresh token that is
	revoked   bool
	forms     []url.Values
	responses []func(*http.Request) (*http.Response, error) // given first
}

// newTokenServer knows the refresh token refresh-0.
func newTokenServer() *tokenServer { return &tokenServer{valid: "refresh-0"} }

func (s *tokenServer) client() *http.Client { return &http.Client{Transport: s} }

func (s *tokenServer) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.forms)
}

// next has the following requests met by these responses, in order.
func (s *tokenServer) next(responses ...func(*http.Request) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.responses = append(s.responses, responses...)
}

func (s *tokenServer) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.forms = append(s.forms, form)
	var response func(*http.Request) (*http.Response, error)
	if len(s.responses) > 0 {
		response, s.responses = s.responses[0], s.responses[1:]
	}
	s.mu.Unlock()
	if response != nil {
		return response(req)
	}
	if s.latency > 0 {
		select {
		case <-time.After(s.latency):
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revoked || form.Get("refresh_token") != s.valid {
		s.revoked = true
		return returning(400, `{"error":"invalid_grant","error_description":"%s is spent"}`, form.Get("refresh_token"))(req)
	}
	s.n++
	s.valid = fmt.Sprintf("refresh-%d", s.n)
	life := s.life
	if life == 0 {
		life = time.Hour
	}
	return returning(200, `{"access_token":"access-%d","token_type":"Bearer","expires_in":%d,"refresh_token":%q}`, s.n, int(life.Seconds()), s.valid)(req)
}

// returning responds with a status and a JSON body.
func returning(status int, format string, args ...any) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Status: http.StatusText(status), Request: req,
			Header: http.Header{"Content-Type": {"application/json"}},
			Body:   io.NopCloser(strings.NewReader(fmt.Sprintf(format, args...))),
		}, nil
	}
}

// withType changes the type of a response.
func withType(contentType string, respond func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := respond(req)
		resp.Header.Set("Content-Type", contentType)
		return resp, err
	}
}

// noResponse loses the connection.
func noResponse(*http.Request) (*http.Response, error) { return nil, errConnection }

var errConnection = errors.New("connection reset by peer")

func oauthConfig() *oauth2.Config {
	return &oauth2.Config{ClientID: "app", ClientSecret: testClientSecret, Endpoint: oauth2.Endpoint{TokenURL: testTokenURL, AuthStyle: oauth2.AuthStyleInParams}}
}

// tokenIn is the token that the server begins with, expiring after d.
func tokenIn(d time.Duration) *oauth2.Token {
	return &oauth2.Token{AccessToken: "access-0", RefreshToken: "refresh-0", TokenType: "Bearer", Expiry: time.Now().Add(d)}
}

// option changes the configuration of a source.
type option func(*token.Config)

func withStore(store token.Store) option { return func(c *token.Config) { c.Store = store } }

func withSaver(save func(context.Context, *oauth2.Token) error) option {
	return func(c *token.Config) { c.Saver = save }
}

func newSource(t *testing.T, tok *oauth2.Token, opts ...option) *token.Source {
	t.Helper()
	cfg := token.Config{OAuth: oauthConfig(), Given: tok}
	for _, opt := range opts {
		opt(&cfg)
	}
	return token.New(cfg)
}

// needsLogin reports whether err says that only a new login helps.
func needsLogin(err error) bool {
	failure, ok := errors.AsType[*token.Error](err)
	return ok && failure.LoginRequired
}

// want asks s for a token, which should be the one named. It may run on any
// goroutine.
func want(t *testing.T, s *token.Source, srv *tokenServer, access string) {
	t.Helper()
	tok, err := s.Get(t.Context(), srv.client())
	switch {
	case err != nil:
		t.Errorf("no token: %v; want %s", err, access)
	case tok.AccessToken != access:
		t.Errorf("got token %s, want %s", tok.AccessToken, access)
	}
}

// wantError asks s for a token and returns the error, which must be an Error.
func wantError(t *testing.T, s *token.Source, srv *tokenServer) *token.Error {
	t.Helper()
	tok, err := s.Get(t.Context(), srv.client())
	if err == nil {
		t.Fatalf("got token %s, want an error", tok.AccessToken)
	}
	failure, ok := errors.AsType[*token.Error](err)
	if !ok {
		t.Fatalf("got error %v (%T), want a *TokenError", err, err)
	}
	return failure
}

// sharedStore is a TokenStore in memory, as two processes would share a file.
// Its lock is a channel, so that waiting for it counts as idle in a bubble.
type sharedStore struct {
	lock     chan struct{}
	failures int // writes to fail
	mu       sync.Mutex
	token    *oauth2.Token
	writes   []string // access tokens
}

func newSharedStore(tok *oauth2.Token) *sharedStore {
	return &sharedStore{lock: make(chan struct{}, 1), token: tok}
}

func (s *sharedStore) Load(context.Context) (*oauth2.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token, nil
}

func (s *sharedStore) Update(ctx context.Context, fn func(context.Context, *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error) {
	select {
	case s.lock <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.lock }()
	stored, _ := s.Load(ctx)
	tok, err := fn(ctx, stored)
	if err != nil || tok == stored {
		return tok, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures > 0 {
		s.failures--
		return nil, errDisk
	}
	s.token, s.writes = tok, append(s.writes, tok.AccessToken)
	return tok, nil
}

var errDisk = errors.New("disk full")

// bubble runs a subtest in a bubble.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}
