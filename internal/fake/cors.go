package fake

import (
	"net/http"
	"strings"
)

// exposedHeaders are the headers of responses that scripts of other origins may read.
const exposedHeaders = "X-Request-ID, X-Response-Time, Retry-After, " +
	"X-RateLimit-Limit-Requests, X-RateLimit-Remaining-Requests, X-RateLimit-Reset-Requests, " +
	"X-RateLimit-Limit-Tokens, X-RateLimit-Remaining-Tokens, X-RateLimit-Reset-Tokens"

// allowOrigin lets scripts of any origin read the response, which the OAuth2 of browser
// applications needs. No cookie counts here, so nothing is given away. The consent page
// is not for scripts.
func allowOrigin(h http.Header, r *http.Request) {
	if r.Header.Get("Origin") == "" || r.URL.Path == oauthPrefix+"authorize" {
		return
	}
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
}

// isPreflight reports whether a browser asks before it sends a request of another origin.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" &&
		r.URL.Path != oauthPrefix+"authorize"
}

// preflight allows any method and header, without a credential: browsers send none. The
// request itself is then held to the rules.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE")
	if asked := r.Header.Values("Access-Control-Request-Headers"); len(asked) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(asked, ", "))
	}
	h.Set("Access-Control-Max-Age", "600")
	h.Set("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	w.WriteHeader(http.StatusNoContent)
}
