package connixtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"golang.org/x/oauth2"
)

// logIn has a user allow what cfg asks for, and returns the token.
func logIn(t *testing.T, srv *connixtest.Server, cfg *oauth2.Config) *oauth2.Token {
	t.Helper()
	verifier := oauth2.GenerateVerifier()
	callback, err := srv.ApproveLogin(cfg.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(callback)
	if err != nil || u.Query().Get("state") != "state" || !strings.HasPrefix(callback, cfg.RedirectURL) {
		t.Fatalf("sent back to %s, %v", callback, err)
	}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, srv.HTTPClient())
	token, err := cfg.Exchange(ctx, u.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// tokenClient is a client that authenticates with a token source over cfg.
func tokenClient(t *testing.T, srv *connixtest.Server, cfg *oauth2.Config, token *oauth2.Token) *connix.Client {
	t.Helper()
	source, err := connix.NewTokenSource(cfg, token)
	if err != nil {
		t.Fatal(err)
	}
	return srv.Client(t, connix.WithTokenSource(source))
}

func TestLoginWithoutABrowser(t *testing.T) {
	srv := connixtest.NewServer(t)
	for _, redirect := range []string{"", "http://127.0.0.1:4321/callback", "https://app.example/back?x=1"} {
		cfg := srv.OAuthConfig(redirect)
		client := tokenClient(t, srv, cfg, logIn(t, srv, cfg))
		if _, err := client.Hello(t.Context(), "Gopher"); err != nil {
			t.Errorf("%q: %v", redirect, err)
		}
	}
}

func TestScopesAreEnforced(t *testing.T) {
	srv := connixtest.NewServer(t)
	project := srv.AddProject(connix.Project{Name: "there-already"})
	tests := []struct {
		scopes      []string
		read, write bool
	}{
		{nil, true, true},
		{[]string{connix.ScopeRead}, true, false},
		{[]string{connix.ScopeWrite}, false, true},
	}
	for _, tt := range tests {
		cfg := srv.OAuthConfig("", tt.scopes...)
		for how, token := range map[string]*oauth2.Token{"logged in": logIn(t, srv, cfg), "added": srv.AddToken(tt.scopes...)} {
			client := tokenClient(t, srv, cfg, token)
			_, readErr := client.Projects.Get(t.Context(), project.ID)
			_, writeErr := client.Projects.Update(t.Context(), project.ID, connix.UpdateProjectRequest{Name: new("renamed")})
			for name, outcome := range map[string]struct {
				err     error
				allowed bool
			}{"read": {readErr, tt.read}, "write": {writeErr, tt.write}} {
				if outcome.allowed && outcome.err != nil || !outcome.allowed && !errors.Is(outcome.err, connix.ErrForbidden) {
					t.Errorf("%s with the scopes %q, %s: %v", how, tt.scopes, name, outcome.err)
				}
			}
		}
	}
}

func TestTokensExpireByTheServersClock(t *testing.T) {
	clock := connixtest.NewClock(time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC))
	srv := connixtest.NewServer(t, connixtest.WithClock(clock))
	client := tokenClient(t, srv, srv.OAuthConfig(""), srv.AddToken())
	for hour := range 3 {
		if _, err := client.Hello(t.Context(), "Gopher"); err != nil {
			t.Fatal(err)
		}
		srv.Expect(t, connixtest.Match{Method: "POST", Route: "/oauth2/token", Status: 200}, hour)
		srv.Expect(t, connixtest.Match{Method: "GET", Route: "/hello", Status: 401}, hour)
		clock.Advance(time.Hour)
	}
	clock.Advance(31 * 24 * time.Hour) // the refresh token's end
	if _, err := client.Hello(t.Context(), "Gopher"); !errors.Is(err, connix.ErrLoginRequired) {
		t.Errorf("got %v, want ErrLoginRequired", err)
	}
}

func TestTokensInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithLatency(time.Second, time.Second))
		cfg := srv.OAuthConfig("")
		client := tokenClient(t, srv, cfg, logIn(t, srv, cfg))
		for range 5 { // each in the last minute of a token: the one call waits for its refresh
			time.Sleep(time.Hour - 30*time.Second)
			begin := time.Now()
			if _, err := client.Hello(t.Context(), "Gopher"); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took != 2*time.Second {
				t.Errorf("a call took %s, want the latency of two", took)
			}
			srv.Expect(t, connixtest.Match{Route: "/hello", Status: 401}, 0)
		}
		srv.Expect(t, connixtest.Match{Route: "/oauth2/token"}, 6)
	})
}

func TestRevokedLogin(t *testing.T) {
	srv := connixtest.NewServer(t)
	token := srv.AddToken()
	client := tokenClient(t, srv, srv.OAuthConfig(""), token)
	if _, err := client.Hello(t.Context(), "Gopher"); err != nil {
		t.Fatal(err)
	}
	srv.RevokeLogin(token.RefreshToken)
	for range 3 {
		_, err := client.Hello(t.Context(), "Gopher")
		if !errors.Is(err, connix.ErrLoginRequired) {
			t.Errorf("got %v, want ErrLoginRequired", err)
		}
	}
	srv.Expect(t, connixtest.Match{Route: "/oauth2/token"}, 1)
}

func TestDeniedLogin(t *testing.T) {
	srv := connixtest.NewServer(t)
	cfg := srv.OAuthConfig("")
	address := cfg.AuthCodeURL("state", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
	callback, err := srv.DenyLogin(address)
	if err != nil || !strings.Contains(callback, "error=access_denied") || !strings.Contains(callback, "state=state") {
		t.Errorf("sent back to %s, %v", callback, err)
	}
	approve := func(url string) (string, error) { return srv.ApproveLogin(url) }
	for _, answer := range []func(string) (string, error){approve, srv.DenyLogin} {
		if callback, err := answer(cfg.AuthCodeURL("without PKCE")); err == nil {
			t.Errorf("a request without PKCE is sent back to %s", callback)
		}
		elsewhere := *cfg
		elsewhere.Endpoint.AuthURL = connix.OAuthEndpoint.AuthURL
		_, err := answer(elsewhere.AuthCodeURL("state", oauth2.S256ChallengeOption(oauth2.GenerateVerifier())))
		if err == nil || !strings.Contains(err.Error(), connix.OAuthEndpoint.AuthURL) {
			t.Errorf("the real API's page is answered: %v", err)
		}
	}
}

func TestOAuthClients(t *testing.T) {
	srv := connixtest.NewServer(t)
	const back = "https://app.example/callback"
	srv.AddOAuthClient(connixtest.OAuthClient{ID: "app", Secret: "s3cret", Name: "The App", RedirectURLs: []string{back}, Scopes: []string{"read"}})
	cfg := srv.OAuthConfig("")
	cfg.ClientID, cfg.ClientSecret, cfg.RedirectURL, cfg.Scopes = "app", "s3cret", back, []string{"read"}
	client := tokenClient(t, srv, cfg, logIn(t, srv, cfg))
	if _, err := client.Hello(t.Context(), "Gopher"); err != nil {
		t.Error(err)
	}

	page := show(t, srv, cfg.AuthCodeURL("state", oauth2.S256ChallengeOption(oauth2.GenerateVerifier())))
	if !strings.Contains(page, "The App") || strings.Contains(page, "<code>write</code>") {
		t.Errorf("the consent page is %s", page)
	}
	defer func() {
		if recover() == nil {
			t.Error("a client without an ID was added")
		}
	}()
	srv.AddOAuthClient(connixtest.OAuthClient{})
}

// show returns the page at an address.
func show(t *testing.T, srv *connixtest.Server, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.HTTPClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", address, resp.Status, err)
	}
	return string(body)
}

func TestResetEndsLogins(t *testing.T) {
	srv := connixtest.NewServer(t)
	cfg := srv.OAuthConfig("https://app.example/back")
	client := tokenClient(t, srv, cfg, logIn(t, srv, cfg))
	srv.Reset()
	if _, err := client.Hello(t.Context(), "Gopher"); !errors.Is(err, connix.ErrLoginRequired) {
		t.Errorf("got %v, want ErrLoginRequired", err)
	}
	logIn(t, srv, cfg) // the client and its redirect URL are still known
}

func TestRequestChecksAreAboutTheAPI(t *testing.T) {
	var seen []string
	srv := connixtest.NewServer(t, connixtest.WithRequestCheck(func(r *http.Request) error {
		seen = append(seen, r.URL.Path)
		return nil
	}))
	cfg := srv.OAuthConfig("")
	client := tokenClient(t, srv, cfg, logIn(t, srv, cfg))
	if _, err := client.Hello(t.Context(), "Gopher"); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0] != "/api/v1/hello" {
		t.Errorf("checked %q", seen)
	}
}
