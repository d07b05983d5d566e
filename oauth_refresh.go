package connix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

const (
	// refreshTimeout bounds one request to the token endpoint.
	refreshTimeout = 30 * time.Second
	// lockTimeout bounds the wait for a store's lock: another process may be
	// asking the server meanwhile.
	lockTimeout = time.Minute
	// saveTimeout bounds a token saver.
	saveTimeout = 30 * time.Second
	// earlyRetryPause is how long a background refresh that failed is not tried again.
	earlyRetryPause = 10 * time.Second
)

// tokenState is what a TokenSource keeps. Only the flight, of which there is
// one at most, asks the server or the store.
type tokenState struct {
	cfg   *oauth2.Config
	store TokenStore

	mu      sync.Mutex
	flight  *flight
	current *oauth2.Token // what calls use; nil until the store was read
	given   *oauth2.Token // NewTokenSource's, until it or the store's has proved good
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

// flight is one refresh that any number of calls wait for.
type flight struct {
	early bool
	hc    *http.Client
	asked bool // the server was asked
	done  chan struct{}
	tok   *oauth2.Token // readable after done
	err   error
}

// get returns a usable token and, where it has not long to live, starts its
// refresh in the background.
func (st *tokenState) get(ctx context.Context, hc *http.Client) (*oauth2.Token, error) {
	st.mu.Lock()
	now := time.Now()
	if tok := st.current; st.usable(tok, now) {
		if due(tok, now) && tok.RefreshToken != "" && st.flight == nil && !now.Before(st.pause) {
			st.start(ctx, hc, true)
		}
		st.mu.Unlock()
		return tok, nil
	}
	if tok := st.current; tok != nil && now.Before(st.pause) && keyIssue(tok.AccessToken) != "" {
		st.mu.Unlock()
		return nil, unsendable(tok) // another so soon would be as good
	}
	f, _, err := st.join(ctx, hc)
	st.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return f.wait(ctx)
}

// unsendable is the error of a token that no header can carry.
func unsendable(tok *oauth2.Token) error {
	return &TokenError{Err: errors.New("the access token " + keyIssue(tok.AccessToken))}
}

// replace returns another token than the refused one.
func (st *tokenState) replace(ctx context.Context, hc *http.Client, refused string) (*oauth2.Token, error) {
	for {
		st.mu.Lock()
		if tok := st.current; tok != nil && tok.AccessToken == refused {
			st.rejected = refused
		} else if st.usable(tok, time.Now()) {
			st.mu.Unlock()
			return tok, nil
		}
		f, started, err := st.join(ctx, hc)
		st.mu.Unlock()
		if err != nil {
			return nil, err
		}
		tok, err := f.wait(ctx)
		// A flight that was under way may have settled on the refused token
		// before it was known to be.
		if err != nil || started || tok.AccessToken != refused {
			return tok, err
		}
	}
}

// join returns the flight under way or starts one. It is called with mu held.
func (st *tokenState) join(ctx context.Context, hc *http.Client) (f *flight, started bool, err error) {
	if ctx.Err() != nil {
		return nil, false, waitError(ctx)
	}
	if st.flight != nil {
		return st.flight, false, nil
	}
	return st.start(ctx, hc, false), true, nil
}

// start begins a flight, with mu held. It outlives the call that starts it:
// others may wait for it, and a refresh cut short can lose a rotated token.
func (st *tokenState) start(ctx context.Context, hc *http.Client, early bool) *flight {
	f := &flight{early: early, hc: hc, done: make(chan struct{})}
	st.flight = f
	go st.fly(untraced{context.WithoutCancel(ctx)}, f)
	return f
}

// wait returns the flight's result, or gives up when ctx ends.
func (f *flight) wait(ctx context.Context) (*oauth2.Token, error) {
	select {
	case <-f.done:
		return f.tok, f.err
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

// fly runs the flight f and lands it whatever happens: callers wait for it.
func (st *tokenState) fly(ctx context.Context, f *flight) {
	begin := time.Now()
	f.err = &TokenError{Err: errAborted}
	defer func() {
		if p := recover(); p != nil {
			f.tok, f.err = nil, &TokenError{Err: fmt.Errorf("the refresh panicked: %v", p)}
		}
		st.mu.Lock()
		st.flight = nil
		if f.err != nil {
			st.pause = time.Now().Add(earlyRetryPause)
		}
		st.mu.Unlock()
		close(f.done)
	}()
	limited, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	f.tok, f.err = st.renew(limited, f)
	if hook, ok := ctx.Value(refreshHookKey{}).(func(context.Context, tokenRefresh)); ok && hook != nil && f.asked {
		info := tokenRefresh{Duration: time.Since(begin), Early: f.early, Err: f.err}
		if f.tok != nil {
			info.Expiry = f.tok.Expiry
		}
		hook(ctx, info)
	}
}

// renew finds a token that is good for f: the store's, where another process
// was faster, or the server's, saved.
func (st *tokenState) renew(ctx context.Context, f *flight) (*oauth2.Token, error) {
	st.mu.Lock()
	first := st.current == nil && st.unsaved == nil
	st.mu.Unlock()
	if first {
		// Most processes find a good token: reading it needs no lock.
		stored, err := st.store.Load(ctx)
		if err != nil {
			return nil, &TokenError{Err: fmt.Errorf("the token store: %w", err)}
		}
		if tok := st.best(stored); tok != nil && tok == stored && st.good(tok, f) {
			tok = cloneToken(tok)
			st.adopt(tok, f)
			return tok, nil
		}
	}
	var found *oauth2.Token
	var refusal error
	kept, err := st.store.Update(ctx, func(ctx context.Context, stored *oauth2.Token) (*oauth2.Token, error) {
		found, refusal = st.find(ctx, stored, f)
		if found == nil || found == stored {
			return found, refusal
		}
		st.mu.Lock()
		st.unsaved, st.unsavedOver = found, refreshTokenOf(stored)
		st.mu.Unlock()
		return cloneToken(found), nil
	})
	switch {
	case refusal != nil:
		return nil, refusal
	case err != nil:
		return nil, &TokenError{Err: fmt.Errorf("the token store: %w", err)}
	case kept == nil || kept.AccessToken == "":
		return nil, &TokenError{Err: errEmptyStore}
	}
	kept = cloneToken(kept)
	st.adopt(kept, f)
	if keyIssue(kept.AccessToken) != "" {
		// It is kept all the same, for the refresh token that came with it.
		return nil, unsendable(kept)
	}
	return kept, nil
}

// find is the part of renew under the store's lock. It returns stored itself
// where that will do.
func (st *tokenState) find(ctx context.Context, stored *oauth2.Token, f *flight) (*oauth2.Token, error) {
	var failure error = &TokenError{Err: errNoRefreshToken}
	for _, tok := range st.candidates(stored) {
		if st.good(tok, f) {
			return tok, nil
		}
		if tok.RefreshToken == "" {
			continue
		}
		st.mu.Lock()
		refusal := st.dead[tok.RefreshToken]
		st.mu.Unlock()
		if refusal != nil {
			failure = refusal
			continue
		}
		f.asked = true
		fresh, err := st.request(ctx, f.hc, tok)
		if err == nil {
			return fresh, nil
		}
		failure = err
		if !err.final() {
			break
		}
		st.mu.Lock()
		st.dead[tok.RefreshToken] = err
		st.mu.Unlock()
	}
	return nil, failure
}

// candidates are the tokens to use or to refresh, the first to be preferred.
func (st *tokenState) candidates(stored *oauth2.Token) []*oauth2.Token {
	var list []*oauth2.Token
	best := st.best(stored)
	if best != nil {
		list = append(list, best)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	// The store's token may be the leftover of a login that ended, and the given
	// one of the login after it.
	if st.given != nil && best != st.given && refreshTokenOf(best) != st.given.RefreshToken {
		list = append(list, st.given)
	}
	return list
}

// best chooses between the store's token and the ones in memory, and returns
// nil where there is none at all.
func (st *tokenState) best(stored *oauth2.Token) *oauth2.Token {
	st.mu.Lock()
	defer st.mu.Unlock()
	switch mine := st.unsaved; {
	case mine == nil:
	case stored == nil, stored.RefreshToken == st.unsavedOver, mine.Expiry.After(stored.Expiry):
		return mine
	}
	switch {
	case stored == nil && st.current != nil:
		return st.current
	case st.given != nil && (stored == nil || st.given.Expiry.After(stored.Expiry)):
		return st.given
	}
	return stored
}

// adopt makes tok the one that calls use.
func (st *tokenState) adopt(tok *oauth2.Token, f *flight) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.current, st.unsaved, st.unsavedOver = tok, nil, ""
	if f.asked || tok.AccessToken != st.rejected {
		st.rejected = ""
	}
	if f.asked || st.given != nil && tok.AccessToken == st.given.AccessToken {
		st.given = nil
	}
}

// good reports whether tok spares the flight a request.
func (st *tokenState) good(tok *oauth2.Token, f *flight) bool {
	now := time.Now()
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.usable(tok, now) && (!f.early || !due(tok, now))
}

// usable reports whether calls may use tok at now. It is called with mu held.
func (st *tokenState) usable(tok *oauth2.Token, now time.Time) bool {
	return tok != nil && keyIssue(tok.AccessToken) == "" && tok.AccessToken != st.rejected && !expiresWithin(tok, earlyRefresh(tok)/6, now)
}

// due reports whether tok should be refreshed while it is still usable.
func due(tok *oauth2.Token, now time.Time) bool { return expiresWithin(tok, earlyRefresh(tok), now) }

// earlyRefresh is how long before its expiry tok is refreshed: a minute, or a
// tenth of its life where that is shorter. The last sixth of that time it is
// not used any more, since a request takes time to arrive.
func earlyRefresh(tok *oauth2.Token) time.Duration {
	if life := time.Duration(tok.ExpiresIn) * time.Second; life > 0 {
		return min(time.Minute, life/10)
	}
	return time.Minute
}

func expiresWithin(tok *oauth2.Token, d time.Duration, now time.Time) bool {
	// Round strips the monotonic reading, which stands still while a computer sleeps.
	return !tok.Expiry.IsZero() && now.Round(0).Add(d).After(tok.Expiry.Round(0))
}

func refreshTokenOf(t *oauth2.Token) string {
	if t == nil {
		return ""
	}
	return t.RefreshToken
}

// memoryStore is the store of a source that was given none.
type memoryStore struct {
	token *oauth2.Token
	saver func(context.Context, *oauth2.Token) error
}

func (m *memoryStore) Load(context.Context) (*oauth2.Token, error) { return m.token, nil }

func (m *memoryStore) Update(ctx context.Context, fn func(context.Context, *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error) {
	tok, err := fn(ctx, m.token)
	if err != nil || tok == m.token {
		return tok, err
	}
	if m.saver != nil {
		// The request may have used up the time, and a token must not be lost to that.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
		defer cancel()
		if err := m.saver(ctx, cloneToken(tok)); err != nil {
			return nil, fmt.Errorf("saving the new token: %w", err)
		}
	}
	m.token = tok
	return tok, nil
}

// untraced hides a caller's httptrace: it is about the caller's request, and a
// refresh is another, which may outlive it.
type untraced struct{ context.Context }

func (c untraced) Value(key any) any {
	v := c.Context.Value(key)
	if _, ok := v.(*httptrace.ClientTrace); ok {
		return nil
	}
	if t := reflect.TypeOf(key); t != nil && t.PkgPath() == "internal/nettrace" { // its DNS and dial hooks, which package net calls
		return nil
	}
	return v
}
