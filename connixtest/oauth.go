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

func newOAuth(c *Clock, users bool) *oauth.Server {
	cfg := oauth.Config{Users: users, Clients: []oauth.Client{{
		ID: oauthClientID, Name: "Test application",
		RedirectURIs: []string{loopbackRedirect, "http://[::1]/callback"},
	}}}
	if c != nil {
		cfg.Clock = c
	}
	return oauth.New(cfg)
}

// OAuthConfig returns the OAuth2 configuration with which an application under test
// logs its users in at this server. The authorization endpoint shows a consent page to
// browsers. Access tokens expire after an hour by the server's clock. Refresh tokens
// rotate; reuse of a refresh token or of a code ends the login.
//
// It registers redirectURL; "" means any port of http://127.0.0.1/callback. No scopes
// means read and write. With a server in memory, put [Server.HTTPClient] into the
// context of token requests under [oauth2.HTTPClient].
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

// OAuthClient is an application that users can authorize; see
// [Server.AddOAuthClient].
type OAuthClient struct {
	ID string
	// Secret, unless "", is required in token requests.
	Secret string
	// Name is shown on the consent page; "" shows the ID.
	Name string
	// RedirectURLs are the URLs to which users may return. They match exactly, except
	// for the port of http://127.0.0.1 and http://[::1].
	RedirectURLs []string
	// Scopes are the scopes that the application may ask for; nil means read and write.
	Scopes []string
}

// AddOAuthClient adds an application, or replaces the one with the same ID. It panics
// if the ID is empty or a redirect URL is not absolute.
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

// AddUserToken is [Server.AddToken] for a user; "" is the default user. See [WithUsers].
func (s *Server) AddUserToken(user string, scopes ...string) *oauth2.Token {
	return s.addToken(user, scopes)
}

// AddToken returns a token as from a login with these scopes (none means read and
// write), for the client of [Server.OAuthConfig]. Its Expiry is in package time, as
// clients compute it. Any other scope panics.
func (s *Server) AddToken(scopes ...string) *oauth2.Token { return s.addToken("", scopes) }

func (s *Server) addToken(user string, scopes []string) *oauth2.Token {
	for _, scope := range scopes {
		if scope != connix.ScopeRead && scope != connix.ScopeWrite {
			panic(fmt.Sprintf("connixtest: AddToken: a user's token has the scopes read and write, not %q", scope))
		}
	}
	t := s.oauth.IssueTo(user, oauthClientID, scopes...)
	return &oauth2.Token{
		AccessToken: t.Access, RefreshToken: t.Refresh, TokenType: "Bearer",
		Expiry: time.Now().Add(t.Life), ExpiresIn: int64(t.Life.Seconds()),
	}
}

// ApproveLogin approves the authorization URL of an application as a user in a
// browser does, and returns the URL to which the browser would return. At most one user
// can be named; without one, or with "", it is the default user. See [WithUsers]. It
// returns an error if the URL shows no consent page of this server.
func (s *Server) ApproveLogin(authorizationURL string, user ...string) (callbackURL string, err error) {
	if len(user) > 1 {
		panic(fmt.Sprintf("connixtest: ApproveLogin: %d users cannot approve one login", len(user)))
	}
	subject := strings.Join(user, "")
	return s.decide(authorizationURL, func(url string) (string, error) { return s.oauth.ApproveAs(subject, url) })
}

// DenyLogin denies the authorization URL, as [Server.ApproveLogin] approves it.
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

// RevokeLogin revokes all tokens of the login to which an access or refresh token
// belongs, as its user could. An unknown token changes nothing.
func (s *Server) RevokeLogin(token string) { s.oauth.Revoke(token) }
