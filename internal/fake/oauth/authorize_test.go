package oauth_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/oauth"
)

// get asks for an authorization URL as a browser does.
func get(s http.Handler, address string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
	return w
}

func TestAuthorizeTellsTheUserWhereNothingMayBeSentBack(t *testing.T) {
	tests := map[string]string{
		"no client":              authorizeURL("client_id", "-"),
		"unknown client":         authorizeURL("client_id", "nobody"),
		"two clients":            authorizeURL() + "&client_id=web",
		"two redirect URIs":      authorizeURL() + "&redirect_uri=https://evil.example",
		"foreign host":           authorizeURL("redirect_uri", "https://evil.example/callback"),
		"other path":             authorizeURL("redirect_uri", "http://127.0.0.1:40123/other"),
		"other query":            authorizeURL("redirect_uri", "http://127.0.0.1:40123/callback?x=1"),
		"other scheme":           authorizeURL("redirect_uri", "https://127.0.0.1:40123/callback"),
		"fragment":               authorizeURL("redirect_uri", "http://127.0.0.1:40123/callback#x"),
		"userinfo":               authorizeURL("redirect_uri", "http://user@127.0.0.1:40123/callback"),
		"host that looks alike":  authorizeURL("redirect_uri", "http://127.0.0.1.evil.example/callback"),
		"localhost":              authorizeURL("redirect_uri", "http://localhost:40123/callback"),
		"other loopback address": authorizeURL("redirect_uri", "http://127.0.0.2:40123/callback"),
		"port of another client": authorizeURL("client_id", "web", "redirect_uri", "https://app.example:8443/callback?tenant=7"),
		"malformed":              "http://fake.example" + oauth.AuthorizePath + "?a=%zz",
	}
	for name, address := range tests {
		t.Run(name, func(t *testing.T) {
			w := get(newServer(), address)
			if w.Code != 400 || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), "This does not work") {
				t.Errorf("status %d, Location %q", w.Code, w.Header().Get("Location"))
			}
		})
	}
}

func TestAuthorizeTellsTheApplication(t *testing.T) {
	tests := []struct {
		name   string
		change []string
		code   string
	}{
		{"no response type", []string{"response_type", "-"}, "invalid_request"},
		{"implicit grant", []string{"response_type", "token"}, "unsupported_response_type"},
		{"no challenge", []string{"code_challenge", "-"}, "invalid_request"},
		{"plain challenge", []string{"code_challenge_method", "plain"}, "invalid_request"},
		{"no method", []string{"code_challenge_method", "-"}, "invalid_request"},
		{"short challenge", []string{"code_challenge", "abc"}, "invalid_request"},
		{"padded challenge", []string{"code_challenge", challenge(verifier) + "="}, "invalid_request"},
		{"unknown scope", []string{"scope", "read admin"}, "invalid_scope"},
		{"scope beyond the client's", []string{"client_id", "reader", "scope", "read write"}, "invalid_scope"},
		{"client without the grant", []string{"client_id", "no-code"}, "unauthorized_client"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := get(newServer(), authorizeURL(tt.change...))
			wantCallback(t, w, tt.code)
		})
	}
	t.Run("given twice", func(t *testing.T) {
		wantCallback(t, get(newServer(), authorizeURL()+"&scope=read"), "invalid_request")
	})
	for _, code := range []string{"server_error", "temporarily_unavailable", "access_denied"} {
		t.Run("planned "+code, func(t *testing.T) {
			s := newServer()
			s.FailNext(oauth.AuthorizePath, code)
			wantCallback(t, get(s, authorizeURL()), code)
			if w := get(s, authorizeURL()); w.Code != 200 {
				t.Errorf("the request after it: status %d", w.Code)
			}
		})
	}
}

// wantCallback fails unless the browser is sent back with the error code and
// the state, unchanged.
func wantCallback(t *testing.T, w *httptest.ResponseRecorder, code string) {
	t.Helper()
	location := w.Header().Get("Location")
	q := query(t, location)
	if w.Code != 303 || !strings.HasPrefix(location, loopback+"?") || q.Get("error") != code || q.Get("state") != "xyz &?" || q.Has("code") {
		t.Errorf("status %d, Location %s, want %s", w.Code, location, code)
	}
}

// Loopback ports are free, as far as they are ports, and nothing else is.
func TestRedirectURIs_loopback(t *testing.T) {
	s := newServer()
	for uri, good := range map[string]bool{
		"http://127.0.0.1/callback": true, "http://127.0.0.1:1/callback": true, "http://127.0.0.1:65535/callback": true, "http://[::1]:8080/callback": true,
		"http://127.0.0.1:0/callback": false, "http://127.0.0.1:65536/callback": false, "http://127.0.0.1:/callback": false, "http://127.0.0.1:080/callback": false,
		"HTTP://127.0.0.1:80/callback": false, "https://127.0.0.1:80/callback": false, "ftp://127.0.0.1:80/callback": false, "http:127.0.0.1:80/callback": false,
		"http://127.0.0.2:80/callback": false, "http://localhost:80/callback": false, "http://u@127.0.0.1:80/callback": false, "http://127.0.0.1:80/other": false,
	} {
		callback, err := s.Approve(authorizeURL("client_id", "cli", "redirect_uri", uri, "scope", "read"))
		if (err == nil) != good {
			t.Errorf("%s: sent to %q, %v", uri, callback, err)
		}
	}
}

func TestRedirectURIs(t *testing.T) {
	s := newServer()
	for client, uri := range map[string]string{
		"cli":    "http://[::1]:5/callback",
		"web":    webURI,
		"reader": "http://127.0.0.1/callback",
		"phone":  "example.app:/callback",
	} {
		callback, err := s.Approve(authorizeURL("client_id", client, "redirect_uri", uri, "scope", "read"))
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if !strings.HasPrefix(callback, uri) || query(t, callback).Get("code") == "" {
			t.Errorf("sent to %s, want %s", callback, uri)
		}
	}
	late := "https://late.example/cb"
	s.AddRedirectURI("cli", late)
	s.AddRedirectURI("nobody", late)
	if _, err := s.Approve(authorizeURL("redirect_uri", late)); err != nil {
		t.Errorf("a redirect URI added later: %v", err)
	}
	s.AddClient(oauth.Client{ID: "app", RedirectURIs: []string{late}})
	if _, err := s.Approve(authorizeURL("client_id", "app", "redirect_uri", late)); err != nil {
		t.Errorf("a client added later: %v", err)
	}
}

func TestStateIsEchoedOnlyWhereItWasSent(t *testing.T) {
	s := newServer()
	for _, state := range []string{"", "-"} {
		callback, err := s.Approve(authorizeURL("state", state))
		if err != nil {
			t.Fatal(err)
		}
		if sent := state != "-"; query(t, callback).Has("state") != sent {
			t.Errorf("state %q came back as %s", state, callback)
		}
	}
}

// browser is a browser as far as cookies and forms go.
type browser struct {
	t      *testing.T
	client *http.Client
	url    string
}

func newBrowser(t *testing.T, s http.Handler) *browser {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := srv.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t: t, client: client, url: srv.URL}
}

func (b *browser) do(r *http.Request) (*http.Response, string) {
	b.t.Helper()
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var text strings.Builder
	if err := resp.Write(&text); err != nil {
		b.t.Fatal(err)
	}
	return resp, text.String()
}

func (b *browser) open(change ...string) (resp *http.Response, ticket string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, strings.Replace(authorizeURL(change...), "http://fake.example", b.url, 1), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, text := b.do(r)
	found := regexp.MustCompile(`name="ticket" value="([^"]+)"`).FindStringSubmatch(text)
	if resp.StatusCode != 200 || found == nil {
		b.t.Fatalf("no consent page: %s", text)
	}
	return resp, found[1]
}

func (b *browser) decide(form url.Values, header ...string) *http.Response {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+oauth.AuthorizePath, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, _ := b.do(r)
	return resp
}

func decision(ticket, answer string) url.Values {
	return url.Values{"ticket": {ticket}, "decision": {answer}}
}

func TestConsentPage(t *testing.T) {
	s := newServer()
	w := get(s, authorizeURL())
	body := w.Body.String()
	for _, want := range []string{"Example &lt;CLI&gt;", "<code>read</code>", "<code>write</code>", "127.0.0.1:40123", "<html lang=\"en\">", "prefers-color-scheme: dark", ">Allow</button>", ">Deny</button>"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "<script") || strings.Contains(body, "http://") || strings.Contains(body, "https://") {
		t.Errorf("the page has a script or an outside resource: %s", body)
	}
	h := w.Header()
	csp := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self' http://127.0.0.1:40123"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %q: %s", want, csp)
		}
	}
	if h.Get("Cache-Control") != "no-store" || h.Get("X-Frame-Options") != "DENY" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	cookie := w.Result().Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != oauth.AuthorizePath {
		t.Errorf("cookie %+v", cookie)
	}
	again := get(s, authorizeURL()).Header().Get("Content-Security-Policy")
	if again == csp {
		t.Error("two pages share a nonce")
	}
	for address, source := range map[string]string{
		authorizeURL("redirect_uri", "http://[::1]:5/callback"):                           "form-action 'self' http:;",
		authorizeURL("client_id", "phone", "redirect_uri", "example.app:/callback"):       "form-action 'self' example.app:;",
		authorizeURL("client_id", "web", "redirect_uri", webURI, "code_challenge", "bad"): "",
	} {
		if csp := get(s, address).Header().Get("Content-Security-Policy"); !strings.Contains(csp, source) {
			t.Errorf("policy %q, want %q", csp, source)
		}
	}
}

func TestAllowAndDeny(t *testing.T) {
	s := newServer()
	b := newBrowser(t, s)
	_, first := b.open()
	_, second := b.open() // in another tab
	resp := b.decide(decision(first, "allow"), "Sec-Fetch-Site", "same-origin", "Origin", b.url)
	location := resp.Header.Get("Location")
	q := query(t, location)
	if resp.StatusCode != 303 || !strings.HasPrefix(location, loopback) || q.Get("state") != "xyz &?" {
		t.Fatalf("status %d, Location %s", resp.StatusCode, location)
	}
	wantTokens(t, s, post(t, s, codeForm(q.Get("code"))), "read write")

	resp = b.decide(decision(second, "deny"))
	q = query(t, resp.Header.Get("Location"))
	if resp.StatusCode != 303 || q.Get("error") != "access_denied" || q.Get("state") != "xyz &?" || q.Has("code") {
		t.Errorf("status %d, Location %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	callback, err := s.Deny(authorizeURL())
	if err != nil || query(t, callback).Get("error") != "access_denied" {
		t.Errorf("denied without a browser: %s, %v", callback, err)
	}
}

// The page and the token endpoint keep to the user who decided, through refreshes.
func TestConsentPage_user(t *testing.T) {
	s := newServer()
	b := newBrowser(t, s)
	for _, user := range []string{"", "alice", "bob"} {
		_, ticket := b.open()
		form := decision(ticket, "allow")
		form.Set("user", user)
		code := query(t, b.decide(form).Header.Get("Location")).Get("code")
		first := post(t, s, codeForm(code))
		second := post(t, s, refreshForm(first.RefreshToken))
		for _, token := range []string{first.AccessToken, second.AccessToken} {
			if got := s.Subject(token); token == "" || got != user {
				t.Errorf("the token %q is %q's, want %q's", token, got, user)
			}
		}
	}
}

func TestDecisionIsProtected(t *testing.T) {
	c := newClock()
	s := newServer(c)
	b := newBrowser(t, s)
	refused := func(name string, status int, resp *http.Response) {
		t.Helper()
		if resp.StatusCode != status || resp.Header.Get("Location") != "" {
			t.Errorf("%s: status %d, Location %q; want %d", name, resp.StatusCode, resp.Header.Get("Location"), status)
		}
	}
	_, ticket := b.open()
	refused("another site", 403, b.decide(decision(ticket, "allow"), "Sec-Fetch-Site", "cross-site"))
	refused("another origin", 403, b.decide(decision(ticket, "allow"), "Origin", "https://evil.example"))
	refused("no response", 400, b.decide(url.Values{"ticket": {ticket}}))
	refused("odd answer", 400, b.decide(decision(ticket, "maybe")))
	refused("odd body", 400, b.decide(nil, "Content-Type", "application/x-www-form-urlencoded; charset=%"))
	refused("guessed ticket", 403, b.decide(decision("guessed", "allow")))

	stranger := newBrowser(t, s)
	refused("no cookie", 403, stranger.decide(decision(ticket, "allow")))
	stranger.open()
	refused("another browser's ticket", 403, stranger.decide(decision(ticket, "allow")))

	if resp := b.decide(decision(ticket, "allow")); resp.StatusCode != 303 {
		t.Fatalf("the user's own decision: status %d", resp.StatusCode)
	}
	refused("used ticket", 403, b.decide(decision(ticket, "allow")))
	_, ticket = b.open()
	c.advance(10 * time.Minute)
	refused("stale ticket", 403, b.decide(decision(ticket, "allow")))

	r := httptest.NewRequest(http.MethodDelete, oauth.AuthorizePath, nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("DELETE: status %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestApproveSaysWhyThereIsNoPage(t *testing.T) {
	s := newServer()
	for _, address := range []string{authorizeURL("client_id", "nobody"), authorizeURL("scope", "admin"), "http://%"} {
		if callback, err := s.Approve(address); err == nil {
			t.Errorf("approved %s as %s", address, callback)
		}
	}
}

func FuzzAuthorize(f *testing.F) {
	s := newServer()
	for _, seed := range []string{authorizeURL(), authorizeURL("scope", "read \"\\\xff"), authorizeURL("redirect_uri", "http://127.0.0.1:x/callback"), authorizeURL("state", "\r\nX: y")} {
		_, q, _ := strings.Cut(seed, "?")
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, oauth.AuthorizePath, nil)
		r.URL.RawQuery = q
		s.ServeHTTP(w, r)
		location := w.Header().Get("Location")
		switch w.Code {
		case 200, 400:
			if location != "" {
				t.Errorf("%q: a page and Location %q", q, location)
			}
		case 303:
			u, err := url.Parse(location)
			if err != nil || strings.ContainsAny(location, "\r\n ") {
				t.Fatalf("%q: Location %q: %v", q, location, err)
			}
			if host := u.Hostname(); host != "127.0.0.1" && host != "::1" && host != "app.example" && u.Scheme != "example.app" {
				t.Errorf("%q: sent to %s", q, location)
			}
		default:
			t.Errorf("%q: status %d", q, w.Code)
		}
	})
}
