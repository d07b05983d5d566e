package token_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/token"
	"golang.org/x/oauth2"
)

// A success is never thrown away for an odd side field: the refresh token that
// it answers is spent.
func TestSource_readsOddSuccesses(t *testing.T) {
	const usual = `"access_token":"a1","refresh_token":"r1"`
	tests := []struct {
		name, body string
		life       time.Duration // 0: no expiry
	}{
		{"fraction", `{` + usual + `,"expires_in":3599.97}`, 3599*time.Second + 970*time.Millisecond},
		{"exponent", `{` + usual + `,"expires_in":3.6e3}`, time.Hour},
		{"text", `{` + usual + `,"expires_in":" 3600 "}`, time.Hour},
		{"text with a fraction", `{` + usual + `,"expires_in":"3600.0"}`, time.Hour},
		{"empty text", `{` + usual + `,"expires_in":""}`, 0},
		{"null", `{` + usual + `,"expires_in":null}`, 0},
		{"an object", `{` + usual + `,"expires_in":{"seconds":3600}}`, 0},
		{"words", `{` + usual + `,"expires_in":"never"}`, 0},
		{"negative", `{` + usual + `,"expires_in":-1}`, 0},
		{"huge", `{` + usual + `,"expires_in":1e300}`, (1<<31 - 1) * time.Second},
		{"beyond a float", `{` + usual + `,"expires_in":1e999}`, (1<<31 - 1) * time.Second},
		{"too many digits", `{` + usual + `,"expires_in":99999999999999999999999}`, (1<<31 - 1) * time.Second},
		{"error beside it", `{` + usual + `,"expires_in":3600,"error":"none"}`, time.Hour},
		{"byte order mark", "\ufeff{" + usual + `,"expires_in":3600}`, time.Hour},
		{"more after it", `{` + usual + `,"expires_in":3600} {"x":1}`, time.Hour},
		{"names in another case", `{"Access_Token":"a1","REFRESH_TOKEN":"r1","Expires_In":3600}`, time.Hour},
		{"odd scope and type", `{` + usual + `,"expires_in":3600,"scope":{"x":1},"token_type":null}`, time.Hour},
		{"scope as a list", `{` + usual + `,"expires_in":3600,"scope":["read","write"]}`, time.Hour},
		{"a form", `access_token=a1&refresh_token=r1&expires_in=3600&token_type=bearer`, time.Hour},
		{"type in capitals", `{` + usual + `,"expires_in":3600,"token_type":"BEARER"}`, time.Hour},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			srv := newTokenServer()
			for _, contentType := range []string{"application/json", "text/plain", "text/html", "", "application/x-www-form-urlencoded"} {
				srv.next(withType(contentType, returning(200, "%s", tt.body)))
				s := newSource(t, tokenIn(-time.Hour))
				tok, err := s.Get(t.Context(), srv.client())
				if err != nil || tok.AccessToken != "a1" || tok.RefreshToken != "r1" {
					t.Fatalf("as %q: got %v, %v", contentType, tok, err)
				}
				if want := time.Now().Add(tt.life); tt.life > 0 != !tok.Expiry.IsZero() || tt.life > 0 && tok.Expiry.Sub(want).Abs() > time.Millisecond {
					t.Errorf("as %q: expires at %v, want in %s", contentType, tok.Expiry, tt.life)
				}
			}
		})
	}
}

// A token that is of no use itself is kept for the refresh token beside it.
func TestSource_keepsATokenThatItCannotSend(t *testing.T) {
	for name, tt := range map[string]struct{ body, says string }{
		"DPoP":            {`{"access_token":"a1","refresh_token":"r1","token_type":"DPoP"}`, `is of type "DPoP"`},
		"mac":             {`{"access_token":"a1","refresh_token":"r1","token_type":"mac"}`, `is of type "mac"`},
		"no access token": {`{"refresh_token":"r1"}`, "is empty"},
		"line break":      {`{"access_token":"a\nb","refresh_token":"r1"}`, "line break"},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newTokenServer()
			srv.next(returning(200, "%s", tt.body))
			store := newSharedStore(tokenIn(-time.Hour))
			s := newSource(t, nil, withStore(store))
			for range 3 {
				if err := wantError(t, s, srv); !strings.Contains(err.Err.Error(), tt.says) || err.Temporary() || err.LoginRequired {
					t.Errorf("got %v", err)
				}
			}
			if store.token.RefreshToken != "r1" || srv.requests() != 1 {
				t.Errorf("stored %+v after %d requests", store.token, srv.requests())
			}
			time.Sleep(time.Minute)
			srv.valid = "r1"
			want(t, s, srv, "access-1")
		})
	}
}

// A response that breaks off behind the token is as good as a whole one.
func TestSource_usesATokenThatCameBeforeTheCut(t *testing.T) {
	srv := newTokenServer()
	srv.next(cutAfter(returning(200, `{"access_token":"a1","refresh_token":"r1"}`), errConnection))
	want(t, newSource(t, tokenIn(-time.Hour)), srv, "a1")
}

func TestSource_keepsScopesThatARefreshDoesNotRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTokenServer()
		store := &textStore{text: []byte(`{"access_token":"a","refresh_token":"refresh-0","expiry":"2000-01-01T00:00:00Z","scope":"read"}`)}
		want(t, newSource(t, nil, withStore(store)), srv, "access-1")
		if scopes := token.Scopes(token.Decode(store.text)); len(scopes) != 1 || scopes[0] != "read" {
			t.Errorf("stored scopes %q", scopes)
		}
		time.Sleep(2 * time.Hour)
		srv.next(returning(200, `{"access_token":"a2","refresh_token":"r2","scope":"read write","id_token":"id"}`))
		s := newSource(t, nil, withStore(store))
		tok, err := s.Get(t.Context(), srv.client())
		if err != nil || len(token.Scopes(tok)) != 2 || tok.Extra("id_token") != "id" {
			t.Errorf("got %v with %q, %v", tok, token.Scopes(tok), err)
		}
	})
}

func TestDecode_whatEncodeWrote(t *testing.T) {
	tok := (&oauth2.Token{AccessToken: "a", RefreshToken: "b", TokenType: "Bearer", Expiry: time.Unix(1, 2), ExpiresIn: 3600}).WithExtra(map[string]any{"scope": "read write"})
	data, err := token.Encode(tok)
	if err != nil {
		t.Fatal(err)
	}
	got := token.Decode(data)
	if got.AccessToken != "a" || got.RefreshToken != "b" || got.TokenType != "Bearer" || !got.Expiry.Equal(tok.Expiry) || got.ExpiresIn != 3600 || got.Extra("scope") != "read write" {
		t.Errorf("%s is read as %+v", data, got)
	}
	again, err := token.Encode(got)
	if err != nil || string(again) != string(data) {
		t.Errorf("written again: %s, %v; want %s", again, err, data)
	}
	for _, bad := range []string{"", "null", "{}", `{"access_token":["a"]}`, `{"access_token":"a`, "access", `{"expiry":"2000-01-01T00:00:00Z"}`} {
		if tok := token.Decode([]byte(bad)); tok != nil {
			t.Errorf("%q is read as %+v", bad, tok)
		}
	}
	if tok := token.Decode([]byte(`{"access_token":"a","expiry":"never","expires_in":"x"}`)); tok == nil || !tok.Expiry.IsZero() {
		t.Errorf("an odd expiry costs the token: %+v", tok)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","refresh_token":"b","expiry":"2006-01-02T15:04:05Z","expires_in":3.6e3,"scope":["read"],"connix_login":"x"}`))
	f.Add([]byte("access_token=a&expires_in=1e999"))
	f.Add([]byte("\xef\xbb\xbf{\"access_token\":1}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok := token.Decode(data)
		if tok == nil {
			return
		}
		if tok.AccessToken == "" && tok.RefreshToken == "" {
			t.Errorf("%q is an empty token", data)
		}
		if encoded, err := token.Encode(tok); err == nil {
			if again := token.Decode(encoded); again == nil || !again.Expiry.Equal(tok.Expiry) {
				t.Errorf("%q comes back as %+v, was %+v", encoded, again, tok)
			}
		}
	})
}
