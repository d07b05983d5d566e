package token_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/token"
	"golang.org/x/oauth2"
)

func TestSource_refreshesOnceForAllWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = 2 * time.Second
		var saved atomic.Bool
		s := newSource(t, tokenIn(-time.Minute), withSaver(func(_ context.Context, tok *oauth2.Token) error {
			time.Sleep(time.Second)
			saved.Store(tok.RefreshToken == "refresh-1")
			return nil
		}))
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				ctx := t.Context()
				impatient := i%10 == 0 // the one that starts the refresh, perhaps
				if impatient {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, time.Second)
					defer cancel()
				}
				tok, err := s.Get(ctx, srv.client())
				switch {
				case impatient:
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("caller %d: %v, want its own deadline", i, err)
					}
					if waited := time.Since(begin); waited != time.Second {
						t.Errorf("caller %d waited %s beyond its deadline", i, waited)
					}
				case err != nil:
					t.Errorf("caller %d: %v", i, err)
				case tok.AccessToken != "access-1":
					t.Errorf("caller %d got %s", i, tok.AccessToken)
				case !saved.Load():
					t.Errorf("caller %d got a token that is not saved", i)
				}
			})
		}
		wg.Wait()
		if n := srv.requests(); n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("took %s, want the server's two seconds and the saver's one", took)
		}
	})
}

func TestSource_keepsACauseOfTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = time.Minute
		s := newSource(t, tokenIn(-time.Minute))
		cause := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		_, err := s.Get(ctx, srv.client())
		if !errors.Is(err, cause) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want both the cause and context.Canceled", err)
		}
		_, err = s.Get(ctx, srv.client())
		if !errors.Is(err, cause) {
			t.Errorf("got %v from an ended context, want its cause", err)
		}
		time.Sleep(time.Minute) // the refresh ends by itself
		if n := srv.requests(); n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
	})
}

func TestSource_refreshesEarlyInTheBackground(t *testing.T) {
	tests := []struct {
		name       string
		life       int64 // ExpiresIn in seconds, 0: not known
		left       time.Duration
		background bool
		blocks     bool
	}{
		{"half an hour left", 3600, 30 * time.Minute, false, false},
		{"just over a minute left", 3600, time.Minute + time.Second, false, false},
		{"less than a minute left", 3600, 59 * time.Second, true, false},
		{"unknown life, less than a minute left", 0, 59 * time.Second, true, false},
		{"short life, a third left", 30, 10 * time.Second, false, false},
		{"short life, a tenth left", 30, 2 * time.Second, true, false},
		{"about to expire", 3600, 9 * time.Second, false, true},
		{"expired", 3600, -time.Second, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newTokenServer()
				srv.latency = time.Second
				tok := tokenIn(tt.left)
				tok.ExpiresIn = tt.life
				s := newSource(t, tok)
				begin := time.Now()
				first := "access-0"
				if tt.blocks {
					first = "access-1"
				}
				want(t, s, srv, first)
				if blocked := time.Since(begin) > 0; blocked != tt.blocks {
					t.Errorf("the call waited %s", time.Since(begin))
				}
				want(t, s, srv, first) // joins or ignores what is under way
				synctest.Wait()
				expect := 0
				if tt.background || tt.blocks {
					expect = 1
				}
				if n := srv.requests(); n != expect {
					t.Errorf("%d token requests, want %d", n, expect)
				}
				if tt.background {
					time.Sleep(2 * time.Second)
					want(t, s, srv, "access-1")
				}
			})
		})
	}
}

func TestSource_replacesARefusedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = time.Second
		s := newSource(t, tokenIn(time.Hour))
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				tok, err := s.Replace(t.Context(), srv.client(), "access-0")
				if err != nil || tok.AccessToken != "access-1" {
					t.Errorf("got %v, %v", tok, err)
				}
			})
		}
		wg.Wait()
		// A straggler, whose 401 is about the token before.
		tok, err := s.Replace(t.Context(), srv.client(), "access-0")
		if err != nil || tok.AccessToken != "access-1" {
			t.Errorf("straggler got %v, %v", tok, err)
		}
		if n := srv.requests(); n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
	})
}

func TestSource_isGivenTheRefusedTokenAgain(t *testing.T) {
	srv := newTokenServer()
	srv.next(returning(200, `{"access_token":"access-0","refresh_token":"refresh-1","expires_in":3600}`))
	s := newSource(t, tokenIn(time.Hour))
	tok, err := s.Replace(t.Context(), srv.client(), "access-0")
	if err != nil || tok.AccessToken != "access-0" {
		t.Errorf("got %v, %v", tok, err)
	}
	want(t, s, srv, "access-0") // what the server says is current: no further request
	if n := srv.requests(); n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
}

func TestSource_doesNotHandOutARefusedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.next(noResponse)
		s := newSource(t, tokenIn(time.Hour))
		if _, err := s.Replace(t.Context(), srv.client(), "access-0"); !errors.Is(err, errConnection) {
			t.Fatalf("got %v, want the lost connection", err)
		}
		want(t, s, srv, "access-1")
	})
}

func TestSource_refusedWhileAnEarlyRefreshIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = time.Second
		s := newSource(t, tokenIn(30*time.Second))
		want(t, s, srv, "access-0")
		tok, err := s.Replace(t.Context(), srv.client(), "access-0")
		if err != nil || tok.AccessToken != "access-1" {
			t.Errorf("got %v, %v", tok, err)
		}
		if n := srv.requests(); n != 1 {
			t.Errorf("%d token requests, want the one under way", n)
		}
	})
}

func TestSource_refreshIsNotThePartOfTheCallThatStartsIt(t *testing.T) {
	type key struct{}
	srv := newTokenServer()
	var value any
	srv.next(func(req *http.Request) (*http.Response, error) {
		value = req.Context().Value(key{})
		if httptrace.ContextClientTrace(req.Context()) != nil {
			t.Error("the refresh reports to the caller's httptrace")
		}
		return returning(503, "")(req)
	})
	ctx := context.WithValue(t.Context(), key{}, "span")
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectStart: func(string, string) {}})
	s := newSource(t, tokenIn(-time.Hour))
	_, _ = s.Get(ctx, srv.client())
	if value != "span" {
		t.Errorf("the refresh sees %v of the caller's values, want its span", value)
	}
}

func TestSource_tellsTheHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = time.Second
		s := newSource(t, tokenIn(-time.Hour))
		srv.next(noResponse)
		var told []string
		ctx := token.WithHook(t.Context(), func(_ context.Context, r token.Refresh) {
			told = append(told, fmt.Sprint(r.Early, r.Duration, time.Until(r.Expiry) > 0, r.Err != nil))
		})
		_, _ = s.Get(ctx, srv.client())
		_, _ = s.Get(ctx, srv.client())
		_, _ = s.Get(ctx, srv.client())
		time.Sleep(time.Hour - 30*time.Second)
		_, _ = s.Get(ctx, srv.client())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got, expect := told, []string{"false 0s false true", "false 1s true false", "true 1s true false"}; !slices.Equal(got, expect) {
			t.Errorf("told %q, want %q", got, expect)
		}
	})
}
