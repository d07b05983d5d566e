package fake_test

import (
	"fmt"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake"
	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/fake/window"
)

// budgetOf returns what a response says is left: requests and tokens, each with
// the seconds until its reset.
func budgetOf(t *testing.T, w *world, rec *httptest.ResponseRecorder) string {
	t.Helper()
	text := ""
	for _, name := range []string{"Requests", "Tokens"} {
		reset, err := strconv.ParseInt(rec.Header().Get("X-RateLimit-Reset-"+name), 10, 64)
		if err != nil {
			t.Error(err)
		}
		text += fmt.Sprintf("%s/%s+%d ", rec.Header().Get("X-RateLimit-Remaining-"+name), rec.Header().Get("X-RateLimit-Limit-"+name), reset-w.Now().Unix())
	}
	return text
}

func TestLimits(t *testing.T) {
	w := newWorld(t, func(c *fake.Config) {
		c.Limits = window.Rules{
			Windows: []window.Limit{{Max: 2, Period: time.Minute}, {Max: 3, Period: time.Hour}},
			Tokens:  window.Limit{Max: 50, Period: time.Hour},
		}
		c.Bearer = bearer
	})
	other := w.Store().AddAPIKey(&state.APIKey{Scopes: []string{"projects:read"}})
	step := func(path, credential string, status int, want string) {
		t.Helper()
		rec := w.do("GET", path, "", as("X-API-Key", credential))
		if got := budgetOf(t, w, rec); rec.Code != status || got != want {
			t.Errorf("GET %s: status %d and %s, want %d and %s: %s", path, rec.Code, got, status, want, rec.Body)
		}
	}
	step("/hello", "unknown", 401, "3/3+1800 50/50+1800 ")
	step("/hello", key, 200, "2/3+1800 49/50+1800 ")
	step("/projects/9", key, 404, "1/3+1800 48/50+1800 ") // what fails counts
	for range 3 {
		step("/hello", key, 429, "1/3+1800 48/50+1800 ") // what is refused does not
	}
	step("/agents", other.Secret, 403, "2/3+1800 49/50+1800 ") // each key has its own
	if rec := w.do("GET", "/hello", "", as("Authorization", "Bearer both")); rec.Code != 200 || budgetOf(t, w, rec) != "2/3+1800 49/50+1800 " {
		t.Errorf("with a token: status %d and %s", rec.Code, budgetOf(t, w, rec))
	}
	w.clock.Advance(time.Minute)
	step("/hello", key, 200, "0/3+1740 47/50+1740 ")
	w.want("GET", "/hello", "", 429, errorJSON("RATE_LIMIT_EXCEEDED", "Too many requests"))
	if got := w.do("GET", "/hello", "").Header().Values("Retry-After"); len(got) > 0 {
		t.Errorf("Retry-After %v, which the API does not document", got)
	}
	w.clock.Advance(29 * time.Minute)
	step("/hello", key, 200, "2/3+3600 49/50+3600 ")
	w.Reset()
	step("/hello", key, 200, "2/3+3600 49/50+3600 ")
}

func TestKindsOfWindows(t *testing.T) {
	for kind, want := range map[window.Kind]string{
		window.Fixed:   "1/2+1800 10000/10000+1800 ",
		window.Sliding: "1/2+3600 10000/10000+1800 ",
		window.Bucket:  "1/2+1800 10000/10000+1800 ",
	} {
		w := newWorld(t, func(c *fake.Config) {
			c.Limits = window.Rules{Windows: []window.Limit{{Max: 2, Period: time.Hour}}, Kind: kind}
		})
		if got := budgetOf(t, w, w.do("GET", "/hello", "")); got != want {
			t.Errorf("kind %d: %s, want %s", kind, got, want)
		}
	}
}

func TestResetIsRoundedUp(t *testing.T) {
	w := newWorld(t, func(c *fake.Config) {
		c.Limits = window.Rules{Windows: []window.Limit{{Max: 2, Period: time.Hour}}, Kind: window.Sliding}
	})
	w.clock.Advance(time.Millisecond)
	if got := budgetOf(t, w, w.do("GET", "/hello", "")); got != "1/2+3601 10000/10000+1800 " {
		t.Errorf("%s: who waits for that is too early", got)
	}
}

func TestSkew(t *testing.T) {
	w := newWorld(t, func(c *fake.Config) {
		c.Skew = -45 * time.Minute // so that the server's hour turns 45 minutes late
		c.Limits = window.Rules{Windows: []window.Limit{{Max: 2, Period: time.Hour}}}
	})
	rec := w.do("GET", "/hello", "")
	if got := budgetOf(t, w, rec); got != "1/2+900 10000/10000+900 " || rec.Header().Get("Date") != "Mon, 15 Jan 2024 09:45:00 GMT" {
		t.Errorf("%s, Date %s", got, rec.Header().Get("Date"))
	}
	w.want("POST", "/projects", `{"name":"one"}`, 201, `{"id":1,"name":"one","created_at":"2024-01-15T09:45:00Z","updated_at":"2024-01-15T09:45:00Z"}`)
	w.clock.Advance(15 * time.Minute)
	if got := budgetOf(t, w, w.do("GET", "/hello", "")); got != "1/2+3600 10000/10000+3600 " {
		t.Errorf("after the turn: %s", got)
	}
}
