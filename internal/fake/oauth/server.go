// Package oauth is a fake of the Connix authorization server: RFC 6749's
// authorization code grant with PKCE (RFC 7636), a consent page for real
// browsers, and refresh tokens that rotate and detect their reuse.
package oauth

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
)

// The paths that a Server serves.
const (
	AuthorizePath = "/oauth2/authorize"
	TokenPath     = "/oauth2/token"
)

// The scopes of the API.
const (
	ScopeRead  = "read"
	ScopeWrite = "write"
)

// Clock tells the time that codes and tokens expire by.
type Clock interface{ Now() time.Time }

// Config is how a Server behaves. The zero value is ready to use.
type Config struct {
	// Clock is the server's; nil means the system's.
	Clock Clock
	// Users has the consent page ask which user decides.
	Users bool
	// Clients are the applications known from the start.
	Clients []Client
	// How long things live, and their defaults where 0: a code a minute, an
	// access token an hour, a refresh token 30 days from its last use.
	CodeLife, AccessLife, RefreshLife time.Duration
}

// Client is an application that may ask users for access.
type Client struct {
	// ID is the client_id.
	ID string
	// Secret makes the client a confidential one; "" for programs on users' computers.
	Secret string
	// Name is what the consent page shows; "" shows the ID.
	Name string
	// RedirectURIs are where users may be sent back to. They match exactly, but
	// for the port of http://127.0.0.1 and http://[::1], which is free.
	RedirectURIs []string
	// Scopes are the ones the client may ask for; nil means all.
	Scopes []string
	// Grants are the grant types that the client may use; nil means
	// authorization_code and refresh_token.
	Grants []string
}

// Server is the authorization server: an http.Handler for AuthorizePath and
// TokenPath. It is safe for concurrent use.
type Server struct {
	cfg Config

	mu       sync.Mutex
	clients  map[string]Client
	tickets  map[string]ticket        // consent pages that wait for a decision
	codes    map[string]*code         // by code, used ones included
	access   map[string]*accessToken  // by access token
	refresh  map[string]*refreshToken // by refresh token, spent ones included
	failures map[string][]string      // error codes of the next responses, by path
}

// New returns a Server.
func New(cfg Config) *Server {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	cfg.CodeLife = cmp.Or(cfg.CodeLife, time.Minute)
	cfg.AccessLife = cmp.Or(cfg.AccessLife, time.Hour)
	cfg.RefreshLife = cmp.Or(cfg.RefreshLife, 30*24*time.Hour)
	s := &Server{cfg: cfg, clients: map[string]Client{}}
	for _, c := range cfg.Clients {
		s.AddClient(c)
	}
	s.Reset()
	return s
}

// Reset forgets every code, token, consent page and planned failure. The
// clients stay.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets = map[string]ticket{}
	s.codes = map[string]*code{}
	s.access = map[string]*accessToken{}
	s.refresh = map[string]*refreshToken{}
	s.failures = map[string][]string{}
}

// AddClient adds c, or replaces the client of that ID.
func (s *Server) AddClient(c Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.RedirectURIs = slices.Clone(c.RedirectURIs)
	s.clients[c.ID] = c
}

// AddRedirectURI lets users be sent back to uri by the client of that ID. It
// does nothing where there is no such client.
func (s *Server) AddRedirectURI(clientID, uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.clients[clientID]
	if !ok || slices.Contains(c.RedirectURIs, uri) {
		return
	}
	c.RedirectURIs = append(slices.Clone(c.RedirectURIs), uri)
	s.clients[clientID] = c
}

// FailNext has the next request to path (AuthorizePath or TokenPath) refused
// with this RFC 6749 error code, such as "server_error", whatever it asks for;
// called again, it plans the request after.
func (s *Server) FailNext(path, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[path] = append(s.failures[path], code)
}

// failure takes the next planned failure of path, "" for none.
func (s *Server) failure(path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	planned := s.failures[path]
	if len(planned) == 0 {
		return ""
	}
	s.failures[path] = planned[1:]
	return planned[0]
}

// ServeHTTP serves the two endpoints, and responds with 404 elsewhere.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case AuthorizePath:
		s.serveAuthorize(w, r)
	case TokenPath:
		s.serveToken(w, r)
	default:
		writeFailure(w, &failure{code: "not_found", description: "there are /oauth2/authorize and /oauth2/token", status: http.StatusNotFound})
	}
}

func (s *Server) now() time.Time { return s.cfg.Clock.Now() }

func (s *Server) client(id string) (Client, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.clients[id]
	return c, ok
}

// mayUse reports whether the client may use the grant type.
func (c Client) mayUse(grant string) bool { return c.Grants == nil || slices.Contains(c.Grants, grant) }

// mayHave reports whether the client may ask for the scope.
func (c Client) mayHave(scope string) bool {
	if c.Scopes == nil {
		return scope == ScopeRead || scope == ScopeWrite
	}
	return slices.Contains(c.Scopes, scope)
}

// title is the client's name for people.
func (c Client) title() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}
