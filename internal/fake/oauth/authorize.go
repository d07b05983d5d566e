package oauth

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	ticketLife = 10 * time.Minute
	maxForm    = 64 << 10
	// cookieName is the cookie that ties a consent page to the browser it was shown in.
	cookieName = "connix_consent"
)

// authorization is one valid authorization request.
type authorization struct {
	client       string
	redirectURI  string
	redirectSent bool
	scopes       []string
	state        string
	stateSent    bool
	challenge    string
}

// ticket is a consent page that waits for its decision.
type ticket struct {
	authorization
	cookie  string
	expires time.Time
}

// failure is an error of RFC 6749.
type failure struct {
	code, description string
	status            int // of the token endpoint; 0: 400
}

func (f *failure) Error() string { return f.code + ": " + f.description }

func invalidRequest(format string, args ...any) *failure {
	return &failure{code: "invalid_request", description: fmt.Sprintf(format, args...)}
}

func invalidGrant(description string) *failure {
	return &failure{code: "invalid_grant", description: description}
}

func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		s.askUser(w, r)
	case http.MethodPost:
		s.decide(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		writeErrorPage(w, http.StatusMethodNotAllowed, "This page knows GET and POST only.")
	}
}

// askUser shows the consent page, or says why not: to the application where the
// way back is known to be good, else to the user.
func (s *Server) askUser(w http.ResponseWriter, r *http.Request) {
	a, c, unsafe, refused := s.authorization(r.URL.RawQuery)
	switch {
	case unsafe != "":
		writeErrorPage(w, http.StatusBadRequest, unsafe)
		return
	case refused != nil:
		redirect(w, a, url.Values{"error": {refused.code}, "error_description": {refused.description}})
		return
	}
	cookie := rand.Text()
	if k, err := r.Cookie(cookieName); err == nil && len(k.Value) == len(cookie) {
		cookie = k.Value // so that two pages can be open at once
	}
	id := rand.Text()
	s.mu.Lock()
	s.tickets[id] = ticket{authorization: a, cookie: cookie, expires: s.now().Add(ticketLife)}
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where there is TLS; the fake itself is plain http
		Name: cookieName, Value: cookie, Path: AuthorizePath,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	s.writeConsentPage(w, c, a, id)
}

// decide takes the user's decision from the consent page.
func (s *Server) decide(w http.ResponseWriter, r *http.Request) {
	const stale = "This page has expired or was used before. Go back to the application and log in again."
	if http.NewCrossOriginProtection().Check(r) != nil {
		writeErrorPage(w, http.StatusForbidden, "The decision did not come from this page.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.ParseForm() != nil {
		writeErrorPage(w, http.StatusBadRequest, "The decision cannot be read.")
		return
	}
	decision := r.PostForm.Get("decision")
	if decision != "allow" && decision != "deny" {
		writeErrorPage(w, http.StatusBadRequest, "Neither allowed nor denied.")
		return
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		writeErrorPage(w, http.StatusForbidden, "This browser sends no cookies, or the page was opened in another one.")
		return
	}
	id := r.PostForm.Get("ticket")
	s.mu.Lock()
	t, ok := s.tickets[id]
	ok = ok && s.now().Before(t.expires) && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(t.cookie)) == 1
	if ok {
		delete(s.tickets, id)
	}
	s.mu.Unlock()
	if !ok {
		writeErrorPage(w, http.StatusForbidden, stale)
		return
	}
	redirect(w, t.authorization, s.decision(t.authorization, decision == "allow", strings.TrimSpace(r.PostForm.Get("user"))))
}

// decision is what a user's decision sends back to the application.
func (s *Server) decision(a authorization, allowed bool, subject string) url.Values {
	if !allowed {
		return url.Values{"error": {"access_denied"}, "error_description": {"the user denied access"}}
	}
	text := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[text] = &code{
		authorization: a, expires: s.now().Add(s.cfg.CodeLife),
		family: &family{client: a.client, subject: subject, scopes: a.scopes},
	}
	return url.Values{"code": {text}}
}

// Approve decides an authorization URL as a user who allows it, and returns the
// URL that the browser is sent to. A request that shows no consent page is an
// error.
func (s *Server) Approve(authorizeURL string) (callback string, err error) {
	return s.ApproveAs("", authorizeURL)
}

// ApproveAs is Approve as a certain user.
func (s *Server) ApproveAs(subject, authorizeURL string) (callback string, err error) {
	return s.decideFor(subject, authorizeURL, true)
}

// Deny is Approve for a user who denies.
func (s *Server) Deny(authorizeURL string) (callback string, err error) {
	return s.decideFor("", authorizeURL, false)
}

func (s *Server) decideFor(subject, authorizeURL string, allowed bool) (string, error) {
	u, err := url.Parse(authorizeURL)
	if err != nil {
		return "", err
	}
	a, _, unsafe, refused := s.authorization(u.RawQuery)
	switch {
	case unsafe != "":
		return "", fmt.Errorf("no consent page: %s", unsafe)
	case refused != nil:
		return "", refused
	}
	return a.callback(s.decision(a, allowed, subject)), nil
}

// authorization reads an authorization request. unsafe tells the user why
// nothing can be sent back: the client or the way to it is not known. refused
// is sent back to the application.
func (s *Server) authorization(query string) (a authorization, c Client, unsafe string, refused *failure) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return a, c, "The address is malformed.", nil
	}
	if len(q["client_id"]) != 1 || len(q["redirect_uri"]) > 1 {
		return a, c, "The address names no application, or names one twice.", nil
	}
	c, ok := s.client(q.Get("client_id"))
	if !ok {
		return a, c, "No application of this client_id is known.", nil
	}
	a = authorization{client: c.ID, state: q.Get("state"), stateSent: q.Has("state"), redirectSent: q.Has("redirect_uri")}
	if a.redirectURI, ok = c.redirect(q.Get("redirect_uri"), a.redirectSent); !ok {
		return a, c, "The application did not register the redirect_uri it asks for.", nil
	}
	if planned := s.failure(AuthorizePath); planned != "" {
		return a, c, "", &failure{code: planned, description: "planned by the test"}
	}
	for name, values := range q {
		if len(values) > 1 {
			return a, c, "", invalidRequest("%s is given twice", asciiOnly(name))
		}
	}
	switch {
	case !q.Has("response_type"):
		refused = invalidRequest("response_type is missing")
	case q.Get("response_type") != "code":
		refused = &failure{code: "unsupported_response_type", description: "only code is supported"}
	case !c.mayUse("authorization_code"):
		refused = &failure{code: "unauthorized_client", description: "the client may not use the authorization code grant"}
	case !q.Has("code_challenge"):
		refused = invalidRequest("code_challenge is missing: PKCE is required")
	case q.Get("code_challenge_method") != "S256":
		refused = invalidRequest("code_challenge_method must be S256")
	case !validChallenge(q.Get("code_challenge")):
		refused = invalidRequest("code_challenge is not 43 characters of base64url")
	}
	if refused != nil {
		return a, c, "", refused
	}
	a.challenge = q.Get("code_challenge")
	a.scopes, refused = c.scopesOf(q.Get("scope"))
	return a, c, "", refused
}

// scopesOf reads a scope parameter; none asked for means read.
func (c Client) scopesOf(text string) ([]string, *failure) {
	scopes := slices.Compact(slices.Sorted(slices.Values(strings.Fields(text))))
	if len(scopes) == 0 {
		scopes = []string{ScopeRead}
	}
	for _, scope := range scopes {
		if !c.mayHave(scope) {
			return nil, &failure{code: "invalid_scope", description: "the client may not have the scope " + asciiOnly(scope)}
		}
	}
	return scopes, nil
}

// redirect returns where the user is sent back to, and false where the client
// has not registered that.
func (c Client) redirect(asked string, sent bool) (string, bool) {
	if !sent {
		if len(c.RedirectURIs) != 1 {
			return "", false
		}
		return c.RedirectURIs[0], true
	}
	if strings.Contains(asked, "#") {
		return "", false
	}
	for _, registered := range c.RedirectURIs {
		if asked == registered || sameLoopback(asked, registered) {
			return asked, true
		}
	}
	return "", false
}

// sameLoopback reports whether two loopback redirect URIs differ in their ports
// only (RFC 8252, 7.3).
func sameLoopback(asked, registered string) bool {
	a, errA := url.Parse(asked)
	b, errB := url.Parse(registered)
	// The scheme is compared as it is written: the browser is sent where asked says.
	if errA != nil || errB != nil || !strings.HasPrefix(asked, "http://") || !strings.HasPrefix(registered, "http://") {
		return false
	}
	if port := a.Port(); port != "" || strings.HasSuffix(a.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' {
			return false
		}
	}
	ip := net.ParseIP(a.Hostname())
	if ip == nil || !ip.IsLoopback() || a.User != nil {
		return false
	}
	return a.Hostname() == b.Hostname() && a.EscapedPath() == b.EscapedPath() && a.RawQuery == b.RawQuery
}

// callback is the address that the browser is sent to with a response.
func (a authorization) callback(result url.Values) string {
	if a.stateSent {
		result.Set("state", a.state)
	}
	separator := "?"
	if strings.Contains(a.redirectURI, "?") {
		separator = "&"
	}
	return a.redirectURI + separator + result.Encode()
}

func redirect(w http.ResponseWriter, a authorization, result url.Values) {
	secureHeaders(w)
	w.Header().Set("Location", a.callback(result))
	w.WriteHeader(http.StatusSeeOther)
}

// asciiOnly keeps what RFC 6749 allows in an error description.
func asciiOnly(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, text[:min(len(text), 60)])
}
