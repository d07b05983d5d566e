package retry

import (
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects is how many redirects one call follows.
const maxRedirects = 10

// RedirectRefused is why a redirect is not followed.
type RedirectRefused string

// Error returns the reason. It never quotes the location, which may carry a
// secret.
func (e RedirectRefused) Error() string { return string(e) }

// IsRedirect reports whether a status tells the client to go elsewhere.
func IsRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// target returns where a redirect leads, or why it is not followed. A call stays
// on the API's origin, where its credential belongs, and keeps its method: the
// server would answer 200 to a POST or DELETE that turned into a GET, and have
// done nothing.
func (s *State) target(a *Attempt) (to *url.URL, refusal string) {
	if a.Location == "" {
		return nil, "it names no location"
	}
	to, err := s.URL.Parse(a.Location)
	keepsMethod := a.Status == http.StatusTemporaryRedirect || a.Status == http.StatusPermanentRedirect
	switch {
	case err != nil:
		return nil, "its location is not a valid URL"
	case !SameOrigin(to, s.URL):
		return nil, "it leaves the API's scheme, host and port"
	case to.User != nil:
		return nil, "its location carries credentials"
	case s.Method != http.MethodGet && s.Method != http.MethodHead && !keepsMethod:
		return nil, "following it would turn the " + s.Method + " into a GET"
	case !s.Replayable:
		return nil, ErrStreamed.Error()
	case s.Hops >= maxRedirects:
		return nil, "more than 10 in a row"
	}
	to.Fragment, to.RawFragment = "", ""
	return to, ""
}

// SameOrigin compares scheme, host and port. The scheme's own port may be left
// out.
func SameOrigin(a, b *url.URL) bool {
	if a.Scheme == b.Scheme && a.Host == b.Host {
		return true
	}
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case strings.EqualFold(u.Scheme, "http"):
		return "80"
	}
	return "443"
}
