package connix

import (
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects is how many hops one call follows.
const maxRedirects = 10

// isRedirect reports whether a status tells the client to go elsewhere.
func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirectTarget returns where a redirect leads, or why it is not followed. A
// call stays on the API's origin, where its credential belongs, and keeps its
// method: a redirected POST or DELETE that turned into a GET would be answered
// 200 and have done nothing. No reason quotes the location, which may carry a
// secret.
func redirectTarget(method string, replayable bool, hops, status int, location string, from *url.URL) (to *url.URL, refusal string) {
	if location == "" {
		return nil, "it names no location"
	}
	to, err := from.Parse(location)
	keepsMethod := status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect
	switch {
	case err != nil:
		return nil, "its location is no URL"
	case !sameOrigin(to, from):
		return nil, "it leaves the API's scheme, host and port"
	case to.User != nil:
		return nil, "its location carries credentials"
	case method != http.MethodGet && method != http.MethodHead && !keepsMethod:
		return nil, "following it would turn the " + method + " into a GET"
	case !replayable:
		return nil, "the body was streamed and cannot be sent again"
	case hops >= maxRedirects:
		return nil, "more than 10 in a row"
	}
	to.Fragment, to.RawFragment = "", ""
	return to, ""
}

// sameOrigin compares scheme, host and port, where the scheme's own port may be
// left out.
func sameOrigin(a, b *url.URL) bool {
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
