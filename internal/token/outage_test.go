package token_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestSource_remembersFailures(t *testing.T) {
	after := func(value string, respond func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
		return func(req *http.Request) (*http.Response, error) {
			resp, err := respond(req)
			resp.Header.Set("Retry-After", value)
			return resp, err
		}
	}
	tests := []struct {
		name     string
		response func(*http.Request) (*http.Response, error)
		pauses   []time.Duration // after each failure in a row
	}{
		{"unavailable", returning(503, ""), []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 60e9, 60e9}},
		{"lost", noResponse, []time.Duration{1e9, 2e9, 4e9}},
		{"refused", returning(401, `{"error":"invalid_client"}`), []time.Duration{10e9, 20e9, 40e9, 80e9, 160e9, 300e9, 300e9}},
		{"Retry-After", after("30", returning(429, "")), []time.Duration{30e9, 30e9}},
		{"Retry-After of 0", after("0", returning(503, "")), []time.Duration{1e9, 2e9}},
		{"far Retry-After", after("86400", returning(503, "")), []time.Duration{time.Hour}},
		{"odd Retry-After", after("soon", returning(503, "")), []time.Duration{1e9}},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			srv := newTokenServer()
			s := newSource(t, tokenIn(-time.Hour))
			for i, pause := range tt.pauses {
				srv.next(tt.response)
				for range 100 {
					if err := wantError(t, s, srv); err.RetryAfter != pause {
						t.Fatalf("failure %d: the pause is %s, want %s", i+1, err.RetryAfter, pause)
					}
				}
				if n := srv.requests(); n != i+1 {
					t.Fatalf("%d token requests, want %d", n, i+1)
				}
				time.Sleep(pause)
			}
			want(t, s, srv, "access-1")
			time.Sleep(2 * time.Hour)
			srv.next(returning(503, ""))
			if err := wantError(t, s, srv); err.RetryAfter != time.Second {
				t.Errorf("after a success the pause is %s", err.RetryAfter)
			}
		})
	}
}

// The pause is about the server: a token that another process brought is taken.
func TestSource_looksIntoTheStoreDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		srv.next(returning(503, ""))
		store := newSharedStore(tokenIn(-time.Hour))
		s := newSource(t, nil, withStore(store))
		_ = wantError(t, s, srv)
		_ = wantError(t, s, srv)
		fresh := tokenIn(time.Hour)
		fresh.AccessToken = "access-of-another"
		store.token = fresh
		want(t, s, srv, "access-of-another")
	})
}
