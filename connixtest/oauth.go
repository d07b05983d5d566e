package connixtest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/internal/fake/oauth"
	"golang.org/x/oauth2"
)

const (
	// oauthClientID is the client that every server knows.
	oauthClientID = "connixtest"
	// loopbackRedirect is where programs on users' computers are called back, on
	// any port.
	loopbackRedirect = "http://127.0.0.1/callback"
)

func newOAuth(c *Clock) *oauth.Server {
	cfg := oauth.Config{Clients: []oauth.Client{{
		ID: oauthClientID, Name: "Test application",
		RedirectURIs: []string{loopbackRedirect, "http://[::1]/callback"},
	}}}
	if c != nil {
		cfg.Clock = c
	}
	return oauth.New(cfg)
}

// OAuthConfig returns what an application under test needs to log its users in
// at this server, whose authorization endpoint shows a consent page to browsers
// and whose tokens expire after an hour by the server's clock. Refresh tokens
// rotate; the use of one that is spent ends the login, as does that of a code.
//
// Users may be sent back to redirectURL from now on; "" means any port of
// http://127.0.0.1/callback. No scopes means read and write. Token requests go
// through [Server.HTTPClient], to be put into their context under
// [oauth2.HTTPClient], where the server is in memory.
func (s *Server) OAuthConfig(redirectURL string, scopes ...string) *oauth2.Config {
	if redirectURL == "" {
		redirectURL = loopbackRedirect
	}
	s.oauth.AddRedirectURI(oauthClientID, redirectURL)
	if len(scopes) == 0 {
		scopes = []string{connix.ScopeRead, connix.ScopeWrite}
	}
	return &oauth2.Config{
		ClientID: oauthClientID, RedirectURL: redirectURL, Scopes: slices.Clone(scopes),
		Endpoint: oauth2.Endpoint{
			AuthURL: s.URL + oauth.AuthorizePath, TokenURL: s.URL + oauth.TokenPath,
			AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}

// OAuthClient is an application that users can let in; see
// [Server.AddOAuthClient].
type OAuthClient struct {
	ID string
	// Secret is required of the application where it is not "".
	Secret string
	// Name is what the consent page shows; "" shows the ID.
	Name string
	// RedirectURLs are where users may be sent back to, exactly, but for the port
	// of http://127.0.0.1 and http://[::1].
	RedirectURLs []string
	// Scopes are the ones that the application may ask for; nil means read and write.
	Scopes []string
}

// AddOAuthClient adds an application, or replaces the one of that ID. It panics
// without an ID, and where a redirect URL is not absolute.
func (s *Server) AddOAuthClient(c OAuthClient) {
	if c.ID == "" {
		panic("connixtest: AddOAuthClient: an OAuth2 client needs an ID")
	}
	for _, text := range c.RedirectURLs {
		if u, err := url.Parse(text); err != nil || !u.IsAbs() {
			panic(fmt.Sprintf("connixtest: AddOAuthClient: the redirect URL %q is not absolute", text))
		}
	}
	s.oauth.AddClient(oauth.Client{ID: c.ID, Secret: c.Secret, Name: c.Name, RedirectURIs: c.RedirectURLs, Scopes: c.Scopes})
}

// AddToken returns the token of a user who has logged in already, with these
// scopes (none means read and write), for the client of [Server.OAuthConfig].
// Its expiry is by package time, as a client's would be. Any other scope panics.
func (s *Server) AddToken(scopes ...string) *oauth2.Token {
	for _, scope := range scopes {
		if scope != connix.ScopeRead && scope != connix.ScopeWrite {
			panic(fmt.Sprintf("connixtest: AddToken: a user's token has the scopes read and write, not %q", scope))
		}
	}
	t := s.oauth.Issue(oauthClientID, scopes...)
	return &oauth2.Token{
		AccessToken: t.Access, RefreshToken: t.Refresh, TokenType: "Bearer",
		Expiry: time.Now().Add(t.Life), ExpiresIn: int64(t.Life.Seconds()),
	}
}

// ApproveLogin answers an authorization URL as a user who allows what it asks
// for, without a browser, and returns the URL that the browser would be sent to.
// A URL that shows no consent page of this server is an error.
func (s *Server) ApproveLogin(authorizationURL string) (callbackURL string, err error) {
	return s.decide(authorizationURL, s.oauth.Approve)
}

// DenyLogin is [Server.ApproveLogin] for a user who denies.
func (s *Server) DenyLogin(authorizationURL string) (callbackURL string, err error) {
	return s.decide(authorizationURL, s.oauth.Deny)
}

// decide sees to it that an application which asks another server, the real one
// perhaps, does not go unnoticed.
func (s *Server) decide(authorizationURL string, decide func(string) (string, error)) (callbackURL string, err error) {
	page, _, _ := strings.Cut(authorizationURL, "?")
	if want := s.URL + oauth.AuthorizePath; page != want {
		return "", fmt.Errorf("connixtest: the user is sent to %s, which is not this server's %s: was the application given OAuthConfig?", page, want)
	}
	if callbackURL, err = decide(authorizationURL); err != nil {
		return "", fmt.Errorf("connixtest: %w", err)
	}
	return callbackURL, nil
}

// RevokeLogin ends the login that an access or a refresh token belongs to, as
// its user could. An unknown token changes nothing.
func (s *Server) RevokeLogin(token string) { s.oauth.Revoke(token) }
