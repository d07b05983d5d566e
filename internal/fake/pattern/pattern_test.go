package pattern_test

import (
	"testing"

	"github.com/connix-io/connix-go/internal/fake/pattern"
)

func TestMatches(t *testing.T) {
	const method, template, path = "POST", "/projects/{id}/agents", "/api/v1/projects/7/agents"
	for _, tt := range []struct {
		method, route string
		want          bool
	}{
		{"", "", true},
		{"post", "", true},
		{"GET", "", false},
		{"POST", "/projects/{id}/agents", true},
		{"", "/projects/7/agents", true},
		{"", "/api/v1/projects/7/agents", true},
		{"", "/api/v1/projects/{id}/agents", true},
		{"", "/projects/8/agents", false},
		{"", "/projects/{id}", false},
		{"GET", "/projects/7/agents", false},
	} {
		p, err := pattern.New(tt.method, tt.route, func(string) bool { return true })
		if err != nil || p.Matches(method, template, path) != tt.want {
			t.Errorf("%q %q: matches %t, %v; want %t", tt.method, tt.route, !tt.want, err, tt.want)
		}
	}
	for _, route := range []string{"projects", "{id}", "/projects/{projectID}", "/projects/{id", "/projects/x{id}", "/api/v1projects/}"} {
		if p, err := pattern.New("", route, func(string) bool { return true }); err == nil {
			t.Errorf("%q is taken for %+v", route, p)
		}
	}
}
