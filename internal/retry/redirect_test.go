package retry

import (
	"net/url"
	"testing"
)

func TestTarget_followedOrRefused(t *testing.T) {
	from, _ := url.Parse("https://api.connix.io/api/v1/projects/1?limit=2")
	for _, c := range []struct {
		name     string
		method   string
		status   int
		location string
		streamed bool
		hops     int
		want     string // "": refused
	}{
		{"relative", "GET", 302, "/api/v1/projects/2", false, 0, "https://api.connix.io/api/v1/projects/2"},
		{"relative to the folder", "GET", 301, "2?x=1#y", false, 0, "https://api.connix.io/api/v1/projects/2?x=1"},
		{"same origin, port spelled out", "HEAD", 303, "https://API.connix.io:443/x", false, 0, "https://API.connix.io:443/x"},
		{"307 keeps a POST", "POST", 307, "/x", false, 0, "https://api.connix.io/x"},
		{"308 keeps a DELETE", "DELETE", 308, "/x", false, 9, "https://api.connix.io/x"},
		{"301 would turn a POST into a GET", "POST", 301, "/x", false, 0, ""},
		{"302 would turn a DELETE into a GET", "DELETE", 302, "/x", false, 0, ""},
		{"303 would turn a PATCH into a GET", "PATCH", 303, "/x", false, 0, ""},
		{"streamed body", "POST", 307, "/x", true, 0, ""},
		{"other host", "GET", 302, "https://evil.example/x", false, 0, ""},
		{"subdomain", "GET", 302, "https://a.api.connix.io/x", false, 0, ""},
		{"other port", "GET", 302, "https://api.connix.io:8443/x", false, 0, ""},
		{"other scheme", "GET", 302, "http://api.connix.io/x", false, 0, ""},
		{"scheme-relative", "GET", 302, "//evil.example/x", false, 0, ""},
		{"user info", "GET", 302, "https://u:p@api.connix.io/x", false, 0, ""},
		{"no location", "GET", 302, "", false, 0, ""},
		{"no URL", "GET", 302, "https://api.connix.io/%zz", false, 0, ""},
		{"the eleventh hop", "GET", 302, "/x", false, 10, ""},
	} {
		s := State{Method: c.method, Replayable: !c.streamed, Hops: c.hops, URL: from}
		to, refusal := s.target(&Attempt{Status: c.status, Location: c.location})
		switch {
		case (refusal == "") != (c.want != ""):
			t.Errorf("%s: refusal %q", c.name, refusal)
		case c.want != "" && to.String() != c.want:
			t.Errorf("%s: to %s, want %s", c.name, to, c.want)
		}
	}
}

// TestApply_redirectThenRetry has a temporary redirect hold for one attempt, a
// permanent one for the call.
func TestApply_redirectThenRetry(t *testing.T) {
	for status, want := range map[int]string{302: "/a", 303: "/a", 307: "/a", 301: "/b", 308: "/b"} {
		home, _ := url.Parse("https://api.connix.io/a")
		s := State{Policy: defaultPolicy, Method: "GET", Replayable: true, Home: home, URL: home}
		s.Apply(Decide(&s, &Attempt{Status: status, Location: "/b", Outcome: Rejected}, Moment{Remaining: -1}))
		if s.URL.Path != "/b" || s.Hops != 1 {
			t.Errorf("%d: went to %s after %d hops", status, s.URL, s.Hops)
		}
		s.Apply(Decide(&s, responded("GET", 503), Moment{Remaining: -1}))
		if s.URL.Path != want || s.Hops != 0 || s.Retries != 1 {
			t.Errorf("%d: the retry went to %s, want %s", status, s.URL.Path, want)
		}
	}
	home, _ := url.Parse("https://api.connix.io/a")
	s := State{Policy: defaultPolicy, Method: "GET", Replayable: true, Home: home, URL: home}
	for _, step := range []Attempt{{Status: 302, Location: "/b", Outcome: Rejected}, {Status: 301, Location: "/c", Outcome: Rejected}} {
		s.Apply(Decide(&s, &step, Moment{Remaining: -1}))
	}
	if s.URL.Path != "/c" || s.Home.Path != "/a" {
		t.Errorf("a permanent redirect behind a temporary one holds for no later attempt: home is %s", s.Home)
	}
}
