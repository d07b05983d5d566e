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
	// earlyRetryPause is how long an early refresh that failed is not tried again.
	earlyRetryPause = 10 * time.Second
	// callMargin is the part of a call's time that the wait for an early refresh
	// leaves to the call.
	callMargin = 5 * time.Second
)

// mode is why a refresh is made.
type mode uint8

const (
	onDemand mode = iota // there is no usable token
	early                // the current token is still good
	closing              // an unsaved token is saved; nothing is asked for
)

// refresh is one that any number of calls wait for.
type refresh struct {
	source *Source
	mode   mode
	hc     *http.Client
	asked  bool        // the server was asked
	watch  *time.Timer // see expect

	done  chan struct{} // closed once the result is known
	ended chan struct{} // closed once nothing of it runs any more
	known bool          // done is closed; guarded by source.mu
	tok   *oauth2.Token // readable after done
	err   error
}

// Refresh describes a refresh that asked the token endpoint.
type Refresh struct {
	// Duration is that of the whole refresh, locks and saving included.
	Duration time.Duration
	// Early reports that the current token was still valid.
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

// start begins a refresh, with mu held. It outlives the call that starts it:
// others may wait for it, and a refresh cut short can lose a rotated token.
func (s *Source) start(ctx context.Context, hc *http.Client, mode mode) *refresh {
	if s.hc != nil {
		hc = s.hc
	}
	r := &refresh{source: s, mode: mode, hc: hc, done: make(chan struct{}), ended: make(chan struct{})}
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

// waitEarly waits for a refresh of old, which is still good: a failure, or too
// little time, harms nobody.
func (s *Source) waitEarly(ctx context.Context, r *refresh, old *oauth2.Token) (*oauth2.Token, error) {
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		limited, cancel := context.WithTimeout(ctx, left-min(left/2, callMargin))
		defer cancel()
		ctx = limited
	}
	tok, err := r.wait(ctx)
	if err == nil {
		return tok, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.usable(old, time.Now()) {
		return old, nil
	}
	return nil, err
}

// publish gives the waiters their result. Only the first has an effect.
func (r *refresh) publish(tok *oauth2.Token, err error) {
	r.source.mu.Lock()
	defer r.source.mu.Unlock()
	if r.known {
		return
	}
	r.known, r.tok, r.err = true, tok, err
	close(r.done)
}

// expect bounds the wait for a step that other code takes, which may not honour
// its context: the refresh goes on, but nobody waits for it any longer.
func (r *refresh) expect(step string, within time.Duration) {
	r.relax()
	r.watch = time.AfterFunc(within, func() {
		r.publish(nil, &Error{Err: fmt.Errorf("%s did not return within %s: %w", step, within, context.DeadlineExceeded)})
	})
}

func (r *refresh) relax() {
	if r.watch != nil {
		r.watch.Stop()
	}
}

// run makes the refresh r and ends it whatever happens: callers wait for it.
func (s *Source) run(ctx context.Context, r *refresh) {
	began := time.Now()
	var tok *oauth2.Token
	var err error = &Error{Err: errAborted}
	defer func() {
		if p := recover(); p != nil {
			tok, err = nil, &Error{Err: fmt.Errorf("the refresh panicked: %v", p)}
		}
		r.relax()
		s.mu.Lock()
		s.refresh = nil
		if err != nil {
			s.pause = time.Now().Add(earlyRetryPause)
		}
		s.mu.Unlock()
		r.publish(tok, err)
		close(r.ended)
	}()
	inside := context.WithValue(ctx, insideKey{s}, true)
	limited, cancel := context.WithTimeout(inside, lockTimeout)
	defer cancel()
	tok, err = s.obtain(limited, r)
	r.relax()
	if hook, ok := ctx.Value(hookKey{}).(func(context.Context, Refresh)); ok && hook != nil && r.asked {
		info := Refresh{Duration: time.Since(began), Early: r.mode == early, Err: err}
		if tok != nil {
			info.Expiry = tok.Expiry
		}
		if err != nil {
			ctx = inside // there is no token that a call of the hook's could use
		}
		known := tok
		r.watch = time.AfterFunc(saveTimeout, func() { r.publish(known, info.Err) })
		hook(ctx, info)
	}
}

// obtain finds a token that is good for r: the store's, if another process was
// faster, or the server's, saved.
func (s *Source) obtain(ctx context.Context, r *refresh) (*oauth2.Token, error) {
	r.expect(s.keeper, lockTimeout)
	if tok, err := s.look(ctx, r); tok != nil || err != nil {
		return tok, err
	}
	var found *oauth2.Token
	var refusal error
	kept, err := s.store.Update(ctx, func(ctx context.Context, stored *oauth2.Token) (*oauth2.Token, error) {
		defer r.expect(s.keeper, saveTimeout)
		found, refusal = s.find(ctx, stored, r)
		if found == nil || found == stored {
			return found, refusal
		}
		s.mu.Lock()
		s.unsaved, s.unsavedOver = found, refreshTokenOf(stored)
		s.mu.Unlock()
		return withExtra(Clone(found), loginExtra, s.loginOf(found)), nil
	})
	switch {
	case refusal != nil:
		return nil, refusal
	case err != nil:
		return nil, s.storeError(err)
	case isEmpty(kept):
		return nil, &Error{Err: errEmptyStore}
	case found != nil && kept.AccessToken == found.AccessToken && kept.RefreshToken == found.RefreshToken:
		kept = found // which has all of the server's fields
	}
	kept = Clone(kept)
	s.adopt(kept, r)
	if Unsendable(kept) != "" {
		// It is kept all the same, for the refresh token that came with it.
		return nil, unsendable(kept)
	}
	return kept, nil
}

// look reads the store without its lock, if that may be enough: most processes
// find a good token there, and during an outage there is nothing else to do.
func (s *Source) look(ctx context.Context, r *refresh) (*oauth2.Token, error) {
	s.mu.Lock()
	first := s.current == nil
	failure := s.outage.current(time.Now())
	unsaved := s.unsaved != nil
	s.mu.Unlock()
	if unsaved || !first && failure == nil {
		return nil, nil
	}
	stored, err := s.store.Load(ctx)
	if err != nil {
		return nil, s.storeError(err)
	}
	switch tok := s.best(stored); {
	case tok != nil && s.good(tok, r):
		if tok != stored {
			return nil, nil // it is to be stored
		}
		tok = Clone(tok)
		s.adopt(tok, r)
		return tok, nil
	case failure != nil:
		return nil, failure
	}
	return nil, nil
}

func (s *Source) storeError(err error) error { return &Error{Err: fmt.Errorf("%s: %w", s.keeper, err)} }

// find is the part of obtain under the store's lock. It returns stored itself
// if that will do.
func (s *Source) find(ctx context.Context, stored *oauth2.Token, r *refresh) (*oauth2.Token, error) {
	var failure error = &Error{Err: errNoRefreshToken, LoginRequired: true}
	for _, tok := range s.candidates(stored) {
		if r.mode == closing || s.good(tok, r) {
			return tok, nil
		}
		if tok.RefreshToken == "" {
			continue
		}
		s.mu.Lock()
		refusal, now := s.dead[tok.RefreshToken], time.Now()
		if refusal == nil {
			refusal = s.outage.current(now)
		}
		s.mu.Unlock()
		if refusal == nil {
			var fresh *oauth2.Token
			if fresh, refusal = s.ask(ctx, tok, r); refusal == nil {
				return fresh, nil
			}
		}
		failure = refusal
		if !refusal.LoginRequired {
			break
		}
	}
	return nil, failure
}

// ask asks the token endpoint for tok's successor, and remembers how that went.
func (s *Source) ask(ctx context.Context, tok *oauth2.Token, r *refresh) (*oauth2.Token, *Error) {
	// A moment longer than the request's own bound, which says more.
	r.expect("the transport to the token endpoint", requestTimeout+time.Second)
	r.asked = true
	fresh, failure := refreshed(ctx, s.cfg, r.hc, tok, s.loginOf(tok))
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case failure == nil:
		s.outage = outage{}
	case failure.LoginRequired:
		s.dead[tok.RefreshToken] = failure
	default:
		s.outage.begin(failure, time.Now())
	}
	return fresh, failure
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
