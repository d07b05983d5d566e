package oauthcli

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// From inside: few tests may listen on port 80.
func TestCallback_host(t *testing.T) {
	for _, tt := range []struct {
		at, host string
		status   int
	}{
		{"http://127.0.0.1:80/callback", "127.0.0.1", 200},
		{"http://127.0.0.1:80/callback", "127.0.0.1:80", 200},
		{"http://[::1]:80/callback", "[::1]", 200},
		{"http://127.0.0.1:80/callback", "localhost", 421},
		{"http://127.0.0.1:8080/callback", "127.0.0.1:8080", 200},
		{"http://127.0.0.1:8080/callback", "127.0.0.1", 421},
		{"http://127.0.0.1:8080/callback", "127.0.0.1:80", 421},
	} {
		at, err := url.Parse(tt.at)
		if err != nil {
			t.Fatal(err)
		}
		back := newCallback(at, "state", "App")
		back.end(nil)
		r := httptest.NewRequest(http.MethodGet, "/callback?state=state&code=code", nil)
		r.Host = tt.host
		w := httptest.NewRecorder()
		back.ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("at %s, Host %s: %d, want %d", tt.at, tt.host, w.Code, tt.status)
		}
	}
}
