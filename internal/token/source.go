// Package token is the state machine of connix.TokenSource: which token calls
// use, when it is refreshed, and what becomes of a new one. One refresh at most
// is under way. It serves all who wait, and a new token is stored before it is
// used.
package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// Config is what a [Source] is made of.
type Config struct {
	// OAuth names the client and the token endpoint, with an AuthStyle.
	OAuth *oauth2.Config
	// Given is the token to begin with, nil for the store's.
	Given *oauth2.Token
	// Store keeps the token; nil for memory.
	Store Store
	// Saver is called with each new token, if Store is nil; it may be nil.
	Saver func(context.Context, *oauth2.Token) error
	// HTTPClient asks the token endpoint instead of the caller's, if not nil.
	HTTPClient *http.Client
}

// Source holds one login's token. It is safe for concurrent use.
type Source struct {
	cfg    *oauth2.Config
	store  Store
	keeper string // names the store or the saver in errors
	hc     *http.Client

	mu      sync.Mutex
	refresh *refresh      // under way; nil: none. Only it asks the server or the store
	current *oauth2.Token // the one that calls use; nil until the store was read
	given   *oauth2.Token // Config's, until it or the store's has proved good
	login   string        // the digest of Config's
	closed  bool
	pause   time.Time // no early refresh before
	outage  outage
	// rejected is the access token that the API has refused: valid by the clock,
	// and yet not to be used.
	rejected string
	// unsaved came from the server but could not be saved; the store held the
	// refresh token unsavedOver when it came.
	unsaved     *oauth2.Token
	unsavedOver string
	// dead has the refresh tokens that the server refused for good.
	dead map[string]*Error
}

// New returns a source. Nothing is sent or read before the first [Source.Get].
func New(cfg Config) *Source {
	s := &Source{cfg: cfg.OAuth, store: cfg.Store, given: cfg.Given, hc: cfg.HTTPClient, dead: map[string]*Error{}}
	if s.given != nil {
		s.login = digest(s.given)
	}
	s.keeper = "the token store of WithTokenStore"
	if s.store == nil {
		s.store = &memoryStore{token: s.given, saver: cfg.Saver}
		s.current, s.given = s.given, nil
		s.keeper = "the token saver of WithTokenSaver"
	}
	return s
}

// Get returns a usable token. If it has not long to live, the first caller to
// notice refreshes it and waits for that, so that no program ends in between;
// the others go on with the old token. A refresh uses hc (nil for net/http's
// default), which must not authenticate by this source. The result is shared:
// it must not be changed.
func (s *Source) Get(ctx context.Context, hc *http.Client) (*oauth2.Token, error) {
	if s.isInside(ctx) {
		return nil, &Error{Err: errInside}
	}
	s.mu.Lock()
	now := time.Now()
	if tok := s.current; s.usable(tok, now) {
		var r *refresh
		if due(tok, now) && s.mayRefreshEarly(tok, now) && ctx.Err() == nil {
			r = s.start(ctx, hc, early)
		}
		s.mu.Unlock()
		if r == nil {
			return tok, nil
		}
		return s.waitEarly(ctx, r, tok)
	}
	if tok := s.current; tok != nil && now.Before(s.pause) && Unsendable(tok) != "" {
		s.mu.Unlock()
		return nil, unsendable(tok) // another so soon would be as good
	}
	r, _, err := s.join(ctx, hc)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return r.wait(ctx)
}

// Replace returns another token than the one that the API has refused with a
// 401. If that is still the current one, it is refreshed, once for all who say
// so.
func (s *Source) Replace(ctx context.Context, hc *http.Client, refused string) (*oauth2.Token, error) {
	if s.isInside(ctx) {
		return nil, &Error{Err: errInside}
	}
	for {
		s.mu.Lock()
		if tok := s.current; tok != nil && tok.AccessToken == refused {
			s.rejected = refused
		} else if s.usable(tok, time.Now()) {
			s.mu.Unlock()
			return tok, nil
		}
		r, started, err := s.join(ctx, hc)
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		tok, err := r.wait(ctx)
		// A refresh that was under way may have settled on the refused token
		// before it was known to be.
		if err != nil || started || tok.AccessToken != refused {
			return tok, err
		}
	}
}

// Close ends all refreshing: it waits for the refresh under way, and saves a
// token that could not be saved before. Later calls of Get return the current
// token while it is usable.
func (s *Source) Close(ctx context.Context) error {
	if s.isInside(ctx) {
		return &Error{Err: errInside}
	}
	s.mu.Lock()
	s.closed = true
	r := s.refresh
	s.mu.Unlock()
	if r != nil {
		if err := ended(ctx, r.ended); err != nil {
			return err
		}
	}
	s.mu.Lock()
	r = s.refresh
	if r == nil && s.unsaved != nil {
		r = s.start(ctx, nil, closing)
	}
	s.mu.Unlock()
	if r == nil {
		return nil
	}
	if err := ended(ctx, r.ended); err != nil {
		return err
	}
	return r.err
}

func ended(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return waitError(ctx)
	}
}

// mayRefreshEarly reports whether a refresh of tok may begin at now. It is
// called with mu held.
func (s *Source) mayRefreshEarly(tok *oauth2.Token, now time.Time) bool {
	return tok.RefreshToken != "" && s.refresh == nil && !s.closed && !now.Before(s.pause) && s.outage.current(now) == nil
}

// join returns the refresh under way or starts one. It is called with mu held.
func (s *Source) join(ctx context.Context, hc *http.Client) (r *refresh, started bool, err error) {
	switch {
	case ctx.Err() != nil:
		return nil, false, waitError(ctx)
	case s.refresh != nil:
		return s.refresh, false, nil
	case s.closed:
		return nil, false, &Error{Err: errClosed}
	}
	return s.start(ctx, hc, onDemand), true, nil
}

// insideKey marks the context of what a source waits for.
type insideKey struct{ source *Source }

// isInside reports whether the source waits for the caller: to wait for the
// source in turn would take forever.
func (s *Source) isInside(ctx context.Context) bool { return ctx.Value(insideKey{s}) != nil }

// waitError is the error of a context that ended before there was a token.
func waitError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return fmt.Errorf("connix: waiting for an OAuth2 token: %w", cause)
	}
	return fmt.Errorf("connix: waiting for an OAuth2 token: %w (%w)", cause, err)
}
