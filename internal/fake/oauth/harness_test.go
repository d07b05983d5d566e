package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/oauth"
)

const (
	verifier = "a-verifier-of-more-than-forty-three-characters.~_"
	loopback = "http://127.0.0.1:40123/callback"
	webURI   = "https://app.example/callback?tenant=7"
)

// clock is the server's, moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newServer(clocks ...*clock) *oauth.Server {
	cfg := oauth.Config{Clients: []oauth.Client{
		{ID: "cli", Name: "Example <CLI>", RedirectURIs: []string{"http://127.0.0.1/callback", "http://[::1]/callback"}},
		{ID: "web", Secret: "s3cret+/ &", RedirectURIs: []string{webURI}},
		{ID: "reader", RedirectURIs: []string{"http://127.0.0.1/callback"}, Scopes: []string{"read"}},
		{ID: "no-code", RedirectURIs: []string{"http://127.0.0.1/callback"}, Grants: []string{"refresh_token"}},
		{ID: "no-refresh", RedirectURIs: []string{"http://127.0.0.1/callback"}, Grants: []string{"authorization_code"}},
		{ID: "phone", RedirectURIs: []string{"example.app:/callback"}},
	}}
	for _, c := range clocks {
		cfg.Clock = c
	}
	return oauth.New(cfg)
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// pairs builds values of name, value, name, value; a value of "-" removes.
func pairs(v url.Values, change ...string) url.Values {
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == "-" {
			v.Del(change[i])
			continue
		}
		v.Set(change[i], change[i+1])
	}
	return v
}

// authorizeURL is a good authorization request of the client cli, changed.
func authorizeURL(change ...string) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {"cli"}, "redirect_uri": {loopback}, "scope": {"read write"},
		"state": {"xyz &?"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	return "http://fake.example" + oauth.AuthorizePath + "?" + pairs(q, change...).Encode()
}

// approved returns the code of a request that the user has allowed.
func approved(t *testing.T, s *oauth.Server, change ...string) string {
	t.Helper()
	callback, err := s.Approve(authorizeURL(change...))
	if err != nil {
		t.Fatal(err)
	}
	code := query(t, callback).Get("code")
	if code == "" {
		t.Fatalf("no code in %s", callback)
	}
	return code
}

func query(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// codeForm is a good token request for a code of the client cli, changed.
func codeForm(code string, change ...string) url.Values {
	return pairs(url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"cli"}, "code": {code},
		"redirect_uri": {loopback}, "code_verifier": {verifier},
	}, change...)
}

func refreshForm(token string, change ...string) url.Values {
	return pairs(url.Values{"grant_type": {"refresh_token"}, "client_id": {"cli"}, "refresh_token": {token}}, change...)
}

// answer is what the token endpoint said.
type answer struct {
	status       int
	header       http.Header
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
	Error        string `json:"error"`
	Description  string `json:"error_description"`
}

// post sends a form to the token endpoint.
func post(t *testing.T, s http.Handler, form url.Values) answer {
	t.Helper()
	return send(t, s, tokenRequest(form.Encode()))
}

func tokenRequest(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, oauth.TokenPath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func send(t *testing.T, s http.Handler, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header()}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("status %d, no JSON: %s", w.Code, w.Body)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	return a
}

// wantTokens fails unless the response has tokens that work.
func wantTokens(t *testing.T, s *oauth.Server, a answer, scope string) {
	t.Helper()
	if a.status != 200 || a.Error != "" || a.TokenType != "Bearer" || a.ExpiresIn != 3600 || a.RefreshToken == "" || a.Scope != scope {
		t.Fatalf("got %+v, want tokens for %q", a, scope)
	}
	scopes, ok := s.Lookup(a.AccessToken)
	if !ok || strings.Join(scopes, " ") != scope {
		t.Fatalf("the access token is good for %q, %t", scopes, ok)
	}
}

func wantFailure(t *testing.T, a answer, status int, code string) {
	t.Helper()
	if a.status != status || a.Error != code || a.AccessToken != "" || a.Description == "" {
		t.Errorf("got %+v, want %d %s", a, status, code)
	}
}
