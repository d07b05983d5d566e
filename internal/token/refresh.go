package token

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"time"

	"golang.org/x/oauth2"
)

const (
	// lockTimeout bounds the wait for a store's lock: another process may be
	// asking the server meanwhile.
	lockTimeout = time.Minute
	// earlyRetryPause is how long a background refresh that failed is not tried again.
	earlyRetryPause = 10 * time.Second
)

// refresh is one that any number of calls wait for.
type refresh struct {
	early bool
	hc    *http.Client
	asked bool // the server was asked
	done  chan struct{}
	tok   *oauth2.Token // readable after done
	err   error
}

// Refresh describes a refresh that asked the token endpoint.
type Refresh struct {
	// Duration is that of the whole refresh, locks and saving included.
	Duration time.Duration
	// Early reports a background refresh: the current token was still valid.
	Early bool
	// Expiry is that of the new token, zero if there is none.
	Expiry time.Time
	// Err is nil if the new token is in use.
	Err error
}

type hookKey struct{}

// WithHook has hook called, synchronously and before anybody gets the new
// token, at the end of each refresh that a call under this context starts. Only
// the client that started the refresh is notified.
func WithHook(ctx context.Context, hook func(context.Context, Refresh)) context.Context {
	return context.WithValue(ctx, hookKey{}, hook)
}

// run makes the refresh r and ends it whatever happens: callers wait for it.
func (s *Source) run(ctx context.Context, r *refresh) {
	began := time.Now()
	r.err = &Error{Err: errAborted}
	defer func() {
		if p := recover(); p != nil {
			r.tok, r.err = nil, &Error{Err: fmt.Errorf("the refresh panicked: %v", p)}
		}
		s.mu.Lock()
		s.refresh = nil
		if r.err != nil {
			s.pause = time.Now().Add(earlyRetryPause)
		}
		s.mu.Unlock()
		close(r.done)
	}()
	limited, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	r.tok, r.err = s.obtain(limited, r)
	if hook, ok := ctx.Value(hookKey{}).(func(context.Context, Refresh)); ok && hook != nil && r.asked {
		info := Refresh{Duration: time.Since(began), Early: r.early, Err: r.err}
		if r.tok != nil {
			info.Expiry = r.tok.Expiry
		}
		hook(ctx, info)
	}
}

// obtain finds a token that is good for r: the store's, if another process was
// faster, or the server's, saved.
func (s *Source) obtain(ctx context.Context, r *refresh) (*oauth2.Token, error) {
	s.mu.Lock()
	first := s.current == nil && s.unsaved == nil
	s.mu.Unlock()
	if first {
		// Most processes find a good token: reading it needs no lock.
		stored, err := s.store.Load(ctx)
		if err != nil {
			return nil, storeError(err)
		}
		if tok := s.best(stored); tok != nil && tok == stored && s.good(tok, r) {
			tok = Clone(tok)
			s.adopt(tok, r)
			return tok, nil
		}
	}
	var found *oauth2.Token
	var refusal error
	kept, err := s.store.Update(ctx, func(ctx context.Context, stored *oauth2.Token) (*oauth2.Token, error) {
		found, refusal = s.find(ctx, stored, r)
		if found == nil || found == stored {
			return found, refusal
		}
		s.mu.Lock()
		s.unsaved, s.unsavedOver = found, refreshTokenOf(stored)
		s.mu.Unlock()
		return Clone(found), nil
	})
	switch {
	case refusal != nil:
		return nil, refusal
	case err != nil:
		return nil, storeError(err)
	case kept == nil || kept.AccessToken == "":
		return nil, &Error{Err: errEmptyStore}
	}
	kept = Clone(kept)
	s.adopt(kept, r)
	if Issue(kept.AccessToken) != "" {
		// It is kept all the same, for the refresh token that came with it.
		return nil, unsendable(kept.AccessToken)
	}
	return kept, nil
}

func storeError(err error) error { return &Error{Err: fmt.Errorf("the token store: %w", err)} }

// find is the part of obtain under the store's lock. It returns stored itself
// if that will do.
func (s *Source) find(ctx context.Context, stored *oauth2.Token, r *refresh) (*oauth2.Token, error) {
	var failure error = &Error{Err: errNoRefreshToken, LoginRequired: true}
	for _, tok := range s.candidates(stored) {
		if s.good(tok, r) {
			return tok, nil
		}
		if tok.RefreshToken == "" {
			continue
		}
		s.mu.Lock()
		refusal := s.dead[tok.RefreshToken]
		s.mu.Unlock()
		if refusal != nil {
			failure = refusal
			continue
		}
		r.asked = true
		fresh, err := s.request(ctx, r.hc, tok)
		if err == nil {
			return fresh, nil
		}
		failure = err
		if !err.LoginRequired {
			break
		}
		s.mu.Lock()
		s.dead[tok.RefreshToken] = err
		s.mu.Unlock()
	}
	return nil, failure
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
