package connix

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/connix-io/connix-go/internal/token"
	"golang.org/x/oauth2"
)

// OAuthEndpoint is Connix' authorization server. Client id and secret go into
// the form, so that x/oauth2 does not try both ways at each failure.
var OAuthEndpoint = oauth2.Endpoint{
	AuthURL:   "https://console.connix.io/oauth2/authorize",
	TokenURL:  "https://console.connix.io/oauth2/token",
	AuthStyle: oauth2.AuthStyleInParams,
}

// The scopes of OAuth2 access. Read allows GET requests, write all others; a
// program that does both asks for both.
const (
	ScopeRead  = "read"
	ScopeWrite = "write"
)

// TokenStore keeps the OAuth2 token of one login, for other processes too.
// Package oauthcli has one for files.
type TokenStore interface {
	// Load returns the stored token, or nil and no error if there is none.
	Load(ctx context.Context) (*oauth2.Token, error)

	// Update is a read-modify-write under a lock that every process using the
	// same store honours. It calls fn once, with the stored token (nil for
	// none), stores the token that fn returns before it returns that itself, and
	// stores nothing if fn fails. If fn returns the very pointer that it was
	// given, there is nothing to write. fn may take half a minute: it asks the
	// authorization server. ctx bounds the wait for the lock; fn's token is
	// stored even if ctx has ended meanwhile, or a token is lost.
	Update(ctx context.Context, fn func(ctx context.Context, stored *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error)
}

// TokenSourceOption configures [NewTokenSource]. A nil option does nothing.
type TokenSourceOption func(*tokenSourceConfig) error

type tokenSourceConfig struct {
	saver    func(context.Context, *oauth2.Token) error
	store    TokenStore
	insecure bool
}

// WithTokenSaver calls save with every token that a refresh brings, before it
// is used. If save fails, so do the calls that wait for the token; the
// token is kept in memory and saved at the next attempt, since the refresh
// token it replaces is spent. save is never called by two goroutines at once;
// its context ends after half a minute. For several processes that share
// one login use [WithTokenStore].
func WithTokenSaver(save func(ctx context.Context, token *oauth2.Token) error) TokenSourceOption {
	return func(c *tokenSourceConfig) error {
		if save == nil {
			return &ArgumentError{Name: "save", Issue: "must not be nil"}
		}
		c.saver = save
		return nil
	}
}

// WithTokenStore keeps the token in store. Each refresh happens under the
// store's lock and begins by reading it, so that of many processes one asks
// the server and the others take its token.
//
// If the store is not empty and [NewTokenSource] is given a token too, the
// one that expires later is used: a fresh login replaces a stored token, the
// token that a program was once configured with does not.
func WithTokenStore(store TokenStore) TokenSourceOption {
	return func(c *tokenSourceConfig) error {
		if store == nil {
			return &ArgumentError{Name: "store", Issue: "must not be nil"}
		}
		c.store = store
		return nil
	}
}

// WithInsecureTokenURL allows a token endpoint of plain http on a host other
// than this machine: refresh tokens then cross the network readable by anyone on
// the way.
func WithInsecureTokenURL() TokenSourceOption {
	return func(c *tokenSourceConfig) error { c.insecure = true; return nil }
}

// TokenSource is an [oauth2.TokenSource] that loses no token: one refresh
// serves any number of waiting calls, it happens in the background before the
// token expires, and a new token is saved before it is used. Give it to
// [WithTokenSource]; clients may share one. It is safe for concurrent use.
//
// A refresh token that the server refuses (invalid_grant) ends the login: every
// call then fails with an error that matches [ErrLoginRequired], without asking
// the server again, until a store holds another token. All other failures are
// [*TokenError] and the next call tries anew.
//
// It prints as a mask: no token is ever shown.
type TokenSource struct {
	// A func, because fmt follows pointers in unexported fields under a wrong
	// verb and cannot call their Format method.
	source func() *token.Source
}

// NewTokenSource returns a source that begins with t and refreshes it at cfg's
// token endpoint. Nothing is sent or read before the first token is asked for.
//
// t may be nil only if [WithTokenStore] is given. A t without an expiry is
// used until the API refuses it. cfg is copied; if it names no AuthStyle,
// client id and secret go into the form. Its token endpoint must be https, or on
// this machine, unless [WithInsecureTokenURL] is given. Saver and store exclude
// each other. A refused argument is an [*ArgumentError].
func NewTokenSource(cfg *oauth2.Config, t *oauth2.Token, opts ...TokenSourceOption) (*TokenSource, error) {
	var c tokenSourceConfig
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&c); err != nil {
			return nil, err
		}
	}
	if err := checkTokenURL(cfg, c.insecure); err != nil {
		return nil, err
	}
	switch {
	case c.saver != nil && c.store != nil:
		return nil, &ArgumentError{Name: "opts", Issue: "WithTokenSaver and WithTokenStore exclude each other"}
	case t == nil && c.store == nil:
		return nil, &ArgumentError{Name: "t", Issue: "must not be nil without WithTokenStore"}
	case t != nil && t.AccessToken == "" && t.RefreshToken == "":
		return nil, &ArgumentError{Name: "t", Issue: "holds neither an access token nor a refresh token"}
	}
	own := &oauth2.Config{ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Endpoint: cfg.Endpoint, RedirectURL: cfg.RedirectURL}
	if own.Endpoint.AuthStyle == oauth2.AuthStyleAutoDetect {
		own.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	made := token.Config{OAuth: own, Saver: c.saver}
	if t != nil {
		made.Given = token.Clone(t)
	}
	if c.store != nil {
		made.Store = c.store
	}
	source := token.New(made)
	return &TokenSource{source: func() *token.Source { return source }}, nil
}

func checkTokenURL(cfg *oauth2.Config, insecure bool) error {
	if cfg == nil || cfg.Endpoint.TokenURL == "" {
		return &ArgumentError{Name: "cfg", Issue: "must name a token endpoint"}
	}
	u, err := url.Parse(cfg.Endpoint.TokenURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return &ArgumentError{Name: "cfg", Issue: "must name a token endpoint with an https URL"}
	}
	if u.Scheme == "http" && !insecure && !isLoopback(u.Hostname()) {
		return &ArgumentError{Name: "cfg", Issue: "names a token endpoint of plain http, which would send tokens readable over the network; use https, or WithInsecureTokenURL if you must"}
	}
	return nil
}

// Token returns a token that is usable now, after a refresh if there is none. A
// refresh takes half a minute at most, a minute more if another process
// holds the store; a [Client] has its callers wait only as long as
// their contexts allow, and uses its own [http.Client].
func (s *TokenSource) Token() (*oauth2.Token, error) {
	tok, err := s.token(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	return token.Clone(tok), nil
}

// token is Token under a context, with the http.Client that a refresh is to
// use (nil for net/http's default). That client must not authenticate by this
// source itself. The result is shared: it must not be changed.
func (s *TokenSource) token(ctx context.Context, hc *http.Client) (*oauth2.Token, error) {
	source, err := s.made()
	if err != nil {
		return nil, err
	}
	tok, err := source.Get(ctx, hc)
	return tok, tokenError(err)
}

// refused says that the API responded with 401 to accessToken. If that token is
// still the current one, it is refreshed, once for all who say so; else the
// current one is returned.
func (s *TokenSource) refused(ctx context.Context, hc *http.Client, accessToken string) (*oauth2.Token, error) {
	source, err := s.made()
	if err != nil {
		return nil, err
	}
	tok, err := source.Replace(ctx, hc, accessToken)
	return tok, tokenError(err)
}

func (s *TokenSource) made() (*token.Source, error) {
	if s == nil || s.source == nil {
		return nil, &ArgumentError{Name: "TokenSource", Issue: "must be made by NewTokenSource"}
	}
	return s.source(), nil
}

// tokenSourceMask is all that a TokenSource prints.
const tokenSourceMask = "connix.TokenSource(****)"

// String returns a mask.
func (TokenSource) String() string { return tokenSourceMask }

// Format prints a mask under every verb.
func (TokenSource) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, tokenSourceMask) }

// LogValue gives slog a mask.
func (TokenSource) LogValue() slog.Value { return slog.StringValue(tokenSourceMask) }

// tokenRefresh describes a refresh that asked the token endpoint.
type tokenRefresh = token.Refresh

// withRefreshHook has hook called at the end of each refresh that a token call
// under this context starts: see [token.WithHook].
func withRefreshHook(ctx context.Context, hook func(context.Context, tokenRefresh)) context.Context {
	return token.WithHook(ctx, func(ctx context.Context, r tokenRefresh) {
		r.Err = tokenError(r.Err)
		hook(ctx, r)
	})
}
