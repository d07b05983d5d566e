package oauthcli_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"
)

// authServer is the least that can check a login: it approves at once, and
// gives a token for the code, verifier and redirect URI that belong together.
type authServer struct {
	*httptest.Server
	t         *testing.T
	mu        sync.Mutex
	challenge string
	redirect  string
	token     http.HandlerFunc // responds to token requests instead
	forms     []url.Values
}

const testCode = "planted-code-77"

func newAuthServer(t *testing.T) *authServer {
	t.Helper()
	s := &authServer{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.exchange)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *authServer) config() *oauth2.Config {
	return &oauth2.Config{
		ClientID: "example-cli", Scopes: []string{"read", "write"},
		Endpoint: oauth2.Endpoint{AuthURL: s.URL + "/authorize", TokenURL: s.URL + "/token"},
	}
}

func (s *authServer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("response_type") != "code" || q.Get("client_id") != "example-cli" || q.Get("scope") != "read write" || q.Get("code_challenge_method") != "S256" || len(q.Get("state")) < 20 {
		s.t.Errorf("authorization request %v", q)
	}
	s.mu.Lock()
	s.challenge, s.redirect = q.Get("code_challenge"), q.Get("redirect_uri")
	s.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {testCode}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther)
}

func (s *authServer) exchange(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	s.forms = append(s.forms, r.PostForm)
	challenge, redirect, response := s.challenge, s.redirect, s.token
	s.mu.Unlock()
	if response != nil {
		response(w, r)
		return
	}
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if r.PostForm.Get("code") != testCode || r.PostForm.Get("redirect_uri") != redirect || base64.RawURLEncoding.EncodeToString(sum[:]) != challenge {
		s.t.Errorf("token request %v", r.PostForm)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"access_token":"access","refresh_token":"refresh","token_type":"Bearer","expires_in":3600}`)
}

// page is what a browser was shown.
type page struct {
	status int
	header http.Header
	body   string
}

// browse opens an address as a browser does, with changes to the request.
func browse(ctx context.Context, address string, change ...func(*http.Request)) (page, error) {
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, address, nil)
	if err != nil {
		return page{}, err
	}
	for _, c := range change {
		c(r)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return page{resp.StatusCode, resp.Header, string(body)}, err
}

// callbackURL is where an authorization URL has the browser sent back to, with
// this response; a state of "" is the right one.
func callbackURL(authorizeURL string, response url.Values) (string, error) {
	u, err := url.Parse(authorizeURL)
	if err != nil {
		return "", err
	}
	if !response.Has("state") {
		response.Set("state", u.Query().Get("state"))
	}
	return u.Query().Get("redirect_uri") + "?" + response.Encode(), nil
}

// wantPage fails unless the page has this status and text, and is protected.
func wantPage(t *testing.T, p page, status int, text string) {
	t.Helper()
	if p.status != status || !strings.Contains(p.body, text) {
		t.Errorf("the page is %d %s, want %d with %q", p.status, p.body, status, text)
	}
	if csp := p.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'nonce-") {
		t.Errorf("policy %q", csp)
	}
	if p.header.Get("Cache-Control") != "no-store" || p.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", p.header)
	}
	if strings.Contains(p.body, testCode) || strings.Contains(p.body, "<script") {
		t.Errorf("the page shows the code or runs a script: %s", p.body)
	}
}

func respondJSON(status int, format string, args ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, format, args...)
	}
}
