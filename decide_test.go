package connix

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// answered and lost are results as an attempt makes them.
func answered(method string, status int) *result {
	return &result{status: status, fate: fateOf(method, status, nil, false)}
}

func lost(method string, err error) *result {
	return &result{err: err, fate: fateOf(method, 0, err, false)}
}

func (r *result) after(d time.Duration) *result { r.retryAfter, r.hasRetry = d, true; return r }

// Which results are retried, by method.
func TestDecideWhatIsRetried(t *testing.T) {
	const (
		always = "GET HEAD PUT DELETE POST PATCH"
		twice  = "GET HEAD PUT DELETE"
		never  = ""
	)
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	cut := func(method string) *result {
		return &result{status: 200, err: errBodyCut, fate: fateOf(method, 200, errBodyCut, false)}
	}
	for _, c := range []struct {
		name   string
		result func(method string) *result
		want   string
	}{
		{"unsent", func(m string) *result { return lost(m, dial) }, always},
		{"429", func(m string) *result { return answered(m, 429) }, always},
		{"lost answer", func(m string) *result { return lost(m, io.EOF) }, twice},
		{"cut answer", cut, twice},
		{"408", func(m string) *result { return answered(m, 408) }, twice},
		{"500", func(m string) *result { return answered(m, 500) }, twice},
		{"502", func(m string) *result { return answered(m, 502) }, twice},
		{"503", func(m string) *result { return answered(m, 503) }, twice},
		{"504", func(m string) *result { return answered(m, 504) }, twice},
		{"501", func(m string) *result { return answered(m, 501) }, never},
		{"505", func(m string) *result { return answered(m, 505) }, never},
		{"200", func(m string) *result { return answered(m, 200) }, never},
		{"400", func(m string) *result { return answered(m, 400) }, never},
		{"401", func(m string) *result { return answered(m, 401) }, never},
		{"403", func(m string) *result { return answered(m, 403) }, never},
		{"404", func(m string) *result { return answered(m, 404) }, never},
		{"409", func(m string) *result { return answered(m, 409) }, never},
		{"too large", func(m string) *result {
			return &result{status: 200, err: ErrResponseTooLarge, fate: fateOf(m, 200, ErrResponseTooLarge, false)}
		}, never},
		{"no credential", func(m string) *result { return lost(m, credentialError{io.EOF}) }, never},
		{"token endpoint unavailable", func(m string) *result { return lost(m, credentialError{&TokenError{StatusCode: 503}}) }, always},
		{"token endpoint out of reach", func(m string) *result { return lost(m, credentialError{&TokenError{lost: true}}) }, always},
		{"token refused", func(m string) *result {
			return lost(m, credentialError{&TokenError{StatusCode: 400, Code: "invalid_grant"}})
		}, never},
		{"http answer to https", func(m string) *result { return lost(m, http.ErrSchemeMismatch) }, never},
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"} {
			for _, unsafe := range []bool{false, true} {
				v := decide(situation{
					policy: DefaultRetryPolicy(), method: method, unsafe: unsafe, replayable: true,
					result: c.result(method), remaining: -1, maxRateWait: -1,
				})
				want := c.want == always || c.want == twice && (isIdempotent(method) || unsafe)
				if got := v.action == retry; got != want {
					t.Errorf("%s, %s, unsafe %v: retried %v, want %v", c.name, method, unsafe, got, want)
				}
			}
		}
	}
}

// When a retry comes, and why it does not.
func TestDecideWhen(t *testing.T) {
	policy := RetryPolicy{MaxRetries: 3, BaseDelay: time.Second, MaxDelay: 8 * time.Second, MaxElapsed: time.Minute}
	get := func(status int) *result { return answered(http.MethodGet, status) }
	for _, c := range []struct {
		name string
		s    situation
		want verdict
	}{
		{"first pause is drawn from the base", situation{result: get(503), draw: 0.5}, verdict{action: retry, delay: 500 * time.Millisecond}},
		{"the bound doubles", situation{result: get(503), draw: 0.5, retries: 2}, verdict{action: retry, delay: 2 * time.Second}},
		{"no retries left", situation{result: get(503), retries: 3}, verdict{}},
		{"a 5xx's Retry-After", situation{result: get(503).after(8 * time.Second)}, verdict{action: retry, delay: 8 * time.Second}},
		{"a 5xx's Retry-After over the cap", situation{result: get(503).after(8*time.Second + 1)}, verdict{why: longWait(8*time.Second + 1)}},
		{"a 429 waits in the limiter", situation{result: get(429).after(90 * time.Second), gated: true}, verdict{action: retry}},
		{"a 429 over the limiter's bound", situation{result: get(429).after(121 * time.Second), gated: true}, verdict{}},
		{"a 429 without a limiter", situation{result: get(429).after(40 * time.Second)}, verdict{action: retry, delay: 40 * time.Second}},
		{"a 429 without a limiter, over the bound", situation{result: get(429).after(time.Hour)}, verdict{}},
		{"a 429 without Retry-After", situation{result: get(429), draw: 0.25}, verdict{action: retry, delay: 250 * time.Millisecond}},
		{"elapsed", situation{result: get(503).after(5 * time.Second), elapsed: 56 * time.Second}, verdict{why: errElapsed}},
		{"just not elapsed", situation{result: get(503).after(5 * time.Second), elapsed: 55 * time.Second}, verdict{action: retry, delay: 5 * time.Second}},
		{"a renewed 401", situation{result: get(401), renewed: true, retries: 3}, verdict{action: replay}},
	} {
		c.s.policy, c.s.method, c.s.replayable = policy, http.MethodGet, true
		c.s.maxRateWait, c.s.remaining = 2*time.Minute, -1
		if got := decide(c.s); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestDecideStopsForTheDeadline(t *testing.T) {
	base := situation{policy: DefaultRetryPolicy(), method: http.MethodGet, replayable: true, maxRateWait: time.Minute, remaining: 3 * time.Second}
	for name, r := range map[string]*result{
		"a pause":                            answered(http.MethodGet, 503).after(3 * time.Second),
		"a 429 that the limiter would sleep": answered(http.MethodGet, 429).after(3 * time.Second),
		"a Retry-After over the cap too":     answered(http.MethodGet, 503).after(time.Hour),
	} {
		s := base
		s.result, s.gated = r, true
		if v := decide(s); v.action != stop || !errors.Is(v.why, context.DeadlineExceeded) {
			t.Errorf("%s beyond the deadline: %+v, want a stop that matches DeadlineExceeded", name, v)
		}
	}
	base.result = answered(http.MethodGet, 503).after(3*time.Second - 1)
	if v := decide(base); v.action != retry {
		t.Errorf("a pause that ends before the deadline: %+v, want a retry", v)
	}
}

func TestDecideStreams(t *testing.T) {
	s := situation{policy: DefaultRetryPolicy(), method: http.MethodPut, result: answered(http.MethodPut, 503), remaining: -1}
	if v := decide(s); v.action != stop || v.why == nil {
		t.Errorf("a streamed body: %+v, want a stop that says why", v)
	}
}

func TestBackoffStaysInItsBounds(t *testing.T) {
	p := RetryPolicy{BaseDelay: 500 * time.Millisecond, MaxDelay: 8 * time.Second}
	for n, want := range []time.Duration{500, 1000, 2000, 4000, 8000, 8000} {
		if got := p.backoff(n, 1); got != want*time.Millisecond {
			t.Errorf("bound after %d retries: %v, want %v", n, got, want*time.Millisecond)
		}
		if got := p.backoff(n, 0); got != 0 {
			t.Errorf("least pause after %d retries: %v, want 0", n, got)
		}
	}
	if got := p.backoff(1_000_000, 1); got != p.MaxDelay {
		t.Errorf("a million retries: %v, want %v", got, p.MaxDelay)
	}
	if got := (RetryPolicy{BaseDelay: time.Hour, MaxDelay: time.Second}).backoff(0, 1); got != time.Second {
		t.Errorf("a base over the cap: %v, want the cap", got)
	}
	if got := (RetryPolicy{}).backoff(5, 1); got != 0 {
		t.Errorf("the zero policy: %v, want 0", got)
	}
}

func TestRedirectTarget(t *testing.T) {
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
		to, refusal := redirectTarget(c.method, !c.streamed, c.hops, c.status, c.location, from)
		switch {
		case (refusal == "") != (c.want != ""):
			t.Errorf("%s: refusal %q", c.name, refusal)
		case c.want != "" && to.String() != c.want:
			t.Errorf("%s: to %s, want %s", c.name, to, c.want)
		}
	}
}

func TestRetryQuota(t *testing.T) {
	q := newRetryQuota()
	taken := 0
	for q.take() {
		taken++
	}
	if want := quotaCapacity / quotaRetryCost; taken != want {
		t.Fatalf("%d retries from a full quota, want %d", taken, want)
	}
	q.succeeded(true)
	if !q.take() || q.take() {
		t.Error("a call that succeeded after a retry should pay back exactly that retry")
	}
	for range quotaRetryCost {
		q.succeeded(false)
	}
	if !q.take() || q.take() {
		t.Errorf("%d calls that succeeded at once should pay for one retry", quotaRetryCost)
	}
}
