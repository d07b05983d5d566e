package retry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Policy bounds the retries of a call.
type Policy struct {
	MaxRetries                      int
	BaseDelay, MaxDelay, MaxElapsed time.Duration
}

// State is what a call keeps from one attempt to the next. Decide reads it; the
// caller counts.
type State struct {
	Policy     Policy
	Method     string
	Unsafe     bool          // a POST or PATCH of unknown outcome may be sent again
	Replayable bool          // the body can be sent again
	Paced      bool          // the rate limiter holds the next attempt back after a 429
	MaxWait    time.Duration // for the rate limit; < 0: no bound

	URL          *url.URL // of the last attempt
	Retries      int      // so far
	Hops         int      // redirects so far
	Reauthorized bool     // the credential was asked for once more
	Uncertain    bool     // a write was sent whose outcome is unknown
}

// Moment is what only the moment of a decision shows.
type Moment struct {
	// Elapsed is the time since the call began, without waits for the rate limit.
	Elapsed time.Duration
	// Remaining is the time until the context's deadline; < 0: none.
	Remaining time.Duration
	// NewCredential says, after a 401, that another credential is at hand.
	NewCredential bool
	// Draw is the jitter, in [0, 1).
	Draw float64
}

// Action is what follows an attempt.
type Action uint8

// The actions that follow an attempt.
const (
	Stop Action = iota
	Retry
	// Follow sends the request to the redirect's target.
	Follow
	// Replay repeats the request with another credential. It is no retry of a
	// failed attempt and does not count as one.
	Replay
)

// Decision is what to do next, and when.
type Decision struct {
	Action Action
	// Delay comes before a Retry.
	Delay time.Duration
	// To is the target of a Follow.
	To *url.URL
	// Why is the reason of a Stop; nil if the response itself says it.
	Why error
}

// ErrElapsed ends a call that reached its policy's MaxElapsed.
var ErrElapsed = errors.New("not retried: RetryPolicy.MaxElapsed is reached")

// ErrStreamed ends a call whose body is gone.
var ErrStreamed = errors.New("the body was streamed and cannot be sent again")

// ErrDeadline ends a call whose retry would come too late.
var ErrDeadline = fmt.Errorf("the retry would come after the context's deadline: %w", context.DeadlineExceeded)

// LongWait is a Retry-After that exceeds what the caller allows.
type LongWait time.Duration

// Error names the wait.
func (w LongWait) Error() string {
	return "not retried: the server asks to wait " + time.Duration(w).String() + ", longer than RetryPolicy.MaxDelay"
}

// Decide returns what follows the attempt a.
func Decide(s *State, a *Attempt, m Moment) Decision {
	if a.Outcome == Succeeded {
		return Decision{}
	}
	if IsRedirect(a.Status) {
		to, refusal := s.target(a)
		if refusal != "" {
			return Decision{Why: RedirectRefused(refusal)}
		}
		return Decision{Action: Follow, To: to}
	}
	next := Retry
	if a.Status == http.StatusUnauthorized && m.NewCredential {
		next = Replay
	}
	if !s.retryable(a, m) || next == Retry && s.Retries >= s.Policy.MaxRetries {
		return Decision{}
	}
	if !s.Replayable {
		return Decision{Why: ErrStreamed}
	}
	delay, ok := s.delay(a, m.Draw)
	switch {
	case m.Remaining >= 0 && pause(a, delay) >= m.Remaining:
		return Decision{Why: ErrDeadline}
	case !ok && a.Status != http.StatusTooManyRequests:
		return Decision{Why: LongWait(a.RetryAfter)}
	case !ok:
		return Decision{}
	case s.Policy.MaxElapsed > 0 && m.Elapsed+delay > s.Policy.MaxElapsed:
		return Decision{Why: ErrElapsed}
	}
	return Decision{Action: next, Delay: delay}
}

// retryable reports whether the same request may be sent again, and could
// succeed then.
func (s *State) retryable(a *Attempt, m Moment) bool {
	switch a.Outcome {
	case NotSent:
		if unsent, ok := errors.AsType[Unsent](a.Err); ok {
			return unsent.UnsentRetryable()
		}
		return !isHopeless(a.Err)
	case Rejected:
		return a.Status == http.StatusTooManyRequests || a.Status == http.StatusUnauthorized && m.NewCredential
	case Unknown:
		if !IsIdempotent(s.Method) && !s.Unsafe {
			return false
		}
		if a.Status == 0 || a.Status < 300 {
			return !a.Final && !isHopeless(a.Err)
		}
		return isTransient(a.Status)
	}
	return false
}

// isTransient lists the statuses of failures that pass by themselves.
func isTransient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// delay returns the pause before the next attempt. False means that the server
// asks for a longer one than the caller allows.
func (s *State) delay(a *Attempt, draw float64) (time.Duration, bool) {
	throttled := a.Status == http.StatusTooManyRequests
	switch {
	case a.Status == http.StatusUnauthorized:
		return 0, true
	case throttled && s.Paced:
		// The limiter knows of the 429 and holds the next permit back: a pause
		// here would be waited twice.
		return 0, s.MaxWait < 0 || a.RetryAfter <= s.MaxWait
	case throttled && a.HasRetryAfter:
		return a.RetryAfter, s.MaxWait < 0 || a.RetryAfter <= s.MaxWait
	case a.HasRetryAfter && isTransient(a.Status):
		return a.RetryAfter, a.RetryAfter <= s.Policy.MaxDelay
	}
	return s.Policy.backoff(s.Retries, draw), true
}

// pause returns the least time until the next attempt could start.
func pause(a *Attempt, delay time.Duration) time.Duration {
	if a.Status == http.StatusTooManyRequests {
		return max(delay, a.RetryAfter)
	}
	return delay
}

// backoff draws the pause after n retries: exponential backoff with full jitter,
// so that clients that failed together do not return together.
func (p Policy) backoff(n int, draw float64) time.Duration {
	bound := min(p.BaseDelay, p.MaxDelay)
	for range n {
		if bound >= p.MaxDelay/2 {
			bound = p.MaxDelay
			break
		}
		bound *= 2
	}
	return time.Duration(draw * float64(bound))
}
