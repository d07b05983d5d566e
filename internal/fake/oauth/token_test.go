package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/oauth"
)

func TestCodeGrant(t *testing.T) {
	s := newServer()
	wantTokens(t, s, post(t, s, codeForm(approved(t, s))), "read write")
	wantTokens(t, s, post(t, s, codeForm(approved(t, s, "scope", "-"))), "read")
	wantTokens(t, s, post(t, s, codeForm(approved(t, s, "scope", "write  read write"))), "read write")
}

func TestCodeGrantOfAConfidentialClient(t *testing.T) {
	s := newServer()
	form := func() url.Values {
		return codeForm(approved(t, s, "client_id", "web", "redirect_uri", webURI), "client_id", "web", "redirect_uri", webURI)
	}
	wantTokens(t, s, post(t, s, pairs(form(), "client_secret", "s3cret+/ &")), "read write")

	r := tokenRequest(form().Encode())
	r.SetBasicAuth(url.QueryEscape("web"), url.QueryEscape("s3cret+/ &"))
	wantTokens(t, s, send(t, s, r), "read write")

	r = tokenRequest(form().Encode())
	r.SetBasicAuth("web", "wrong")
	a := send(t, s, r)
	wantFailure(t, a, 401, "invalid_client")
	if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic ") {
		t.Errorf("WWW-Authenticate %q", got)
	}
}

func TestOmittedRedirectURI(t *testing.T) {
	s := newServer()
	code := approved(t, s, "client_id", "web", "redirect_uri", "-")
	wantTokens(t, s, post(t, s, codeForm(code, "client_id", "web", "client_secret", "s3cret+/ &", "redirect_uri", "-")), "read write")
	if _, err := s.Approve(authorizeURL("redirect_uri", "-")); err == nil {
		t.Error("a client with two redirect URIs may leave it out")
	}
}

func TestTokenEndpointRefuses(t *testing.T) {
	s := newServer()
	fresh := func(change ...string) url.Values { return codeForm(approved(t, s), change...) }
	long := strings.Repeat("v", 129)
	tests := []struct {
		name   string
		form   url.Values
		status int
		code   string
	}{
		{"no grant type", fresh("grant_type", "-"), 400, "invalid_request"},
		{"other grant type", fresh("grant_type", "password"), 400, "unsupported_grant_type"},
		{"no code", fresh("code", "-"), 400, "invalid_request"},
		{"unknown code", fresh("code", "guessed"), 400, "invalid_grant"},
		{"no verifier", fresh("code_verifier", "-"), 400, "invalid_request"},
		{"short verifier", fresh("code_verifier", "short"), 400, "invalid_request"},
		{"long verifier", fresh("code_verifier", long), 400, "invalid_request"},
		{"odd verifier", fresh("code_verifier", verifier+"é"), 400, "invalid_request"},
		{"wrong verifier", fresh("code_verifier", verifier+"x"), 400, "invalid_grant"},
		{"other redirect URI", fresh("redirect_uri", "http://127.0.0.1:40124/callback"), 400, "invalid_grant"},
		{"redirect URI left out", fresh("redirect_uri", "-"), 400, "invalid_grant"},
		{"no client", fresh("client_id", "-"), 401, "invalid_client"},
		{"unknown client", fresh("client_id", "nobody"), 401, "invalid_client"},
		{"secret of a public client", fresh("client_secret", "x"), 401, "invalid_client"},
		{"no secret", fresh("client_id", "web"), 401, "invalid_client"},
		{"another client's code", fresh("client_id", "reader"), 400, "invalid_grant"},
		{"a grant not allowed", fresh("client_id", "no-code"), 400, "unauthorized_client"},
		{"a refresh not allowed", refreshForm("x", "client_id", "no-refresh"), 400, "unauthorized_client"},
		{"no refresh token", refreshForm("", "refresh_token", "-"), 400, "invalid_request"},
		{"unknown refresh token", refreshForm("guessed"), 400, "invalid_grant"},
		{"given twice", url.Values{"grant_type": {"refresh_token", "refresh_token"}}, 400, "invalid_request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantFailure(t, post(t, s, tt.form), tt.status, tt.code) })
	}
}

func TestTokenEndpointRefusesForms(t *testing.T) {
	s := newServer()
	good := codeForm(approved(t, s)).Encode()
	tests := []struct {
		name string
		r    *http.Request
	}{
		{"in the query", httptest.NewRequest(http.MethodPost, oauth.TokenPath+"?"+good, nil)},
		{"JSON", httptest.NewRequest(http.MethodPost, oauth.TokenPath, strings.NewReader("{}"))},
		{"malformed", tokenRequest("a=%zz")},
		{"too large", tokenRequest(strings.Repeat("a", 1<<20))},
	}
	tests[0].r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	tests[1].r.Header.Set("Content-Type", "application/json")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantFailure(t, send(t, s, tt.r), 400, "invalid_request") })
	}
	two := tokenRequest(codeForm("x", "client_id", "web", "client_secret", "a").Encode())
	two.SetBasicAuth("web", "a")
	wantFailure(t, send(t, s, two), 400, "invalid_request")
	unlike := tokenRequest(codeForm("x", "client_id", "cli").Encode())
	unlike.SetBasicAuth("web", "a")
	wantFailure(t, send(t, s, unlike), 400, "invalid_request")
	get := send(t, s, httptest.NewRequest(http.MethodGet, oauth.TokenPath, nil))
	wantFailure(t, get, 405, "invalid_request")
	if allow := get.header.Get("Allow"); allow != "POST" {
		t.Errorf("Allow %q", allow)
	}
}

func TestCodeIsGoodOnceAndForAMinute(t *testing.T) {
	c := newClock()
	s := newServer(c)
	code := approved(t, s)
	first := post(t, s, codeForm(code))
	wantTokens(t, s, first, "read write")
	wantFailure(t, post(t, s, codeForm(code)), 400, "invalid_grant")
	if _, ok := s.Lookup(first.AccessToken); ok {
		t.Error("a code used twice leaves its tokens valid")
	}
	wantFailure(t, post(t, s, refreshForm(first.RefreshToken)), 400, "invalid_grant")

	code = approved(t, s)
	wantFailure(t, post(t, s, codeForm(code, "code_verifier", verifier+"x")), 400, "invalid_grant")
	wantFailure(t, post(t, s, codeForm(code)), 400, "invalid_grant") // burnt by the failed attempt

	code = approved(t, s)
	c.advance(59 * time.Second)
	wantTokens(t, s, post(t, s, codeForm(code)), "read write")
	code = approved(t, s)
	c.advance(time.Minute)
	wantFailure(t, post(t, s, codeForm(code)), 400, "invalid_grant")
}

func TestRefreshRotates(t *testing.T) {
	s := newServer()
	first := post(t, s, codeForm(approved(t, s)))
	second := post(t, s, refreshForm(first.RefreshToken))
	wantTokens(t, s, second, "read write")
	if first.RefreshToken == second.RefreshToken || first.AccessToken == second.AccessToken {
		t.Error("a refresh does not rotate")
	}
	narrow := post(t, s, refreshForm(second.RefreshToken, "scope", "read"))
	wantTokens(t, s, narrow, "read")
	wide := post(t, s, refreshForm(narrow.RefreshToken)) // what the user has allowed is not lost
	wantTokens(t, s, wide, "read write")
	wantFailure(t, post(t, s, refreshForm(wide.RefreshToken, "scope", "admin")), 400, "invalid_scope")
	wantTokens(t, s, post(t, s, refreshForm(wide.RefreshToken)), "read write") // a refusal spends nothing

	reader := post(t, s, codeForm(approved(t, s, "scope", "read")))
	wantFailure(t, post(t, s, refreshForm(reader.RefreshToken, "scope", "read write")), 400, "invalid_scope")
	wantFailure(t, post(t, s, refreshForm(reader.RefreshToken, "client_id", "reader")), 400, "invalid_grant")
}

func TestReusedRefreshTokenRevokesTheFamily(t *testing.T) {
	s := newServer()
	first := post(t, s, codeForm(approved(t, s)))
	other := post(t, s, codeForm(approved(t, s)))
	second := post(t, s, refreshForm(first.RefreshToken))
	wantFailure(t, post(t, s, refreshForm(first.RefreshToken)), 400, "invalid_grant")
	for _, token := range []string{first.AccessToken, second.AccessToken} {
		if _, ok := s.Lookup(token); ok {
			t.Error("an access token outlives the reuse of a refresh token")
		}
	}
	wantFailure(t, post(t, s, refreshForm(second.RefreshToken)), 400, "invalid_grant")
	wantTokens(t, s, post(t, s, refreshForm(other.RefreshToken)), "read write") // another login of the same user
}

func TestConcurrentRefreshesSpendATokenOnce(t *testing.T) {
	s := newServer()
	token := s.Issue("cli")
	var wg sync.WaitGroup
	var mu sync.Mutex
	good := 0
	for range 32 {
		wg.Go(func() {
			if post(t, s, refreshForm(token.Refresh)).status == 200 {
				mu.Lock()
				good++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if good != 1 {
		t.Errorf("%d refreshes succeeded, want 1", good)
	}
}

func TestTokensExpireByTheClock(t *testing.T) {
	c := newClock()
	s := newServer(c)
	token := s.Issue("cli", "read")
	c.advance(time.Hour - time.Second)
	if _, ok := s.Lookup(token.Access); !ok {
		t.Error("the access token expired early")
	}
	c.advance(time.Second)
	if _, ok := s.Lookup(token.Access); ok {
		t.Error("the access token does not expire")
	}
	c.advance(30 * 24 * time.Hour)
	wantFailure(t, post(t, s, refreshForm(token.Refresh)), 400, "invalid_grant")
}

func TestRevokeAndReset(t *testing.T) {
	s := newServer()
	for _, pick := range []func(oauth.Token) string{
		func(t oauth.Token) string { return t.Access },
		func(t oauth.Token) string { return t.Refresh },
	} {
		token := s.Issue("cli")
		s.Revoke(pick(token))
		if _, ok := s.Lookup(token.Access); ok {
			t.Error("a revoked login's access token is good")
		}
		wantFailure(t, post(t, s, refreshForm(token.Refresh)), 400, "invalid_grant")
	}
	s.Revoke("unknown")
	token := s.Issue("cli")
	s.AddClient(oauth.Client{ID: "added"})
	s.FailNext(oauth.TokenPath, "server_error")
	s.Reset()
	if _, ok := s.Lookup(token.Access); ok {
		t.Error("a token survives Reset")
	}
	wantFailure(t, post(t, s, refreshForm(token.Refresh, "client_id", "added")), 400, "invalid_grant")
}

func TestPlannedTokenFailures(t *testing.T) {
	s := newServer()
	token := s.Issue("cli")
	want := map[string]int{
		"invalid_request": 400, "invalid_client": 401, "invalid_grant": 400, "unauthorized_client": 400, "unsupported_grant_type": 400,
		"invalid_scope": 400, "server_error": 500, "temporarily_unavailable": 503, "slow_down": 429,
	}
	for code, status := range want {
		s.FailNext(oauth.TokenPath, code)
		wantFailure(t, post(t, s, refreshForm(token.Refresh)), status, code)
	}
	wantTokens(t, s, post(t, s, refreshForm(token.Refresh)), "read write")
}

func TestOtherPathsAreNotFound(t *testing.T) {
	w := httptest.NewRecorder()
	newServer().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/oauth2/", nil))
	if w.Code != 404 {
		t.Errorf("status %d", w.Code)
	}
}

func FuzzToken(f *testing.F) {
	s := newServer()
	f.Add(codeForm("code").Encode(), "application/x-www-form-urlencoded", "")
	f.Add(refreshForm("token", "scope", "read\x00").Encode(), "application/x-www-form-urlencoded", "Basic d2ViOng=")
	f.Add("%", "application/x-www-form-urlencoded;charset=\xff", "Basic ")
	f.Fuzz(func(t *testing.T, body, kind, authorization string) {
		r := httptest.NewRequest(http.MethodPost, oauth.TokenPath, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Authorization", authorization)
		a := send(t, s, r)
		if a.status >= 500 || a.status < 400 || a.Error == "" {
			t.Errorf("%q answered %+v", body, a)
		}
		for _, c := range a.Description {
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				t.Errorf("description %q has what RFC 6749 forbids", a.Description)
			}
		}
	})
}
