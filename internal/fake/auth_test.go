package fake_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake"
	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/fake/table"
	"github.com/connix-io/connix-go/internal/openapi"
)

// as replaces the credentials of a request: name and value of one header, or
// nothing.
func as(header ...string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del("X-API-Key")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
	}
}

// bearer knows four tokens.
func bearer(token string) ([]string, bool, error) {
	switch token {
	case "reader":
		return []string{fake.ScopeRead}, true, nil
	case "writer":
		return []string{fake.ScopeWrite}, true, nil
	case "both":
		return []string{fake.ScopeRead, fake.ScopeWrite}, true, nil
	case "none":
		return nil, true, nil
	case "old":
		return nil, false, errors.New("The access token expired")
	}
	return nil, false, nil
}

func TestAuthentication(t *testing.T) {
	w := newWorld(t, func(c *fake.Config) { c.Bearer = bearer })
	w.Store().AddAPIKey(&state.APIKey{Secret: "expired", ExpiresAt: new(day(15))})
	const missing = "Authentication is missing: send X-API-Key or Authorization: Bearer"
	tests := []struct {
		name    string
		as      func(*http.Request)
		message string // "": let in
	}{
		{"key", as("X-API-Key", key), ""},
		{"nothing", as(), missing},
		{"empty key", as("X-API-Key", ""), missing},
		{"unknown key", as("X-API-Key", "cx_1"), "The API key is not known; it may have been revoked"},
		{"expired key", as("X-API-Key", "expired"), "The API key has expired"},
		{"token", as("Authorization", "Bearer both"), ""},
		{"scheme in lower case", as("Authorization", "bearer both"), ""},
		{"unknown token", as("Authorization", "Bearer x"), "The access token is not known; it may have expired"},
		{"refused token", as("Authorization", "Bearer old"), "The access token expired"},
		{"no token", as("Authorization", "Bearer "), "The Authorization header must hold a bearer token"},
		{"other scheme", as("Authorization", "Basic both"), "The Authorization header must hold a bearer token"},
		{"key as token", as("Authorization", "Bearer "+key), "The access token is not known; it may have expired"},
		{"key and unknown token", as("X-API-Key", key, "Authorization", "Bearer x"), ""},
		{"unknown key and token", as("X-API-Key", "cx_1", "Authorization", "Bearer both"), "The API key is not known; it may have been revoked"},
	}
	for _, tt := range tests {
		for _, path := range []string{"/hello", "/projects", "/status"} {
			rec := w.do("GET", path, "", tt.as)
			switch {
			case tt.message == "" && rec.Code != 200:
				t.Errorf("%s: GET %s: status %d: %s", tt.name, path, rec.Code, rec.Body)
			case tt.message != "" && (rec.Code != 401 || !jsonMatches(t, rec.Body.Bytes(), []byte(errorJSON("UNAUTHORIZED", tt.message)))):
				t.Errorf("%s: GET %s: status %d: %s", tt.name, path, rec.Code, rec.Body)
			case tt.message != "" && rec.Header().Get("WWW-Authenticate") != "Bearer":
				t.Errorf("%s: no WWW-Authenticate", tt.name)
			}
		}
	}
	w = newWorld(t)
	if rec := w.do("GET", "/hello", "", as("Authorization", "Bearer both")); rec.Code != 401 {
		t.Errorf("without an authorization server: status %d", rec.Code)
	}
}

// TestScopes asks every operation of the document with every scope alone.
func TestScopes(t *testing.T) {
	operations := openapi.Operations()
	if len(operations) == 0 {
		t.Fatal("the document has no operation")
	}
	scopes := append(state.AllScopes(), "", "read", "write")
	for _, op := range operations {
		path, ok := strings.CutPrefix(op.Path, "/api/v1")
		if !ok || op.ID == "getOpenAPI" {
			continue // a delivery, which the fake sends, or what needs no credential
		}
		kind, action := strings.Split(path, "/")[1], "write"
		if kind == "auth" {
			kind = "api-keys"
		}
		if strings.HasSuffix(path, "/agents") {
			kind = "agents"
		}
		if op.Method == "GET" {
			action = "read"
		}
		needed := kind + ":" + action
		if slices.Contains([]string{"hello", "status"}, kind) {
			needed = ""
		}
		for _, scope := range scopes {
			w := newWorld(t, func(c *fake.Config) {
				c.Bearer = func(string) ([]string, bool, error) { return []string{scope}, true, nil }
			})
			w.Store().AddAPIKey(&state.APIKey{Secret: "k", Scopes: []string{scope}})
			path := strings.ReplaceAll(path, "{id}", "none")
			rec := w.do(op.Method, path, "", as("X-API-Key", "k"))
			if allowed := needed == "" || scope == needed; allowed == (rec.Code == 403) {
				t.Errorf("%s %s with a key for %q: status %d", op.Method, path, scope, rec.Code)
			} else if want := errorJSON("FORBIDDEN", "The scope "+needed+" is missing"); !allowed && !jsonMatches(t, rec.Body.Bytes(), []byte(want)) {
				t.Errorf("%s %s with a key for %q: %s, want %s", op.Method, path, scope, rec.Body, want)
			}
			rec = w.do(op.Method, path, "", as("Authorization", "Bearer t"))
			if allowed := scope == action || scope == needed && scope != ""; allowed == (rec.Code == 403) {
				t.Errorf("%s %s with a token for %q: status %d", op.Method, path, scope, rec.Code)
			} else if want := errorJSON("FORBIDDEN", "The scope "+action+" is missing"); !allowed && !jsonMatches(t, rec.Body.Bytes(), []byte(want)) {
				t.Errorf("%s %s with a token for %q: %s, want %s", op.Method, path, scope, rec.Body, want)
			}
		}
	}
}

func TestUseOfAKeyIsNotedOnlyWhenItIsLetIn(t *testing.T) {
	w := newWorld(t)
	k := w.Store().AddAPIKey(&state.APIKey{Key: table.Key{ID: "key_1"}, ExpiresAt: new(day(15).Add(11 * time.Hour))})
	use := func(want string) {
		t.Helper()
		w.do("GET", "/hello", "", as("X-API-Key", k.Secret))
		w.want("GET", "/auth/api-keys/key_1", "", 200, `{"id":"key_1","name":"key_1","description":"","scopes":[],
			"created_at":"2024-01-15T10:30:00Z","expires_at":"2024-01-15T11:00:00Z","last_used":"`+want+`"}`)
	}
	use("2024-01-15T10:30:00Z")
	w.clock.Advance(time.Hour)
	use("2024-01-15T10:30:00Z")
}
