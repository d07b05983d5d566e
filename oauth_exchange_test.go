package connix_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	connix "github.com/connix-io/connix-go"
	"golang.org/x/oauth2"
)

// exchanging answers the token request of one exchange.
func exchanging(t *testing.T, respond roundTripper, cfg *oauth2.Config, opts ...connix.TokenSourceOption) (*oauth2.Token, error) {
	t.Helper()
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: respond})
	return connix.ExchangeCode(ctx, cfg, "planted-code", "planted-verifier", opts...)
}

func TestExchangeCode(t *testing.T) {
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInParams, oauth2.AuthStyleInHeader} {
		cfg := oauthConfig()
		cfg.Endpoint.AuthStyle, cfg.RedirectURL, cfg.Scopes = style, "http://127.0.0.1/callback", []string{"read", "write"}
		token, err := exchanging(t, func(r *http.Request) (*http.Response, error) {
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			want := map[string]string{
				"grant_type": "authorization_code", "code": "planted-code", "code_verifier": "planted-verifier",
				"redirect_uri": "http://127.0.0.1/callback",
			}
			if style == oauth2.AuthStyleInHeader {
				if id, secret, _ := r.BasicAuth(); id != "app" || secret != testClientSecret {
					t.Errorf("authenticated as %q", id)
				}
			} else {
				want["client_id"], want["client_secret"] = "app", testClientSecret
			}
			for key, value := range want {
				if r.PostForm.Get(key) != value {
					t.Errorf("%s is %q, want %q", key, r.PostForm.Get(key), value)
				}
			}
			if len(r.PostForm) != len(want) || r.Method != http.MethodPost || r.URL.String() != testTokenURL {
				t.Errorf("%s %s with %v", r.Method, r.URL, r.PostForm)
			}
			return returning(200, `{"access_token":"a1","refresh_token":"r1","token_type":"bearer","expires_in":"3599.97"}`)(r)
		}, cfg)
		if err != nil || token.AccessToken != "a1" || token.RefreshToken != "r1" || time.Until(token.Expiry) < 3590*time.Second {
			t.Fatalf("got %+v, %v", token, err)
		}
		if missing := connix.MissingScopes(token, "read", "write"); len(missing) != 0 {
			t.Errorf("a response that names no scopes grants those asked for; missing %q", missing)
		}
	}
}

func TestExchangeCode_failures(t *testing.T) {
	redirect := func(r *http.Request) (*http.Response, error) {
		resp, err := returning(307, "")(r)
		resp.Header.Set("Location", "https://elsewhere.example/")
		return resp, err
	}
	tests := []struct {
		name    string
		respond roundTripper
		status  int
		code    string
	}{
		{"expired code", returning(400, `{"error":"invalid_grant","error_description":"planted-code of planted-verifier"}`), 400, "invalid_grant"},
		{"wrong client", returning(401, `{"error":"invalid_client"}`), 401, "invalid_client"},
		{"no token", returning(200, `{"echo":"planted-code"}`), 200, ""},
		{"broken server", returning(500, "planted-code"), 500, ""},
		{"lost", noResponse, 0, ""},
		{"redirect", redirect, 307, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			token, err := exchanging(t, func(r *http.Request) (*http.Response, error) { asked++; return tt.respond(r) }, oauthConfig())
			failure, ok := errors.AsType[*connix.TokenError](err)
			if !ok || token != nil || failure.StatusCode != tt.status || failure.Code != tt.code || asked != 1 {
				t.Fatalf("got %v, %v after %d requests", token, err, asked)
			}
			if text := err.Error(); strings.Contains(text, "planted") {
				t.Errorf("the error shows a secret: %s", text)
			}
		})
	}
}

func TestExchangeCode_refusesArguments(t *testing.T) {
	none := roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("something was sent")
		return nil, errConnection
	})
	saver := connix.WithTokenSaver(func(context.Context, *oauth2.Token) error { return nil })
	insecure := &oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: "http://login.example/token"}}
	for name, err := range map[string]error{
		"nil config": second(exchanging(t, none, nil)),
		"plain http": second(exchanging(t, none, insecure)),
		"a saver":    second(exchanging(t, none, oauthConfig(), saver)),
		"nil client": second(exchanging(t, none, oauthConfig(), connix.WithTokenHTTPClient(nil))),
		"no code":    second(connix.ExchangeCode(t.Context(), oauthConfig(), "", "")),
	} {
		if _, ok := errors.AsType[*connix.ArgumentError](err); !ok {
			t.Errorf("%s: got %v", name, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := connix.ExchangeCode(ended, oauthConfig(), "code", "", connix.WithTokenHTTPClient(&http.Client{Transport: none})); !errors.Is(err, context.Canceled) {
		t.Errorf("under an ended context: %v", err)
	}
	if token, err := exchanging(t, returning(200, `{"access_token":"a"}`), insecure, connix.WithInsecureTokenURL()); err != nil || token.AccessToken != "a" {
		t.Errorf("plain http that is allowed: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestMissingScopes(t *testing.T) {
	granted := func(scope any) *oauth2.Token {
		return (&oauth2.Token{AccessToken: "a"}).WithExtra(map[string]any{"scope": scope})
	}
	for name, tt := range map[string]struct {
		token *oauth2.Token
		want  []string
	}{
		"all": {granted("write read"), nil}, "one": {granted("read"), []string{"write"}}, "others": {granted("admin"), []string{"read", "write"}},
		"not known": {granted(nil), nil}, "no text": {granted(7), nil}, "nil": {nil, nil}, "plain": {&oauth2.Token{AccessToken: "a"}, nil},
	} {
		if got := connix.MissingScopes(tt.token, "read", "write"); !slices.Equal(got, tt.want) {
			t.Errorf("%s: missing %q, want %q", name, got, tt.want)
		}
	}
}

func TestEncodeToken_andDecodeToken(t *testing.T) {
	token := (&oauth2.Token{AccessToken: "a", RefreshToken: "r", Expiry: time.Now().Add(time.Hour)}).WithExtra(map[string]any{"scope": "read"})
	data, err := connix.EncodeToken(token)
	if err != nil {
		t.Fatal(err)
	}
	got, err := connix.DecodeToken(data)
	if err != nil || got.AccessToken != "a" || got.RefreshToken != "r" || !got.Expiry.Equal(token.Expiry) || len(connix.MissingScopes(got, "read", "write")) != 1 {
		t.Errorf("%s is read as %+v, %v", data, got, err)
	}
	for _, empty := range []*oauth2.Token{nil, {}, {TokenType: "Bearer"}} {
		if _, err := connix.EncodeToken(empty); !errors.Is(err, connix.ErrInvalidRequest) {
			t.Errorf("%v: got %v", empty, err)
		}
	}
	for _, bad := range []string{"", "planted", `{"planted":1}`} {
		if token, err := connix.DecodeToken([]byte(bad)); token != nil || !errors.Is(err, connix.ErrLoginRequired) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%q: got %v, %v", bad, token, err)
		}
	}
}
