package oauth

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

var (
	//go:embed page.html
	pageHTML string
	page     = template.Must(template.New("page").Parse(pageHTML))
)

// pageData fills page.html: the consent page, or an error where Problem is set.
type pageData struct {
	Title, Problem       string
	App, Ticket, Back    string
	Scopes               []scopeText
	Nonce, AuthorizePath string
	Users                bool // the page asks which user decides
}

type scopeText struct{ Name, Text string }

func (s *Server) writeConsentPage(w http.ResponseWriter, c Client, a authorization, ticketID string) {
	d := pageData{Title: "Allow access", App: c.title(), Ticket: ticketID, AuthorizePath: AuthorizePath, Users: s.cfg.Users}
	for _, scope := range a.scopes {
		d.Scopes = append(d.Scopes, scopeText{scope, describe(scope)})
	}
	var source string
	d.Back, source = destination(a.redirectURI)
	// Browsers hold form-action against the redirect that follows the form too.
	writePage(w, http.StatusOK, d, "'self' "+source)
}

// destination is where a redirect URI leads, for people and as the source of a
// content security policy, which knows no IPv6 addresses.
func destination(redirectURI string) (text, source string) {
	u, err := url.Parse(redirectURI)
	switch {
	case err != nil:
		return "the application", ""
	case u.Host == "":
		return "the application (" + u.Scheme + ":)", u.Scheme + ":"
	case strings.Contains(u.Hostname(), ":"):
		return u.Host, u.Scheme + ":"
	}
	return u.Host, u.Scheme + "://" + u.Host
}

func writeErrorPage(w http.ResponseWriter, status int, problem string) {
	writePage(w, status, pageData{Title: "This does not work", Problem: problem}, "'none'")
}

func writePage(w http.ResponseWriter, status int, d pageData, formAction string) {
	d.Nonce = rand.Text()
	var b bytes.Buffer
	if err := page.Execute(&b, d); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	secureHeaders(w)
	h := w.Header()
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "style-src 'nonce-" + d.Nonce + "'", "img-src data:",
		"form-action " + formAction, "frame-ancestors 'none'", "base-uri 'none'",
	}, "; "))
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a browser that went away reads nothing
}

// secureHeaders are those of everything that a browser gets.
func secureHeaders(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	// no-referrer would have browsers send "Origin: null" with the decision.
	h.Set("Referrer-Policy", "same-origin")
}

func describe(scope string) string {
	switch scope {
	case ScopeRead:
		return "See your projects, agents, webhooks and API keys"
	case ScopeWrite:
		return "Create, change, launch, stop and delete them"
	}
	return "Use what this scope stands for"
}
