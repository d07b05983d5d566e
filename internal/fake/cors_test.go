package fake_test

import (
	"net/http"
	"testing"
)

func origin(more ...string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Origin", "https://app.example")
		for i := 0; i < len(more); i += 2 {
			r.Header.Set(more[i], more[i+1])
		}
	}
}

func TestCORS_preflight(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/projects", "/projects/1", "/docs", "/none"} {
		rec := w.do("OPTIONS", path, "", origin("Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type"),
			func(r *http.Request) { r.Header.Del("X-API-Key") })
		h := rec.Header()
		if rec.Code != 204 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Headers") != "authorization,content-type" ||
			h.Get("Access-Control-Allow-Methods") == "" || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("OPTIONS %s: %d %v", path, rec.Code, h)
		}
	}
	if rec := w.do("OPTIONS", "/projects", ""); rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("OPTIONS that is no preflight: %d", rec.Code)
	}
}

func TestCORS_responses(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		path   string
		change func(*http.Request)
		want   string
	}{
		{"/hello", origin(), "*"},
		{"/projects/none", origin(), "*"},
		{"/hello", origin("X-API-Key", "wrong"), "*"},
		{"/hello", func(*http.Request) {}, ""},
	} {
		rec := w.do("GET", tt.path, "", tt.change)
		if got := rec.Header().Get("Access-Control-Allow-Origin"); got != tt.want || (tt.want != "") != (rec.Header().Get("Access-Control-Expose-Headers") != "") {
			t.Errorf("GET %s: %d, Access-Control-Allow-Origin %q, want %q", tt.path, rec.Code, got, tt.want)
		}
	}
}
