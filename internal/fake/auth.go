package fake

import (
	"net/http"
	"slices"
	"strings"

	"github.com/connix-io/connix-go/internal/fake/problem"
	"github.com/connix-io/connix-go/internal/fake/state"
)

// The scopes of OAuth2 tokens: one to read everything, one for everything else.
const (
	ScopeRead  = "read"
	ScopeWrite = "write"
)

// credential is who sent a request.
type credential struct {
	user   string // whose records it sees, "" for the default user's
	budget string // whose budget it uses
	scopes []string
	token  bool // an OAuth2 token, not a key
}

// authenticate finds out who sent a request: by X-API-Key if it is there, else
// by a bearer token. Its error is a problem.
func (f *Fake) authenticate(r *http.Request) (*credential, error) {
	refuse := func(message string) (*credential, error) {
		return nil, &problem.Problem{Status: http.StatusUnauthorized, Message: message}
	}
	if key := r.Header.Get("X-API-Key"); key != "" {
		user, k, expired := f.useAPIKey(key)
		switch {
		case k == nil:
			return refuse("The API key is not known; it may have been revoked")
		case expired:
			return refuse("The API key has expired")
		}
		return &credential{user: user, budget: string(k.ID), scopes: k.Scopes}, nil
	}
	authorization := r.Header.Get("Authorization")
	if authorization == "" {
		return refuse("Authentication is missing: send X-API-Key or Authorization: Bearer")
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return refuse("The Authorization header must hold a bearer token")
	}
	if f.config.Bearer == nil {
		return refuse("The access token is not known")
	}
	scopes, ok, err := f.config.Bearer(token)
	switch {
	case ok:
		who := &credential{budget: "Bearer " + token, scopes: scopes, token: true}
		if f.config.OAuth != nil {
			who.user = f.config.OAuth.Subject(token)
		}
		return who, nil
	case err != nil:
		return refuse(err.Error())
	}
	return refuse("The access token is not known; it may have expired")
}

// useAPIKey finds a key among all users'.
func (f *Fake) useAPIKey(key string) (user string, k *state.APIKey, expired bool) {
	if k, expired = f.store.UseAPIKey(key); k != nil || !f.config.Users {
		return "", k, expired
	}
	for user, s := range f.worlds() {
		if k, expired = s.UseAPIKey(key); k != nil {
			return user, k, expired
		}
	}
	return "", nil, false
}

// identify returns who sent a request, nil for no valid credential.
func (f *Fake) identify(r *http.Request) *credential {
	who, err := f.authenticate(r)
	if err != nil {
		return nil
	}
	return who
}

// may reports whether the credential may use the route.
func (c *credential) may(r *route) bool {
	if c.token && slices.Contains(c.scopes, r.tokenScope()) {
		return true
	}
	if r.scope == "" {
		return !c.token
	}
	return slices.Contains(c.scopes, r.scope)
}

// lacks says what a credential that may not use the route would need.
func (c *credential) lacks(r *route) string {
	scope := r.scope
	if c.token {
		scope = r.tokenScope()
	}
	return "The scope " + scope + " is missing"
}

// tokenScope returns the scope of OAuth2 that allows the route.
func (r *route) tokenScope() string {
	if r.method == http.MethodGet {
		return ScopeRead
	}
	return ScopeWrite
}
