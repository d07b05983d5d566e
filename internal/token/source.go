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
}

// Source holds one login's token. It is safe for concurrent use.
type Source struct {
	cfg   *oauth2.Config
	store Store

	mu      sync.Mutex
	refresh *refresh      // under way; nil: none. Only it asks the server or the store
	current *oauth2.Token // the one that calls use; nil until the store was read
	given   *oauth2.Token // Config's, until it or the store's has proved good
	pause   time.Time     // no background refresh before
	// rejected is the access token that the API has refused: valid by the clock,
	// and yet not to be used.
	rejected string
	// unsaved came from the server but could not be saved; the store held the
	// refresh token unsavedOver when it came.
	unsaved     *oauth2.Token
	unsavedOver string
	// dead has the refresh tokens that the server refused for good.
	dead map[string]error
}

// New returns a source. Nothing is sent or read before the first [Source.Get].
func New(cfg Config) *Source {
	s := &Source{cfg: cfg.OAuth, store: cfg.Store, given: cfg.Given, dead: map[string]error{}}
	if s.store == nil {
		s.store = &memoryStore{token: s.given, saver: cfg.Saver}
		s.current, s.given = s.given, nil
	}
	return s
}

// Get returns a usable token and, if it has not long to live, starts its
// refresh in the background. A refresh uses hc (nil for net/http's default),
// which must not authenticate by this source. The result is shared: it must not
// be changed.
func (s *Source) Get(ctx context.Context, hc *http.Client) (*oauth2.Token, error) {
	s.mu.Lock()
	now := time.Now()
	if tok := s.current; s.usable(tok, now) {
		if due(tok, now) && tok.RefreshToken != "" && s.refresh == nil && !now.Before(s.pause) {
			s.start(ctx, hc, true)
		}
		s.mu.Unlock()
		return tok, nil
	}
	if tok := s.current; tok != nil && now.Before(s.pause) && Issue(tok.AccessToken) != "" {
		s.mu.Unlock()
		return nil, unsendable(tok.AccessToken) // another so soon would be as good
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

// join returns the refresh under way or starts one. It is called with mu held.
func (s *Source) join(ctx context.Context, hc *http.Client) (r *refresh, started bool, err error) {
	if ctx.Err() != nil {
		return nil, false, waitError(ctx)
	}
	if s.refresh != nil {
		return s.refresh, false, nil
	}
	return s.start(ctx, hc, false), true, nil
}

// start begins a refresh, with mu held. It outlives the call that starts it:
// others may wait for it, and a refresh cut short can lose a rotated token.
func (s *Source) start(ctx context.Context, hc *http.Client, early bool) *refresh {
	r := &refresh{early: early, hc: hc, done: make(chan struct{})}
	s.refresh = r
	go s.run(untraced{context.WithoutCancel(ctx)}, r)
	return r
}

// wait returns the refresh's result, or gives up when ctx ends.
func (r *refresh) wait(ctx context.Context) (*oauth2.Token, error) {
	select {
	case <-r.done:
		return r.tok, r.err
	case <-ctx.Done():
		return nil, waitError(ctx)
	}
}

func waitError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return fmt.Errorf("connix: waiting for an OAuth2 token: %w", cause)
	}
	return fmt.Errorf("connix: waiting for an OAuth2 token: %w (%w)", cause, err)
}
