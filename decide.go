package connix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// action is what follows an attempt.
type action uint8

const (
	stop action = iota
	retry
	follow // a redirect
	replay // with another credential; no retry of a failed attempt, so not counted as one
)

// verdict is what to do next, and when.
type verdict struct {
	action action
	delay  time.Duration // before a retry
	to     *url.URL      // of a follow
	why    error         // of a stop: nil where the answer itself says it
}

// situation is all that a decision depends on.
type situation struct {
	policy      RetryPolicy
	method      string
	unsafe      bool // WithRetryUnsafe
	replayable  bool // the body can be sent again
	result      *result
	renewed     bool // after a 401: another credential is at hand
	retries     int  // so far
	hops        int  // redirects so far
	from        *url.URL
	gated       bool          // a limiter holds calls back after a 429
	maxRateWait time.Duration // < 0: no bound
	elapsed     time.Duration // without waits for the quota
	remaining   time.Duration // until ctx's deadline; < 0: none
	draw        float64       // the jitter, in [0, 1)
}

// decide says what follows an attempt.
func decide(s situation) verdict {
	r := s.result
	if isRedirect(r.status) {
		to, refusal := redirectTarget(s.method, s.replayable, s.hops, r.status, r.location, s.from)
		if refusal != "" {
			return verdict{why: fmt.Errorf("%w: %s", ErrRedirectRefused, refusal)}
		}
		return verdict{action: follow, to: to}
	}
	next := retry
	if r.status == http.StatusUnauthorized && s.renewed {
		next = replay
	}
	if !s.worthRepeating() || next == retry && s.retries >= s.policy.MaxRetries {
		return verdict{}
	}
	if !s.replayable {
		return verdict{why: errors.New("the body was streamed and cannot be sent again")}
	}
	delay, ok := s.delay()
	switch {
	case s.remaining >= 0 && s.pause(delay) >= s.remaining:
		return verdict{why: fmt.Errorf("the retry would come after the context's deadline: %w", context.DeadlineExceeded)}
	case !ok && r.status != http.StatusTooManyRequests:
		return verdict{why: longWait(r.retryAfter)}
	case !ok:
		return verdict{}
	case s.policy.MaxElapsed > 0 && s.elapsed+delay > s.policy.MaxElapsed:
		return verdict{why: errElapsed}
	}
	return verdict{action: next, delay: delay}
}

var errElapsed = errors.New("not retried: RetryPolicy.MaxElapsed is reached")

// longWait is a Retry-After that exceeds what the caller allows.
type longWait time.Duration

func (w longWait) Error() string {
	return "not retried: the server asks to wait " + time.Duration(w).String() + ", longer than RetryPolicy.MaxDelay"
}

// worthRepeating reports whether the same request may be sent again, and could
// fare better.
func (s *situation) worthRepeating() bool {
	r := s.result
	switch r.fate {
	case fateUnsent:
		if is[credentialError](r.err) {
			return isTemporaryToken(r.err)
		}
		return !is[unsentError](r.err) && !isHopeless(r.err)
	case fateDeclined:
		return r.status == http.StatusTooManyRequests || r.status == http.StatusUnauthorized && s.renewed
	case fateUnknown:
		if !isIdempotent(s.method) && !s.unsafe {
			return false
		}
		if r.status == 0 || r.status < 300 {
			return !errors.Is(r.err, ErrResponseTooLarge) && !isHopeless(r.err)
		}
		return isTransient(r.status)
	}
	return false
}

// isTransient lists the failures that pass by themselves.
func isTransient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// delay returns the pause before the next attempt; false means that the server
// asks for more than the caller allows.
func (s *situation) delay() (time.Duration, bool) {
	r := s.result
	throttled := r.status == http.StatusTooManyRequests
	switch {
	case r.status == http.StatusUnauthorized:
		return 0, true
	case throttled && s.gated:
		// The limiter has heard of the 429 and holds the next permit back: a pause
		// here would be waited twice.
		return 0, s.maxRateWait < 0 || r.retryAfter <= s.maxRateWait
	case throttled && r.hasRetry:
		return r.retryAfter, s.maxRateWait < 0 || r.retryAfter <= s.maxRateWait
	case r.hasRetry && isTransient(r.status):
		return r.retryAfter, r.retryAfter <= s.policy.MaxDelay
	}
	return s.policy.backoff(s.retries, s.draw), true
}

// pause is how long at least it takes until the next attempt could start.
func (s *situation) pause(delay time.Duration) time.Duration {
	if s.result.status == http.StatusTooManyRequests {
		return max(delay, s.result.retryAfter)
	}
	return delay
}
