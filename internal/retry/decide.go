package retry

import (
	"context"
	"errors"
	"fmt"
	"math"
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

	Home         *url.URL // where a retry goes
	URL          *url.URL // of the last attempt
	Retries      int      // so far
	Hops         int      // redirects followed in a row
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
	// RetryAfter is the server's: the next attempt starts no earlier, whoever
	// waits.
	RetryAfter time.Duration
	// To is the target of a Follow, Moved whether it holds for later attempts.
	To    *url.URL
	Moved bool
	// Why is the reason of a Stop; nil if the response itself says it.
	Why error
}

// Apply counts the decision.
func (s *State) Apply(d Decision) {
	switch d.Action {
	case Follow:
		s.Hops++
		s.URL = d.To
		if d.Moved {
			s.Home = d.To
		}
	case Retry:
		// A temporary redirect holds for the attempt that met it alone.
		s.Retries++
		s.Hops, s.URL = 0, s.Home
	}
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

// LongPause is the time for which the source of a credential, after a failure, does
// not try again, if that exceeds what the caller allows.
type LongPause time.Duration

// Error names the pause.
func (p LongPause) Error() string {
	pause := time.Duration(p).Round(time.Millisecond).String()
	return "not retried: its source does not try again for " + pause + ", longer than RetryPolicy.MaxDelay"
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
		permanent := a.Status == http.StatusMovedPermanently || a.Status == http.StatusPermanentRedirect
		return Decision{Action: Follow, To: to, Moved: permanent && s.URL == s.Home}
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
	case !ok && a.Status == 0:
		return Decision{Why: LongPause(a.RetryAfter)}
	case !ok && a.Status != http.StatusTooManyRequests:
		return Decision{Why: LongWait(a.RetryAfter)}
	case !ok:
		return Decision{}
	case s.Policy.MaxElapsed > 0 && m.Elapsed+delay > s.Policy.MaxElapsed:
		return Decision{Why: ErrElapsed}
	}
	return Decision{Action: next, Delay: delay, RetryAfter: a.RetryAfter}
}

// retryable reports whether the same request may be sent again, and could
// succeed then.
func (s *State) retryable(a *Attempt, m Moment) bool {
	switch a.Outcome {
	case NotSent:
		if unsent, ok := errors.AsType[Unsent](a.Err); ok {
			return unsent.UnsentRetryable()
		}
		return !IsHopeless(a.Err)
	case Rejected:
		switch a.Status {
		case http.StatusTooManyRequests:
			return true
		case http.StatusUnauthorized:
			return m.NewCredential
		case http.StatusMisdirectedRequest, http.StatusTooEarly:
			return s.Method == http.MethodGet || s.Method == http.MethodHead
		}
		return false
	case Unknown:
		if !IsIdempotent(s.Method) && !s.Unsafe {
			return false
		}
		if a.Status == 0 || a.Status < 300 {
			return !a.Final && !IsHopeless(a.Err)
		}
		return IsTransient(a.Status)
	}
	return false
}

// IsTransient reports whether a status is that of a failure that passes by itself.
// Those of content delivery networks (520 and above) are among them.
func IsTransient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout, 529, 530:
		return true
	}
	return status >= 520 && status <= 527
}

// delay returns the pause before the next attempt: the policy's, on top of the
// server's Retry-After, so that clients that were sent away together do not
// return together. False means that the server asks for a longer pause than the
// caller allows.
func (s *State) delay(a *Attempt, draw float64) (time.Duration, bool) {
	backoff, longest := s.Policy.backoff(s.Retries, draw), s.Policy.MaxDelay
	switch {
	case a.Status == http.StatusUnauthorized:
		return 0, true
	case a.Status == http.StatusTooManyRequests:
		longest = s.MaxWait
		if longest < 0 {
			longest = math.MaxInt64
		}
		if s.Paced {
			// The limiter knows of the 429 and holds the next permit back: a pause
			// here would be waited twice.
			return 0, a.RetryAfter <= longest
		}
	}
	if a.RetryAfter <= 0 {
		return backoff, true
	}
	if a.RetryAfter > longest-backoff {
		return max(longest, a.RetryAfter), a.RetryAfter <= longest
	}
	return a.RetryAfter + backoff, true
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
