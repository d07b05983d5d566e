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

// TokenStore keeps the OAuth2 token of one login, for other processes too.
// Package oauthcli has one for files. [EncodeToken] and [DecodeToken] are the
// text to store.
//
// A refresh token is spent once the server has seen it, so that its successor
// must not be lost. A store therefore makes sure before it calls Update's
// function that it will be able to write: it takes the lock, makes room on the
// disk, has its connection. If it finds that it cannot write, Update fails
// without calling the function.
//
// Neither method may ask the [TokenSource] that calls it for a token, nor use a
// client with that source: the source waits for the store. With the context
// that the method was given, that fails with an error that says so.
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
	http     *http.Client
	insecure bool
}

// WithTokenSaver calls save with every token that a refresh brings, before it
// is used. If save fails, so do the calls that wait for the token; the
// token is kept in memory and saved at the next attempt, since the refresh
// token that it replaces is spent. That is too late to find a full disk: whoever
// can should check beforehand that save will work, as a [TokenStore] does.
//
// save is never called by two goroutines at once. Its context ends after 30
// seconds. If it does not return by then, the calls that wait get an error that
// says so. It must not ask the source itself for a token, nor use a client with
// that source: with the context that it was given, that fails with an error. For
// several processes that share one login use [WithTokenStore].
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
// If the store is not empty and [NewTokenSource] is given a token too, one of
// them is used:
//
//   - the stored one, if the given one has expired;
//   - the stored one, if both are known to come of the same login, which a store
//     of text made by [EncodeToken] tells; the given one, if they come of two;
//   - if that is not known, the one that expires later, and the stored one if
//     either has no expiry.
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

// WithTokenHTTPClient asks the token endpoint through client. Without it, a
// refresh that a [Client] starts uses that client's transport, and one that
// [TokenSource.Token] starts net/http's default. Redirects are not followed.
func WithTokenHTTPClient(client *http.Client) TokenSourceOption {
	return func(c *tokenSourceConfig) error {
		if client == nil {
			return &ArgumentError{Name: "client", Issue: "must not be nil"}
		}
		c.http = client
		return nil
	}
}

// TokenSource is an [oauth2.TokenSource] that loses no token: one refresh
// serves any number of waiting calls, it happens before the token expires, and a
// new token is saved before it is used. Give it to [WithTokenSource]; clients may
// share one. It is safe for concurrent use.
//
// The call that notices that a token is about to expire waits for its refresh,
// as long as its context allows; others go on with the old token. So a program
// may end after its last call, with one exception: a call that gave up, because
// its context ended, may leave a refresh under way. [TokenSource.Close] waits
// for it.
//
// A refresh token that the server refuses (invalid_grant) ends the login: every
// call then fails with an error that matches [ErrLoginRequired], without asking
// the server again, until a store holds another token. All other failures are
// [*TokenError]. While its RetryAfter lasts, the token endpoint is not asked
// again.
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
	c, err := newTokenSourceConfig(cfg, opts)
	if err != nil {
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
	made := token.Config{OAuth: ownOAuthConfig(cfg), Saver: c.saver, HTTPClient: c.http}
	if t != nil {
		made.Given = token.Clone(t)
	}
	if c.store != nil {
		made.Store = c.store
	}
	source := token.New(made)
	return &TokenSource{source: func() *token.Source { return source }}, nil
}

// newTokenSourceConfig applies opts and checks cfg.
func newTokenSourceConfig(cfg *oauth2.Config, opts []TokenSourceOption) (*tokenSourceConfig, error) {
	c := new(tokenSourceConfig)
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	return c, checkTokenURL(cfg, c.insecure)
}

// ownOAuthConfig copies the part of cfg that token requests need.
func ownOAuthConfig(cfg *oauth2.Config) *oauth2.Config {
	own := &oauth2.Config{ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Endpoint: cfg.Endpoint, RedirectURL: cfg.RedirectURL}
	if own.Endpoint.AuthStyle == oauth2.AuthStyleAutoDetect {
		own.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return own
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
// holds the store, and half a minute for the saver; a [Client] has its callers
// wait only as long as their contexts allow.
//
// Token has no context, so that it cannot tell where it is called: never call it
// in a [TokenStore], a token saver or a transport that this source uses. It
// would wait for itself.
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

// Close waits for a refresh that is under way, and saves a token that could not
// be saved before: call it before a program ends. Afterwards Token and the calls
// of clients use the current token while it is valid, and fail then; nothing is
// refreshed any more. The error is that of ctx, if it ends first, or a
// [*TokenError] of the last attempt to save.
func (s *TokenSource) Close(ctx context.Context) error {
	source, err := s.made()
	if err != nil {
		return err
	}
	return tokenError(source.Close(ctx))
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
