package token_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func TestSource_earlyRefreshThatFailsHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.next(noResponse, noResponse)
		s := newSource(t, tokenIn(50*time.Second))
		for range 5 {
			want(t, s, srv, "access-0")
		}
		if n := srv.requests(); n != 1 {
			t.Errorf("%d token requests without a pause, want 1", n)
		}
		time.Sleep(11 * time.Second)
		want(t, s, srv, "access-0")
		time.Sleep(11 * time.Second)
		want(t, s, srv, "access-1")
		if n := srv.requests(); n != 3 {
			t.Errorf("%d token requests, want 3", n)
		}
	})
}

func TestSource_asksOnceAboutADeadRefreshToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = time.Second
		srv.revoked = true
		s := newSource(t, tokenIn(-time.Hour))
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := s.Get(t.Context(), srv.client()); !needsLogin(err) {
					t.Errorf("got %v, want LoginRequired", err)
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Hour)
		if err := wantError(t, s, srv); err.Status != 400 || err.Code != "invalid_grant" || strings.Contains(err.Error(), "refresh-0") {
			t.Errorf("got %v", err)
		}
		if n := srv.requests(); n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
	})
}

func TestSource_withoutRefreshToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		tok := tokenIn(30 * time.Second)
		tok.RefreshToken = ""
		s := newSource(t, tok)
		want(t, s, srv, "access-0")
		time.Sleep(time.Minute)
		if err := wantError(t, s, srv); !needsLogin(err) || err.Temporary() {
			t.Errorf("got %v, want LoginRequired", err)
		}
		if n := srv.requests(); n != 0 {
			t.Errorf("%d token requests, want none", n)
		}
	})
}

func TestSource_failuresAreTypedAndTriedAgain(t *testing.T) {
	const leak = "refresh-0 " + testClientSecret
	tests := []struct {
		name      string
		response  func(*http.Request) (*http.Response, error)
		status    int
		code      string
		cause     error
		temporary bool
	}{
		{"unavailable", returning(503, `<html>%s</html>`, leak), 503, "", nil, true},
		{"access token in the code", returning(400, `{"error":"in-access-0-grant"}`), 400, "in-****-grant", nil, false},
		{"too many", returning(429, `{"error":"slow_down"}`), 429, "slow_down", nil, true},
		{"invalid client", returning(401, `{"error":"invalid_client","error_description":"%s is wrong"}`, leak), 401, "invalid_client", nil, false},
		{"invalid scope", returning(400, `{"error":"invalid_scope"}`), 400, "invalid_scope", nil, false},
		{"plain 400", returning(400, `%s`, leak), 400, "", nil, false},
		{"lost", noResponse, 0, "", errConnection, true},
		{"refusal that says success", returning(200, `{"error":"invalid_client"}`), 200, "invalid_client", nil, false},
		{"cut", cutAfter(returning(200, `{"access_token":"access-1"`), io.ErrUnexpectedEOF), 200, "", io.ErrUnexpectedEOF, true},
		{"cut refusal", cutAfter(returning(400, `{"error":`), errConnection), 400, "", errConnection, true},
		{"no JSON", returning(200, `%s`, leak), 200, "", nil, false},
		{"no token", returning(200, `{"token_type":"%s"}`, leak), 200, "", nil, false},
		{"redirect", func(req *http.Request) (*http.Response, error) {
			resp, err := returning(307, "")(req)
			resp.Header.Set("Location", "https://elsewhere.example/?"+leak)
			return resp, err
		}, 307, "", nil, false},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			srv := newTokenServer()
			srv.next(tt.response)
			s := newSource(t, tokenIn(-time.Hour))
			err := wantError(t, s, srv)
			if err.Status != tt.status || err.Code != tt.code || err.Temporary() != tt.temporary {
				t.Errorf("got status %d, code %q, temporary %t: %v", err.Status, err.Code, err.Temporary(), err)
			}
			if tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("%v hides its cause", err)
			}
			if needsLogin(err) {
				t.Errorf("%v asks for a login", err)
			}
			for _, text := range []string{err.Error(), fmt.Sprintf("%v %+v %#v %q", err, err, err, err)} {
				if strings.Contains(text, "refresh-0") || strings.Contains(text, testClientSecret) {
					t.Errorf("the error shows a secret: %s", text)
				}
			}
			pause := 10 * time.Second
			if tt.temporary {
				pause = time.Second
			}
			if err.RetryAfter != pause {
				t.Errorf("the pause is %s, want %s", err.RetryAfter, pause)
			}
			time.Sleep(pause / 2)
			if again := wantError(t, s, srv); again.Status != tt.status || again.Code != tt.code || again.RetryAfter != pause/2 {
				t.Errorf("in the pause: %v, for %s", again, again.RetryAfter)
			}
			if n := srv.requests(); n != 1 {
				t.Errorf("%d token requests, want 1: no style of authentication is probed", n)
			}
			time.Sleep(pause / 2)
			want(t, s, srv, "access-1")
		})
	}
}

// An access token that no header can carry is kept for its refresh token's sake,
// and replaced after a pause.
func TestSource_withAnUnsendableToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.next(returning(200, `{"access_token":"a\nb","refresh_token":"refresh-0"}`))
		s := newSource(t, tokenIn(-time.Hour))
		for range 20 {
			if err := wantError(t, s, srv); err.Temporary() || !strings.Contains(err.Error(), "line break") {
				t.Fatalf("got %v", err)
			}
		}
		if n := srv.requests(); n != 1 {
			t.Errorf("%d token requests without a pause, want 1", n)
		}
		time.Sleep(11 * time.Second)
		want(t, s, srv, "access-1")
	})
}

// cutAfter has a body end early.
func cutAfter(response func(*http.Request) (*http.Response, error), err error) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		resp, _ := response(req)
		resp.Body = io.NopCloser(io.MultiReader(resp.Body, iotest.ErrReader(err)))
		return resp, nil
	}
}

func TestSource_givesUpOnASilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.latency = time.Hour
		s := newSource(t, tokenIn(-time.Hour))
		begin := time.Now()
		err := wantError(t, s, srv)
		if waited := time.Since(begin); waited != 30*time.Second {
			t.Errorf("waited %s, want 30s", waited)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !err.Temporary() {
			t.Errorf("got %v", err)
		}
	})
}

func TestSource_survivesATransportThatDoesNotReturn(t *testing.T) {
	for name, response := range map[string]func(*http.Request) (*http.Response, error){
		"panic":  func(*http.Request) (*http.Response, error) { panic("boom") },
		"goexit": func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			srv := newTokenServer()
			srv.next(response)
			s := newSource(t, tokenIn(-time.Hour))
			_ = wantError(t, s, srv)
			want(t, s, srv, "access-1")
		})
	}
}
