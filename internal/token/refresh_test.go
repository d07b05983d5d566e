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

func TestSource_refreshesEarly(t *testing.T) {
	tests := []struct {
		name     string
		life     int64 // ExpiresIn in seconds, 0: not known
		left     time.Duration
		early    bool // the one who starts it waits, the others do not
		everyone bool // waits
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
		bubble(t, tt.name, func(t *testing.T) {
			srv := newTokenServer()
			srv.latency = time.Second
			tok := tokenIn(tt.left)
			tok.ExpiresIn = tt.life
			s := newSource(t, tok)
			ask := func(access string, waits bool) {
				began := time.Now()
				want(t, s, srv, access)
				if waited := time.Since(began); waited > 0 != waits {
					t.Errorf("the call for %s waited %s", access, waited)
				}
			}
			starters, others := "access-0", "access-0"
			if tt.early || tt.everyone {
				starters = "access-1"
			}
			if tt.everyone {
				others = "access-1"
			}
			var wg sync.WaitGroup
			wg.Go(func() { ask(starters, tt.early || tt.everyone) })
			synctest.Wait()
			for range 3 {
				wg.Go(func() { ask(others, tt.everyone) })
			}
			wg.Wait()
			wanted := 0
			if tt.early || tt.everyone {
				wanted = 1
			}
			if n := srv.requests(); n != wanted {
				t.Errorf("%d token requests, want %d", n, wanted)
			}
		})
	}
}

// A program may end as soon as its calls have: nothing is left running.
func TestSource_earlyRefreshEndsBeforeTheCallThatStartsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = 20 * time.Millisecond
		saved := ""
		s := newSource(t, tokenIn(30*time.Second), withSaver(func(_ context.Context, tok *oauth2.Token) error {
			saved = tok.RefreshToken
			return nil
		}))
		want(t, s, srv, "access-1")
		if saved != "refresh-1" {
			t.Errorf("saved %q when the call returned, want refresh-1", saved)
		}
	})
}

func TestSource_earlyRefreshLeavesTheCallItsTime(t *testing.T) {
	for timeout, waits := range map[time.Duration]time.Duration{time.Second: time.Second / 2, 20 * time.Second: 15 * time.Second} {
		bubble(t, timeout.String(), func(t *testing.T) {
			srv := newTokenServer()
			srv.latency = 25 * time.Second
			s := newSource(t, tokenIn(time.Minute-time.Second))
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			began := time.Now()
			tok, err := s.Get(ctx, srv.client())
			if err != nil || tok.AccessToken != "access-0" || time.Since(began) != waits {
				t.Errorf("got %v, %v after %s, want the old token after %s", tok, err, time.Since(began), waits)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
			want(t, s, srv, "access-1")
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
		if err := wantError(t, s, srv); !err.Lost {
			t.Errorf("got %v in the pause", err)
		}
		time.Sleep(time.Second)
		want(t, s, srv, "access-1")
	})
}

func TestSource_refusedWhileAnEarlyRefreshIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = time.Second
		s := newSource(t, tokenIn(30*time.Second))
		go want(t, s, srv, "access-1")
		synctest.Wait()
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
		for range 3 {
			_, _ = s.Get(ctx, srv.client())
			time.Sleep(time.Second) // the pause after a failure
		}
		time.Sleep(time.Hour - 30*time.Second)
		_, _ = s.Get(ctx, srv.client())
		if got, expect := told, []string{"false 0s false true", "false 1s true false", "true 1s true false"}; !slices.Equal(got, expect) {
			t.Errorf("told %q, want %q", got, expect)
		}
	})
}
