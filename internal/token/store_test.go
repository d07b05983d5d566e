package token_test

import (
	"context"
	"errors"
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
	token := func(name string, left time.Duration) *oauth2.Token {
		tok := &oauth2.Token{AccessToken: name, RefreshToken: "refresh of " + name}
		if left != 0 {
			tok.Expiry = time.Now().Add(left)
		}
		return tok
	}
	tests := []struct {
		name          string
		given, stored *oauth2.Token
		want          string
		writes        []string
	}{
		{"only stored", nil, token("stored", time.Hour), "stored", nil},
		{"only given", token("given", time.Hour), nil, "given", []string{"given"}},
		{"a fresh login", token("given", time.Hour), token("stored", time.Minute), "given", []string{"given"}},
		{"the store was refreshed", token("given", time.Minute), token("stored", time.Hour), "stored", nil},
		{"a token from the configuration", token("given", 0), token("stored", time.Hour), "stored", nil},
		{"neither has an expiry", token("given", 0), token("stored", 0), "stored", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := newSharedStore(tt.stored)
			s := newSource(t, tt.given, withStore(store))
			want(t, s, newTokenServer(), tt.want)
			if !slices.Equal(store.writes, tt.writes) {
				t.Errorf("stored %q, want %q", store.writes, tt.writes)
			}
		})
	}
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
