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
	return &Attempt{Status: status, Outcome: Classify(method, status, nil, Evidence{})}
}

func cut(method string, err error) *Attempt {
	return &Attempt{Status: 200, Err: err, Outcome: Classify(method, 200, err, Evidence{})}
}

func lost(method string, err error) *Attempt {
	_, refused := errors.AsType[Unsent](err)
	unsent := refused || FailedToConnect(err)
	return &Attempt{Err: err, Outcome: Classify(method, 0, err, Evidence{Refused: refused, Traced: unsent})}
}

func (a *Attempt) after(d time.Duration) *Attempt { a.RetryAfter = d; return a }

var defaultPolicy = Policy{MaxRetries: 3, BaseDelay: 500 * time.Millisecond, MaxDelay: 8 * time.Second, MaxElapsed: 2 * time.Minute}

// TestDecide_retryable has every outcome met by every method.
func TestDecide_retryable(t *testing.T) {
	const (
		always = "GET HEAD PUT DELETE POST PATCH"
		twice  = "GET HEAD PUT DELETE"
		reads  = "GET HEAD"
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
		{"520", status(520), twice},
		{"522", status(522), twice},
		{"527", status(527), twice},
		{"529", status(529), twice},
		{"530", status(530), twice},
		{"528", status(528), never},
		{"421", status(421), reads},
		{"425", status(425), reads},
		{"499", status(499), never},
		{"101", func(m string) *Attempt {
			a := responded(m, 101)
			a.Final = true
			return a
		}, never},
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
		{"proxy asks for a password", failure(errors.New("Proxy Authentication Required")), never},
		{"http response to https", failure(http.ErrSchemeMismatch), never},
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"} {
			for _, unsafe := range []bool{false, true} {
				s := State{Policy: defaultPolicy, Method: method, Unsafe: unsafe, Replayable: true, MaxWait: -1}
				got := Decide(&s, c.attempt(method), Moment{Remaining: -1}).Action == Retry
				want := c.want == always || c.want == twice && (IsIdempotent(method) || unsafe) || c.want == reads && !IsWrite(method)
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
	wait := func(retryAfter, jitter time.Duration) Decision {
		return Decision{Action: Retry, Delay: retryAfter + jitter, RetryAfter: retryAfter}
	}
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
		{name: "a 5xx's Retry-After", a: get(503).after(5 * time.Second), want: wait(5*time.Second, 0)},
		{name: "a 5xx's Retry-After and jitter", a: get(503).after(5 * time.Second), m: Moment{Draw: 0.5}, want: wait(5*time.Second, 500*time.Millisecond)},
		{name: "a 5xx's Retry-After and jitter, capped", a: get(503).after(7800 * time.Millisecond), m: Moment{Draw: 0.5}, want: wait(7800*time.Millisecond, 200*time.Millisecond)},
		{name: "a 5xx's Retry-After at the cap", a: get(503).after(8 * time.Second), m: Moment{Draw: 0.5}, want: wait(8*time.Second, 0)},
		{name: "a 5xx's Retry-After over the cap", a: get(503).after(8*time.Second + 1), want: Decision{Why: LongWait(8*time.Second + 1)}},
		{name: "a Retry-After that has passed", a: get(503).after(0), m: Moment{Draw: 0.5}, want: Decision{Action: Retry, Delay: 500 * time.Millisecond}},
		{name: "a credential's source that is not asked yet", a: lost(http.MethodGet, unsent{true}).after(time.Second), m: Moment{Draw: 0.5}, want: wait(time.Second, 500*time.Millisecond)},
		{name: "a credential's source that is not asked for long", a: lost(http.MethodGet, unsent{true}).after(8*time.Second + 1), want: Decision{Why: LongPause(8*time.Second + 1)}},
		{name: "a 429 waits in the limiter", a: get(429).after(90 * time.Second), s: State{Paced: true}, want: Decision{Action: Retry, RetryAfter: 90 * time.Second}},
		{name: "a 429 over the limiter's bound", a: get(429).after(121 * time.Second), s: State{Paced: true}},
		{name: "a 429 without a limiter", a: get(429).after(40 * time.Second), m: Moment{Draw: 0.5}, want: wait(40*time.Second, 500*time.Millisecond)},
		{name: "a 429 without a limiter, over the bound", a: get(429).after(time.Hour)},
		{name: "a 429 without Retry-After", a: get(429), m: Moment{Draw: 0.25}, want: Decision{Action: Retry, Delay: 250 * time.Millisecond}},
		{name: "elapsed", a: get(503).after(5 * time.Second), m: Moment{Elapsed: 56 * time.Second}, want: Decision{Why: ErrElapsed}},
		{name: "just not elapsed", a: get(503).after(5 * time.Second), m: Moment{Elapsed: 55 * time.Second}, want: wait(5*time.Second, 0)},
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
