package connix_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"golang.org/x/oauth2"
)

func TestTokenSource_oauth2(t *testing.T) {
	var s oauth2.TokenSource = newSource(t, tokenIn(time.Hour))
	tok, err := s.Token()
	if err != nil || tok.AccessToken != "access-0" {
		t.Fatalf("got %v, %v", tok, err)
	}
	tok.AccessToken = "changed by its receiver"
	if again, _ := s.Token(); again.AccessToken != "access-0" {
		t.Errorf("a caller changed the source's token to %q", again.AccessToken)
	}
	for _, unmade := range []*connix.TokenSource{nil, {}} {
		if _, err := unmade.Token(); err == nil {
			t.Error("a TokenSource that nobody made gives tokens")
		}
	}
}

func TestNewTokenSource_refused(t *testing.T) {
	saver := connix.WithTokenSaver(func(context.Context, *oauth2.Token) error { return nil })
	store := connix.WithTokenStore(emptyStore{})
	at := func(tokenURL string) *oauth2.Config {
		return &oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: tokenURL}}
	}
	tests := []struct {
		name string
		cfg  *oauth2.Config
		tok  *oauth2.Token
		opts []connix.TokenSourceOption
		arg  string
	}{
		{"no config", nil, tokenIn(0), nil, "cfg"},
		{"no endpoint", &oauth2.Config{}, tokenIn(0), nil, "cfg"},
		{"no URL", at("login.example/token"), tokenIn(0), nil, "cfg"},
		{"malformed URL", at("https://%/token"), tokenIn(0), nil, "cfg"},
		{"another scheme", at("ftp://login.example/token"), tokenIn(0), nil, "cfg"},
		{"plain http", at("http://login.example/token"), tokenIn(0), nil, "cfg"},
		{"no token", oauthConfig(), nil, nil, "t"},
		{"no token but a saver", oauthConfig(), nil, []connix.TokenSourceOption{saver}, "t"},
		{"empty token", oauthConfig(), &oauth2.Token{}, nil, "t"},
		{"saver and store", oauthConfig(), tokenIn(0), []connix.TokenSourceOption{saver, store}, "opts"},
		{"nil saver", oauthConfig(), tokenIn(0), []connix.TokenSourceOption{connix.WithTokenSaver(nil)}, "save"},
		{"nil store", oauthConfig(), tokenIn(0), []connix.TokenSourceOption{connix.WithTokenStore(nil)}, "store"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := connix.NewTokenSource(tt.cfg, tt.tok, tt.opts...)
			if refused, ok := errors.AsType[*connix.ArgumentError](err); !ok || refused.Name != tt.arg {
				t.Errorf("got %v, want a refusal of %s", err, tt.arg)
			}
		})
	}
	if _, err := connix.NewTokenSource(oauthConfig(), nil, store, nil); err != nil {
		t.Errorf("a store without a token, and a nil option: %v", err)
	}
	if _, err := connix.NewTokenSource(at("http://localhost:8080/token"), tokenIn(0)); err != nil {
		t.Errorf("plain http on this machine: %v", err)
	}
	if _, err := connix.NewTokenSource(at("http://login.example/token"), tokenIn(0), connix.WithInsecureTokenURL()); err != nil {
		t.Errorf("plain http that is allowed: %v", err)
	}
}

// emptyStore is a store that keeps nothing.
type emptyStore struct{}

func (emptyStore) Load(context.Context) (*oauth2.Token, error) { return nil, nil }

func (emptyStore) Update(ctx context.Context, fn func(context.Context, *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error) {
	return fn(ctx, nil)
}

func TestTokenSource_keepsConfig(t *testing.T) {
	srv := connixtest.NewServer(t)
	cfg, tok := srv.OAuthConfig(""), expired(srv)
	s, err := connix.NewTokenSource(cfg, tok)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ClientID, cfg.Endpoint.TokenURL, tok.RefreshToken = "other", "https://other.example", "other"
	if _, err := s.Token(); err != nil {
		t.Fatal(err)
	}
	srv.Expect(t, connixtest.Match{Route: "/oauth2/token", Status: 200}, 1)
}

func TestTokenSource_printed(t *testing.T) {
	s := newSource(t, tokenIn(time.Hour))
	type holder struct{ source connix.TokenSource }
	held := holder{*s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{s, *s, held, &held, []any{s}} {
			text := fmt.Sprintf(verb, value)
			for _, secret := range []string{"access-0", "refresh-0", testClientSecret, fmt.Sprintf("%x", "access-0")} {
				if strings.Contains(text, secret) {
					t.Errorf("%s of %T shows %q: %s", verb, value, secret, text)
				}
			}
		}
	}
	if got := s.LogValue().String() + s.String(); got != "connix.TokenSource(****)connix.TokenSource(****)" {
		t.Errorf("logs as %s", got)
	}
}

const (
	testClientSecret = "planted-client-secret-3f1c"
	testTokenURL     = "https://login.example/oauth2/token"
)

func oauthConfig() *oauth2.Config {
	return &oauth2.Config{ClientID: "app", ClientSecret: testClientSecret, Endpoint: oauth2.Endpoint{TokenURL: testTokenURL}}
}

// tokenIn is a token that expires after d.
func tokenIn(d time.Duration) *oauth2.Token {
	return &oauth2.Token{AccessToken: "access-0", RefreshToken: "refresh-0", TokenType: "Bearer", Expiry: time.Now().Add(d)}
}

func newSource(t *testing.T, tok *oauth2.Token, opts ...connix.TokenSourceOption) *connix.TokenSource {
	t.Helper()
	s, err := connix.NewTokenSource(oauthConfig(), tok, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
