package token_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/token"
	"golang.org/x/oauth2"
)

func TestSourceClose_waitsForARefreshThatItsCallLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = 10 * time.Second
		store := newSharedStore(tokenIn(-time.Hour))
		s := newSource(t, nil, withStore(store))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Get(ctx, srv.client()); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close under a short context: %v", err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if len(store.writes) != 1 || store.writes[0] != "access-1" {
			t.Errorf("stored %q when Close returned", store.writes)
		}
		want(t, s, srv, "access-1")
	})
}

func TestSourceClose_endsRefreshing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		s := newSource(t, tokenIn(30*time.Second))
		for range 2 {
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		want(t, s, srv, "access-0") // though a refresh is due
		if _, err := s.Replace(t.Context(), srv.client(), "access-0"); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("after a 401: %v", err)
		}
		time.Sleep(time.Minute)
		if err := wantError(t, s, srv); !strings.Contains(err.Err.Error(), "closed") || err.LoginRequired || err.Temporary() {
			t.Errorf("got %v", err)
		}
		if n := srv.requests(); n != 0 {
			t.Errorf("%d token requests after Close", n)
		}
	})
}

func TestSourceClose_savesWhatCouldNotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		store := newSharedStore(tokenIn(-time.Hour))
		store.failures = 2
		s := newSource(t, nil, withStore(store))
		_ = wantError(t, s, srv)
		time.Sleep(2 * time.Hour) // the unsaved one expires
		if err := s.Close(t.Context()); !errors.Is(err, errDisk) {
			t.Errorf("Close while the disk is full: %v", err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if n := srv.requests(); n != 1 || len(store.writes) != 1 || store.writes[0] != "access-1" {
			t.Errorf("%d token requests, stored %q", n, store.writes)
		}
	})
}

// Code that the source waits for is told that it must not wait for the source.
func TestSource_askedByWhatItWaitsFor(t *testing.T) {
	ask := func(s **token.Source, errs *[]error) func(context.Context) {
		return func(ctx context.Context) {
			_, get := (*s).Get(ctx, nil)
			_, replace := (*s).Replace(ctx, nil, "access-0")
			*errs = append(*errs, get, replace, (*s).Close(ctx))
		}
	}
	tests := map[string]func(*tokenServer, func(context.Context)) option{
		"saver": func(_ *tokenServer, ask func(context.Context)) option {
			return withSaver(func(ctx context.Context, _ *oauth2.Token) error { ask(ctx); return nil })
		},
		"store": func(_ *tokenServer, ask func(context.Context)) option {
			return withStore(askingStore{newSharedStore(tokenIn(-time.Hour)), ask})
		},
		"transport": func(srv *tokenServer, ask func(context.Context)) option {
			srv.next(func(req *http.Request) (*http.Response, error) {
				ask(req.Context())
				return returning(200, `{"access_token":"access-1"}`)(req)
			})
			return func(*token.Config) {}
		},
	}
	for name, opt := range tests {
		bubble(t, name, func(t *testing.T) {
			srv := newTokenServer()
			var s *token.Source
			var errs []error
			s = newSource(t, tokenIn(-time.Hour), opt(srv, ask(&s, &errs)))
			want(t, s, srv, "access-1")
			if len(errs) == 0 {
				t.Fatal("nobody asked")
			}
			for _, err := range errs {
				if err == nil || !strings.Contains(err.Error(), "waits for it") {
					t.Errorf("got %v, want an error that says so", err)
				}
			}
		})
	}
}

type askingStore struct {
	*sharedStore
	ask func(context.Context)
}

func (s askingStore) Load(ctx context.Context) (*oauth2.Token, error) {
	s.ask(ctx)
	return s.sharedStore.Load(ctx)
}

// The hook of a refresh that succeeded may use the token.
func TestSource_hookThatAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		s := newSource(t, tokenIn(-time.Hour))
		var told []error
		ctx := token.WithHook(t.Context(), func(ctx context.Context, r token.Refresh) {
			_, err := s.Get(ctx, srv.client())
			told = append(told, err)
		})
		srv.next(noResponse)
		if _, err := s.Get(ctx, srv.client()); !errors.Is(err, errConnection) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Second)
		if _, err := s.Get(ctx, srv.client()); err != nil {
			t.Error(err)
		}
		if len(told) != 2 || told[0] == nil || told[1] != nil {
			t.Errorf("the hook got %v", told)
		}
	})
}

// What other code takes too long over is named, and holds up nobody for ever.
func TestSource_boundsItsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		stuck := func() { <-release }
		tests := []struct {
			name  string
			opt   func(*tokenServer) option
			names string
			after time.Duration
		}{
			{"saver", func(*tokenServer) option {
				return withSaver(func(context.Context, *oauth2.Token) error { stuck(); return nil })
			}, "the token saver of WithTokenSaver", 30 * time.Second},
			{"store that loads", func(*tokenServer) option {
				return withStore(askingStore{newSharedStore(tokenIn(-time.Hour)), func(context.Context) { stuck() }})
			}, "the token store of WithTokenStore", time.Minute},
			{"store that writes", func(*tokenServer) option {
				return withStore(stuckStore{newSharedStore(tokenIn(-time.Hour)), stuck})
			}, "the token store of WithTokenStore", 30 * time.Second},
			{"transport", func(srv *tokenServer) option {
				srv.next(func(req *http.Request) (*http.Response, error) { stuck(); return noResponse(req) })
				return func(*token.Config) {}
			}, "transport", 31 * time.Second},
		}
		var wg sync.WaitGroup
		for _, tt := range tests {
			wg.Go(func() {
				srv := newTokenServer()
				s := newSource(t, tokenIn(-time.Hour), tt.opt(srv))
				began := time.Now()
				var waiters sync.WaitGroup
				for range 3 {
					waiters.Go(func() {
						_, err := s.Get(t.Context(), srv.client())
						if err == nil || !strings.Contains(err.Error(), tt.names) || !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("%s: got %v", tt.name, err)
						}
					})
				}
				waiters.Wait()
				if waited := time.Since(began); waited != tt.after {
					t.Errorf("%s: waited %s, want %s", tt.name, waited, tt.after)
				}
				if _, err := s.Get(t.Context(), srv.client()); err == nil || time.Since(began) != tt.after {
					t.Errorf("%s: the next call got %v after %s", tt.name, err, time.Since(began))
				}
				<-release
				if err := s.Close(t.Context()); err != nil && tt.name != "transport" {
					t.Errorf("%s: Close once it returned: %v", tt.name, err)
				}
				if tt.name != "transport" && tt.name != "store that loads" {
					want(t, s, srv, "access-1") // what came in the end is used
				}
			})
		}
		time.Sleep(2 * time.Minute)
		close(release)
		wg.Wait()
	})
}

type stuckStore struct {
	*sharedStore
	stuck func()
}

func (s stuckStore) Update(ctx context.Context, fn func(context.Context, *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error) {
	tok, err := s.sharedStore.Update(ctx, fn)
	s.stuck()
	return tok, err
}

// An early refresh whose saver hangs does not hold up the calls after the one
// that started it.
func TestSource_oldTokenWhileASaverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		release := make(chan struct{})
		s := newSource(t, tokenIn(50*time.Second), withSaver(func(context.Context, *oauth2.Token) error { <-release; return nil }))
		go want(t, s, srv, "access-0")
		synctest.Wait()
		began := time.Now()
		want(t, s, srv, "access-0")
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %s", waited)
		}
		time.Sleep(35 * time.Second)
		close(release)
		synctest.Wait()
		want(t, s, srv, "access-1")
	})
}
