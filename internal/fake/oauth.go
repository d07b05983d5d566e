package fake

import (
	"net/http"
	"strings"
)

// OAuth is an authorization server: it serves what is below /oauth2/ and knows what
// its tokens may do.
type OAuth interface {
	http.Handler
	// Lookup returns the scopes of an access token, and false for one that is
	// not good, or not any more.
	Lookup(token string) (scopes []string, ok bool)
	// Subject returns the user whose access token it is, "" for the default one.
	Subject(token string) string
	// Reset forgets all codes and tokens.
	Reset()
}

// oauthPrefix is where an authorization server serves.
const oauthPrefix = "/oauth2/"

// IsOAuth reports whether a request is for the authorization server, not for
// the API and its document.
func IsOAuth(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, oauthPrefix) }

// withOAuth puts the authorization server, if there is one, beside the API, and
// has its tokens accepted.
func (f *Fake) withOAuth(api http.Handler) http.Handler {
	server := f.config.OAuth
	if server == nil {
		return api
	}
	if f.config.Bearer == nil {
		f.config.Bearer = func(token string) ([]string, bool, error) {
			scopes, ok := server.Lookup(token)
			return scopes, ok, nil
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if IsOAuth(r) {
			server.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}
