package oauthcli_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"github.com/connix-io/connix-go/oauthcli"
	"golang.org/x/oauth2"
)

// starts counts how often a program's start logs in.
type starts struct {
	srv    *connixtest.Server
	logins int
}

func (s *starts) start(t *testing.T, store connix.TokenStore) (*connix.Client, error) {
	t.Helper()
	source, err := oauthcli.Source(t.Context(), s.srv.OAuthConfig("", connix.ScopeRead), store, oauthcli.WithOutput(nil),
		oauthcli.WithOpenURL(func(ctx context.Context, address string) error {
			s.logins++
			return allowAt(s.srv)(ctx, address)
		}))
	if err != nil {
		return nil, err
	}
	return connix.NewClient(connix.WithBaseURL(s.srv.URL), connix.WithTokenSource(source))
}

func TestSource_logsInWhereItMust(t *testing.T) {
	srv := connixtest.NewServer(t)
	good := func() *oauth2.Token { return srv.AddToken() }
	expired := func() *oauth2.Token {
		tok := srv.AddToken()
		tok.Expiry = time.Now().Add(-time.Hour)
		return tok
	}
	revoked := func() *oauth2.Token {
		tok := expired()
		srv.RevokeLogin(tok.RefreshToken)
		return tok
	}
	tests := []struct {
		name   string
		stored func() *oauth2.Token
		text   string // in the file instead
		logins int
	}{
		{"nothing stored", nil, "", 1},
		{"stored", good, "", 0},
		{"expired, with a good refresh token", expired, "", 0},
		{"refused", revoked, "", 1},
		{"something else", nil, "no token", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token.json")
			store := oauthcli.NewFileStore(path)
			if tt.stored != nil {
				if err := store.Save(t.Context(), tt.stored()); err != nil {
					t.Fatal(err)
				}
			}
			if tt.text != "" {
				if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s := &starts{srv: srv}
			for range 2 { // the second start never logs in
				client, err := s.start(t, store)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := client.Hello(t.Context(), "Gopher"); err != nil {
					t.Error(err)
				}
			}
			if s.logins != tt.logins {
				t.Errorf("%d logins, want %d", s.logins, tt.logins)
			}
		})
	}
}

// A login that ends while the program runs is told by its calls.
func TestSource_loginThatEndsLater(t *testing.T) {
	srv := connixtest.NewServer(t)
	s := &starts{srv: srv}
	store := oauthcli.NewFileStore(filepath.Join(t.TempDir(), "token.json"))
	client, err := s.start(t, store)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	srv.RevokeLogin(stored.RefreshToken)
	if _, err := client.Hello(t.Context(), "Gopher"); !errors.Is(err, connix.ErrLoginRequired) {
		t.Errorf("got %v, want ErrLoginRequired", err)
	}
	if s.logins != 1 {
		t.Errorf("%d logins, want 1", s.logins)
	}
}

// A store without Save gets the login by Update.
func TestSource_anyStore(t *testing.T) {
	srv := connixtest.NewServer(t)
	s := &starts{srv: srv}
	store := updateOnly{oauthcli.NewFileStore(filepath.Join(t.TempDir(), "token.json"))}
	for range 2 {
		client, err := s.start(t, store)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Hello(t.Context(), "Gopher"); err != nil {
			t.Error(err)
		}
	}
	if s.logins != 1 {
		t.Errorf("%d logins, want 1", s.logins)
	}
}

type updateOnly struct{ connix.TokenStore }

func TestSource_refusals(t *testing.T) {
	srv := connixtest.NewServer(t)
	cfg := srv.OAuthConfig("")
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	never := oauthcli.WithOpenURL(func(context.Context, string) error { t.Error("a login began"); return nil })
	for name, err := range map[string]error{
		"no store":                       sourceError(t.Context(), cfg, nil, never),
		"no config":                      sourceError(t.Context(), nil, oauthcli.NewFileStore(file), never),
		"a store that cannot be read":    sourceError(t.Context(), cfg, oauthcli.NewFileStore(folder), never),
		"a store that cannot be written": sourceError(t.Context(), cfg, unwritable{}, never),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// The stored login could not be tried in time.
	store := oauthcli.NewFileStore(filepath.Join(folder, "token.json"))
	if err := store.Save(t.Context(), &oauth2.Token{RefreshToken: "r"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	slow := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		cancel(cause)
		<-r.Context().Done()
		return nil, r.Context().Err()
	})}
	hanging := context.WithValue(ctx, oauth2.HTTPClient, slow)
	if err := sourceError(hanging, cfg, store, never); !errors.Is(err, cause) {
		t.Errorf("got %v, want the context's cause", err)
	}
}

func sourceError(ctx context.Context, cfg *oauth2.Config, store connix.TokenStore, opts ...oauthcli.Option) error {
	_, err := oauthcli.Source(ctx, cfg, store, append(opts, oauthcli.WithOutput(nil), oauthcli.WithTimeout(time.Second))...)
	return err
}

// unwritable is a store that is empty and stays so.
type unwritable struct{}

func (unwritable) Load(context.Context) (*oauth2.Token, error) { return nil, nil }

func (unwritable) Update(context.Context, func(context.Context, *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error) {
	return nil, errors.New("read-only")
}
