package token_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/token"
	"golang.org/x/oauth2"
)

func TestSource_losesNoTokenThatCannotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		var saved []string
		failures := 2
		s := newSource(t, tokenIn(-time.Hour), withSaver(func(_ context.Context, tok *oauth2.Token) error {
			if failures > 0 {
				failures--
				return errDisk
			}
			saved = append(saved, tok.RefreshToken)
			tok.RefreshToken = "changed by the saver"
			return nil
		}))
		for range 2 {
			if err := wantError(t, s, srv); !errors.Is(err, errDisk) || err.Temporary() {
				t.Fatalf("got %v, want the saver's error", err)
			}
		}
		want(t, s, srv, "access-1")
		if n := srv.requests(); n != 1 {
			t.Errorf("%d token requests, want 1: the token was in hand", n)
		}
		time.Sleep(2 * time.Hour)
		want(t, s, srv, "access-2")
		if expect := []string{"refresh-1", "refresh-2"}; !slices.Equal(saved, expect) {
			t.Errorf("saved %q, want %q", saved, expect)
		}
	})
}

func TestSource_refreshesAnUnsavedTokenThatExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		store := newSharedStore(tokenIn(-time.Hour))
		store.failures = 2
		s := newSource(t, nil, withStore(store))
		_ = wantError(t, s, srv)
		time.Sleep(2 * time.Hour) // access-1 expires unsaved
		_ = wantError(t, s, srv)
		time.Sleep(2 * time.Hour) // so does access-2
		want(t, s, srv, "access-3")
		if !slices.Equal(store.writes, []string{"access-3"}) {
			t.Errorf("stored %q", store.writes)
		}
	})
}

func TestSource_usesTheOldTokenWhileTheNewCannotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		store := newSharedStore(tokenIn(45 * time.Second))
		store.failures = 1
		s := newSource(t, nil, withStore(store))
		want(t, s, srv, "access-0")
		want(t, s, srv, "access-0")
		synctest.Wait()
		want(t, s, srv, "access-0")
		time.Sleep(40 * time.Second)
		want(t, s, srv, "access-1")
		if n := srv.requests(); n != 1 || !slices.Equal(store.writes, []string{"access-1"}) {
			t.Errorf("%d token requests, stored %q", n, store.writes)
		}
	})
}

func TestSource_shareAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = time.Second
		store := newSharedStore(tokenIn(-time.Minute))
		var sources []*token.Source
		for range 8 {
			sources = append(sources, newSource(t, nil, withStore(store)))
		}
		for round := range 4 {
			var wg sync.WaitGroup
			for _, s := range sources {
				for range 4 {
					wg.Go(func() { want(t, s, srv, []string{"access-1", "access-2", "access-3", "access-4"}[round]) })
				}
			}
			wg.Wait()
			if n := srv.requests(); n != round+1 {
				t.Fatalf("%d token requests in round %d", n, round)
			}
			time.Sleep(time.Hour)
		}
	})
}

func TestSource_takesAnotherProcessesTokenAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		store := newSharedStore(tokenIn(time.Hour))
		a, b := newSource(t, nil, withStore(store)), newSource(t, nil, withStore(store))
		want(t, a, srv, "access-0")
		want(t, b, srv, "access-0")
		for _, s := range []*token.Source{a, b} {
			tok, err := s.Replace(t.Context(), srv.client(), "access-0")
			if err != nil || tok.AccessToken != "access-1" {
				t.Errorf("got %v, %v", tok, err)
			}
		}
		if n := srv.requests(); n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
	})
}

func TestSource_choosesBetweenGivenAndStored(t *testing.T) {
	named := func(name string, left time.Duration) *oauth2.Token {
		tok := &oauth2.Token{AccessToken: name, RefreshToken: "refresh of " + name}
		if left != 0 {
			tok.Expiry = time.Now().Add(left)
		}
		return tok
	}
	const never = 0
	// kept is a token as a store of encoded text returns it: of a login that began
	// with another, if that is not nil.
	kept := func(tok, beganWith *oauth2.Token) *oauth2.Token {
		if beganWith == nil {
			beganWith = tok
		}
		data, err := token.Encode(beganWith)
		if err != nil {
			t.Fatal(err)
		}
		return tok.WithExtra(map[string]any{"connix_login": token.Decode(data).Extra("connix_login")})
	}
	given := named("given", time.Minute*2)
	tests := []struct {
		name          string
		given, stored *oauth2.Token
		want          string
		writes        []string
	}{
		{"only stored", nil, named("stored", time.Hour), "stored", nil},
		{"only given", named("given", time.Hour), nil, "given", []string{"given"}},
		{"only given, expired", named("given", -time.Hour), nil, "access-1", []string{"access-1"}},
		{"a fresh login", named("given", time.Hour), named("stored", 10*time.Minute), "given", []string{"given"}},
		{"the store was refreshed", named("given", 10*time.Minute), named("stored", time.Hour), "stored", nil},
		{"a token from the configuration", named("given", never), named("stored", time.Hour), "stored", nil},
		{"the stored one never expires", named("given", time.Hour), named("stored", never), "stored", nil},
		{"the given one expired, the stored never does", named("given", -24*time.Hour), named("stored", never), "stored", nil},
		{"neither has an expiry", named("given", never), named("stored", never), "stored", nil},
		{"the same", named("stored", time.Hour), named("stored", time.Hour), "stored", nil},

		{"its successor", given, kept(named("stored", 10*time.Minute), given), "stored", nil},
		{"its successor, which expires earlier", named("given", time.Hour), kept(named("stored", 10*time.Minute), named("given", time.Hour)), "stored", nil},
		{"a second account", named("given", 10*time.Minute), kept(named("stored", time.Hour), nil), "given", []string{"given"}},
		{"a second account that never expires", named("given", never), kept(named("stored", time.Hour), nil), "given", []string{"given"}},
		{"a second account beside one that never expires", named("given", time.Hour), kept(named("stored", never), nil), "given", []string{"given"}},
		{"expired, of another account", named("given", -time.Hour), kept(named("stored", time.Hour), nil), "stored", nil},
		{"loaded before it was refreshed elsewhere", kept(named("given", time.Hour), named("first", never)), kept(named("stored", 10*time.Minute), named("first", never)), "stored", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := newTokenServer()
			srv.valid = "refresh of given"
			store := newSharedStore(tt.stored)
			want(t, newSource(t, tt.given, withStore(store)), srv, tt.want)
			if !slices.Equal(store.writes, tt.writes) {
				t.Errorf("stored %q, want %q", store.writes, tt.writes)
			}
		})
	}
}

// A program that passes the token of its configuration at each start: its
// successors are known by the digest, so that the spent one is never sent.
func TestSource_configuredTokenAtEachStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		store := &textStore{}
		configured := func() *oauth2.Token { return &oauth2.Token{RefreshToken: "refresh-0"} }
		for i := range 5 {
			want(t, newSource(t, configured(), withStore(store)), srv, fmt.Sprintf("access-%d", i+1))
			time.Sleep(2 * time.Hour)
		}
		if srv.revoked {
			t.Error("a spent refresh token was sent")
		}
		// Even once the login has ended.
		srv.revoked = true
		s := newSource(t, configured(), withStore(store))
		if err := wantError(t, s, srv); !err.LoginRequired {
			t.Errorf("got %v, want LoginRequired", err)
		}
		if form := srv.forms[len(srv.forms)-1]; form.Get("refresh_token") == "refresh-0" || srv.requests() != 6 {
			t.Errorf("sent %s in request %d", form.Get("refresh_token"), srv.requests())
		}
	})
}

// textStore keeps the encoded token, as a file does.
type textStore struct{ text []byte }

func (s *textStore) Load(context.Context) (*oauth2.Token, error) {
	if s.text == nil {
		return nil, nil
	}
	return token.Decode(s.text), nil
}

func (s *textStore) Update(ctx context.Context, fn func(context.Context, *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error) {
	stored, _ := s.Load(ctx)
	tok, err := fn(ctx, stored)
	if err == nil && tok != stored {
		s.text, err = token.Encode(tok)
	}
	return tok, err
}

func TestSource_comesBackAfterALoginElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.revoked = true
		store := newSharedStore(tokenIn(-time.Hour))
		s := newSource(t, nil, withStore(store))
		for range 3 {
			if err := wantError(t, s, srv); !needsLogin(err) {
				t.Fatalf("got %v, want LoginRequired", err)
			}
		}
		if n := srv.requests(); n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
		login := &oauth2.Token{AccessToken: "new-login", RefreshToken: "refresh of it", Expiry: time.Now().Add(time.Hour)}
		if _, err := store.Update(t.Context(), func(context.Context, *oauth2.Token) (*oauth2.Token, error) { return login, nil }); err != nil {
			t.Fatal(err)
		}
		want(t, s, srv, "new-login")
	})
}

func TestSource_triesTheGivenTokenWhereTheStoredIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.next(returning(400, `{"error":"invalid_grant"}`))
		dead := &oauth2.Token{AccessToken: "old", RefreshToken: "refresh of old", Expiry: time.Now().Add(-time.Minute)}
		given := tokenIn(0)
		given.AccessToken, given.Expiry = "", time.Time{} // as a configuration has it: a refresh token alone
		store := newSharedStore(dead)
		s := newSource(t, given, withStore(store))
		want(t, s, srv, "access-1")
		if !slices.Equal(store.writes, []string{"access-1"}) {
			t.Errorf("stored %q", store.writes)
		}
	})
}

func TestSource_restoresAnEmptiedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		store := newSharedStore(tokenIn(time.Hour))
		s := newSource(t, nil, withStore(store))
		want(t, s, srv, "access-0")
		store.token = nil
		time.Sleep(2 * time.Hour)
		want(t, s, srv, "access-1")
		if !slices.Equal(store.writes, []string{"access-1"}) {
			t.Errorf("stored %q", store.writes)
		}
	})
}

func TestSource_withAnEmptyStoreNeedsALogin(t *testing.T) {
	s := newSource(t, nil, withStore(newSharedStore(nil)))
	if err := wantError(t, s, newTokenServer()); !needsLogin(err) {
		t.Errorf("got %v, want LoginRequired", err)
	}
}

// brokenStore cannot be read.
type brokenStore struct{}

func (brokenStore) Load(context.Context) (*oauth2.Token, error) { return nil, errDisk }

func (brokenStore) Update(context.Context, func(context.Context, *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error) {
	return nil, errDisk
}

func TestSource_reportsABrokenStore(t *testing.T) {
	s := newSource(t, nil, withStore(brokenStore{}))
	if err := wantError(t, s, newTokenServer()); !errors.Is(err, errDisk) || needsLogin(err) {
		t.Errorf("got %v, want the store's error", err)
	}
}

func TestSource_keepsAnUnsavedTokenWithoutExpiry(t *testing.T) {
	srv := newTokenServer()
	srv.next(returning(200, `{"access_token":"for-ever","refresh_token":"refresh-1"}`))
	store := newSharedStore(tokenIn(-time.Hour))
	store.failures = 1
	s := newSource(t, nil, withStore(store))
	_ = wantError(t, s, srv)
	want(t, s, srv, "for-ever")
	if n := srv.requests(); n != 1 || !slices.Equal(store.writes, []string{"for-ever"}) {
		t.Errorf("%d token requests, stored %q", n, store.writes)
	}
}

// hold takes the store's lock for a while, as another process does.
func (s *sharedStore) hold(d time.Duration) {
	s.lock <- struct{}{}
	time.AfterFunc(d, func() { <-s.lock })
}

func TestSource_waitsForTheStoreThoughItsStarterLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		store := newSharedStore(tokenIn(-time.Hour))
		store.hold(5 * time.Second)
		s := newSource(t, nil, withStore(store))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Get(ctx, srv.client()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the starter got %v, want its deadline", err)
			}
		})
		synctest.Wait()
		want(t, s, srv, "access-1")
		wg.Wait()
	})
}

func TestSource_readsAResponseThoughTheLockTookLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = 20 * time.Second
		store := newSharedStore(tokenIn(-time.Hour))
		store.hold(50 * time.Second)
		s := newSource(t, nil, withStore(store))
		want(t, s, srv, "access-1")
		if !slices.Equal(store.writes, []string{"access-1"}) {
			t.Errorf("stored %q", store.writes)
		}
	})
}

func TestSource_givesUpOnALockedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		store := newSharedStore(tokenIn(-time.Hour))
		store.hold(time.Hour)
		s := newSource(t, nil, withStore(store))
		begin := time.Now()
		if err := wantError(t, s, srv); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("got %v after %s", err, time.Since(begin))
		}
		time.Sleep(time.Hour)
		want(t, s, srv, "access-1")
	})
}

// slowStore takes a second to load.
type slowStore struct{ *sharedStore }

func (s slowStore) Load(ctx context.Context) (*oauth2.Token, error) {
	time.Sleep(time.Second)
	return s.sharedStore.Load(ctx)
}

func TestSource_refusedWhileItIsBeingLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		s := newSource(t, nil, withStore(slowStore{newSharedStore(tokenIn(time.Hour))}))
		go want(t, s, srv, "access-0")
		synctest.Wait()
		tok, err := s.Replace(t.Context(), srv.client(), "access-0")
		if err != nil || tok.AccessToken != "access-1" {
			t.Errorf("got %v, %v", tok, err)
		}
	})
}
