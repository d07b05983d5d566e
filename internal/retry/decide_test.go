package retry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// responded, cut and lost are attempts as a call makes them.
func responded(method string, status int) *Attempt {
	return &Attempt{Status: status, Outcome: Classify(method, status, nil, false)}
}

func cut(method string, err error) *Attempt {
	return &Attempt{Status: 200, Err: err, Outcome: Classify(method, 200, err, false)}
}

func lost(method string, err error) *Attempt {
	return &Attempt{Err: err, Outcome: Classify(method, 0, err, false)}
}

func (a *Attempt) after(d time.Duration) *Attempt { a.RetryAfter, a.HasRetryAfter = d, true; return a }

var defaultPolicy = Policy{MaxRetries: 3, BaseDelay: 500 * time.Millisecond, MaxDelay: 8 * time.Second, MaxElapsed: 2 * time.Minute}

// TestDecide_retryable has every outcome met by every method.
func TestDecide_retryable(t *testing.T) {
	const (
		always = "GET HEAD PUT DELETE POST PATCH"
		twice  = "GET HEAD PUT DELETE"
		never  = ""
	)
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	status := func(code int) func(string) *Attempt {
		return func(method string) *Attempt { return responded(method, code) }
	}
	failure := func(err error) func(string) *Attempt {
		return func(method string) *Attempt { return lost(method, err) }
	}
	for _, c := range []struct {
		name    string
		attempt func(method string) *Attempt
		want    string
	}{
		{"not sent", failure(dial), always},
		{"429", status(429), always},
		{"lost response", failure(io.EOF), twice},
		{"cut response", func(m string) *Attempt { return cut(m, io.ErrUnexpectedEOF) }, twice},
		{"408", status(408), twice},
		{"500", status(500), twice},
		{"502", status(502), twice},
		{"503", status(503), twice},
		{"504", status(504), twice},
		{"501", status(501), never},
		{"505", status(505), never},
		{"200", status(200), never},
		{"400", status(400), never},
		{"401", status(401), never},
		{"403", status(403), never},
		{"404", status(404), never},
		{"409", status(409), never},
		{"too large", func(m string) *Attempt {
			a := cut(m, errTooLarge)
			a.Final = true
			return a
		}, never},
		{"no credential", failure(unsent{false}), never},
		{"no credential for now", failure(unsent{true}), always},
		{"refused before sending", failure(Refusal{io.EOF}), never},
		{"http response to https", failure(http.ErrSchemeMismatch), never},
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"} {
			for _, unsafe := range []bool{false, true} {
				s := State{Policy: defaultPolicy, Method: method, Unsafe: unsafe, Replayable: true, MaxWait: -1}
				got := Decide(&s, c.attempt(method), Moment{Remaining: -1}).Action == Retry
				want := c.want == always || c.want == twice && (IsIdempotent(method) || unsafe)
				if got != want {
					t.Errorf("%s, %s, unsafe %v: retried %v, want %v", c.name, method, unsafe, got, want)
				}
			}
		}
	}
}

// TestDecide_delay tells when a retry comes, and why it does not.
func TestDecide_delay(t *testing.T) {
	policy := Policy{MaxRetries: 3, BaseDelay: time.Second, MaxDelay: 8 * time.Second, MaxElapsed: time.Minute}
	get := func(status int) *Attempt { return responded(http.MethodGet, status) }
	for _, c := range []struct {
		name string
		a    *Attempt
		s    State
		m    Moment
		want Decision
	}{
		{name: "first delay is drawn from the base", a: get(503), m: Moment{Draw: 0.5}, want: Decision{Action: Retry, Delay: 500 * time.Millisecond}},
		{name: "the bound doubles", a: get(503), s: State{Retries: 2}, m: Moment{Draw: 0.5}, want: Decision{Action: Retry, Delay: 2 * time.Second}},
		{name: "no retries left", a: get(503), s: State{Retries: 3}},
		{name: "a 5xx's Retry-After", a: get(503).after(8 * time.Second), want: Decision{Action: Retry, Delay: 8 * time.Second}},
		{name: "a 5xx's Retry-After over the cap", a: get(503).after(8*time.Second + 1), want: Decision{Why: LongWait(8*time.Second + 1)}},
		{name: "a 429 waits in the limiter", a: get(429).after(90 * time.Second), s: State{Paced: true}, want: Decision{Action: Retry}},
		{name: "a 429 over the limiter's bound", a: get(429).after(121 * time.Second), s: State{Paced: true}},
		{name: "a 429 without a limiter", a: get(429).after(40 * time.Second), want: Decision{Action: Retry, Delay: 40 * time.Second}},
		{name: "a 429 without a limiter, over the bound", a: get(429).after(time.Hour)},
		{name: "a 429 without Retry-After", a: get(429), m: Moment{Draw: 0.25}, want: Decision{Action: Retry, Delay: 250 * time.Millisecond}},
		{name: "elapsed", a: get(503).after(5 * time.Second), m: Moment{Elapsed: 56 * time.Second}, want: Decision{Why: ErrElapsed}},
		{name: "just not elapsed", a: get(503).after(5 * time.Second), m: Moment{Elapsed: 55 * time.Second}, want: Decision{Action: Retry, Delay: 5 * time.Second}},
		{name: "a 401 with a new credential", a: get(401), s: State{Retries: 3}, m: Moment{NewCredential: true}, want: Decision{Action: Replay}},
	} {
		s, m := c.s, c.m
		s.Policy, s.Method, s.Replayable, s.MaxWait = policy, http.MethodGet, true, 2*time.Minute
		m.Remaining = -1
		if got := Decide(&s, c.a, m); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestDecide_deadlineTooNear(t *testing.T) {
	s := State{Policy: defaultPolicy, Method: http.MethodGet, Replayable: true, MaxWait: time.Minute, Paced: true}
	m := Moment{Remaining: 3 * time.Second}
	for name, a := range map[string]*Attempt{
		"a delay":                            responded(http.MethodGet, 503).after(3 * time.Second),
		"a 429 that the limiter would sleep": responded(http.MethodGet, 429).after(3 * time.Second),
		"a Retry-After over the cap too":     responded(http.MethodGet, 503).after(time.Hour),
	} {
		if got := Decide(&s, a, m); got.Action != Stop || !errors.Is(got.Why, context.DeadlineExceeded) {
			t.Errorf("%s beyond the deadline: %+v, want a stop that matches DeadlineExceeded", name, got)
		}
	}
	if got := Decide(&s, responded(http.MethodGet, 503).after(3*time.Second-1), m); got.Action != Retry {
		t.Errorf("a delay that ends before the deadline: %+v, want a retry", got)
	}
}

func TestDecide_streamedBody(t *testing.T) {
	s := State{Policy: defaultPolicy, Method: http.MethodPut}
	if got := Decide(&s, responded(http.MethodPut, 503), Moment{Remaining: -1}); got.Action != Stop || got.Why == nil {
		t.Errorf("a streamed body: %+v, want a stop that says why", got)
	}
}

func TestBackoff_bounds(t *testing.T) {
	p := Policy{BaseDelay: 500 * time.Millisecond, MaxDelay: 8 * time.Second}
	for n, want := range []time.Duration{500, 1000, 2000, 4000, 8000, 8000} {
		if got := p.backoff(n, 1); got != want*time.Millisecond {
			t.Errorf("bound after %d retries: %v, want %v", n, got, want*time.Millisecond)
		}
		if got := p.backoff(n, 0); got != 0 {
			t.Errorf("least delay after %d retries: %v, want 0", n, got)
		}
	}
	if got := p.backoff(1_000_000, 1); got != p.MaxDelay {
		t.Errorf("a million retries: %v, want %v", got, p.MaxDelay)
	}
	if got := (Policy{BaseDelay: time.Hour, MaxDelay: time.Second}).backoff(0, 1); got != time.Second {
		t.Errorf("a base over the cap: %v, want the cap", got)
	}
	if got := (Policy{}).backoff(5, 1); got != 0 {
		t.Errorf("the zero policy: %v, want 0", got)
	}
}
