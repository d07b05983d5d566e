package connix

import (
	"context"
	"fmt"
	"time"
)

// A RateLimiter decides when a request may be sent. One value is one budget:
// clients that use the same API key share it if they are given the same value.
// A client uses the limiter of [NewRateLimiter] by default. A caller may
// implement another, for example one that a fleet of processes shares.
//
// Implementations must be safe for concurrent use.
type RateLimiter interface {
	// Wait blocks until one request may be sent and returns the permit to send
	// it. It is called once for every attempt, including retries and redirects,
	// before the attempt's timeout starts.
	//
	// It returns a [*RateLimitError] as soon as it is certain that the permit
	// comes later than ctx's deadline or req.MaxWait allow, and ctx's error if
	// ctx is canceled. After an error nothing is held.
	Wait(ctx context.Context, req RateLimitRequest) (Permit, error)

	// Status returns a snapshot of the limiter.
	Status() RateLimitStatus
}

// A Permit allows one request. One of its methods must be called on every path:
// a permit that is kept holds its part of the budget forever. Only the first call
// has an effect. It is safe for concurrent use.
type Permit interface {
	// Settle reports how the request ended, after the response's body has been
	// read. The zero RateLimitResult means that there was no response: the
	// request may have arrived, so it counts.
	Settle(RateLimitResult)

	// Cancel reports that the request was certainly not sent. The permit's part
	// returns to the budget.
	Cancel()
}

// RateLimitRequest describes a request that is about to be sent.
type RateLimitRequest struct {
	Method string // HTTP method
	Route  string // template of the endpoint, such as /projects/{id}

	// MaxWait is the longest time to wait. 0 does not wait at all; with a negative
	// value only the context bounds the wait.
	MaxWait time.Duration

	// LowPriority puts the request behind all others, and lets it take nothing that
	// these will want, by their own recent rate. A limiter may ignore it.
	LowPriority bool

	// OnWait, unless nil, is called if the request has to wait: before the wait,
	// in the goroutine that waits, and once for each limiter that makes it wait.
	OnWait func(RateLimitWait)
}

// RateLimitWait describes why a request waits.
type RateLimitWait struct {
	// Window is the limit that the request waits for.
	Window Window
	// Delay is the shortest time until its turn that is certain now. The wait is
	// longer if a response shows less budget, and shorter if one shows more. 0 if
	// its turn depends on the response to a request that is under way.
	Delay time.Duration
	// Waiters is the number of requests that wait, including this one.
	Waiters int
	// Reason names the rule that keeps the request back.
	Reason RateLimitReason
}

// RateLimitReason names why a request has to wait. A caller's own limiter may
// use other values.
type RateLimitReason string

// The reasons of the limiter that [NewRateLimiter] returns and of WithMaxRate.
const (
	RateLimitFull     RateLimitReason = "window full"           // the window holds as many requests as it may
	RateLimitSpread   RateLimitReason = "last requests"         // the window's last requests are spread over the rest of it
	RateLimitStart    RateLimitReason = "first response"        // the first request goes alone
	RateLimitShared   RateLimitReason = "shared key"            // others use the key: few requests at a time
	RateLimitDenied   RateLimitReason = "denied"                // the server responded with 429
	RateLimitTokens   RateLimitReason = "tokens spent"          // the Tokens budget is used up
	RateLimitMaxRate  RateLimitReason = "own max rate"          // the caller's own ceiling
	RateLimitOutage   RateLimitReason = "server unavailable"    // the server responded with 503 and a Retry-After, several times
	RateLimitReserved RateLimitReason = "reserved"              // calls without low priority will want what is left
	RateLimitQueue    RateLimitReason = "earlier requests wait" // requests that came earlier are served first
)

// RateLimitResult describes how one request ended. The zero value means that
// there was no response.
type RateLimitResult struct {
	StatusCode int           // 0: no response
	RateLimits RateLimits    // the response's rate-limit headers
	RetryAfter time.Duration // the response's Retry-After; 0: absent

	ServerTime time.Time // the response's Date; zero: absent
	SentAt     time.Time
	ReceivedAt time.Time
}

// RateLimits holds the rate-limit headers of one response.
type RateLimits struct {
	Requests RateLimit // X-RateLimit-*-Requests: the hour's window
	Tokens   RateLimit // X-RateLimit-*-Tokens; the API does not document its unit
}

// RateLimit holds one response's headers about one budget.
type RateLimit struct {
	Limit     *int      // nil: absent or out of range
	Remaining *int      // nil: absent or out of range
	Reset     time.Time // by the server's clock; zero: absent
}

// Window is a limit of requests: at most Limit in any Period. The zero value
// means that there is no window or that it is not known.
type Window struct {
	Limit  int
	Period time.Duration
}

// RateLimitStatus is a snapshot of a limiter.
type RateLimitStatus struct {
	// Windows are the limiter's windows. The window that the server's headers
	// show has the limit that they show.
	Windows []WindowStatus
	// Server holds the rate-limit headers of the latest response that had any.
	Server RateLimits
	// BlockedUntil is the time until which every request is certainly kept back;
	// zero if none is, or if only the response to a request under way can tell.
	BlockedUntil time.Time
	// BlockedBy names why a request made now could not be sent at once; "" if it
	// could. On a fresh key only the first request goes at once: the others wait
	// for its response, or fail if they may not wait.
	BlockedBy RateLimitReason
	// NextTurn is the estimated time at which a request made now would be sent,
	// after those that wait; zero if at once.
	NextTurn time.Time
	// Waiters is the number of requests that wait.
	Waiters int
}

// WindowStatus is a snapshot of one window.
type WindowStatus struct {
	Window
	// Remaining is the number of requests that this window allows now, without
	// those that are kept back and spread over its rest.
	Remaining int
	// ResetAt is the time by which the whole window is free again, by the local
	// clock; zero if nothing is used.
	ResetAt time.Time
}

// A RateLimitError reports that a request was refused for its rate. If a
// [RateLimiter] returns it, the request was not sent, because its permit would
// have come later than the context's deadline or the longest wait. It matches
// [ErrRateLimited], and [context.DeadlineExceeded] if the context's deadline was
// the reason. Inside an [*Error] with status 429 it is the server's refusal.
type RateLimitError struct {
	// Window is the limit that the request ran into; the zero Window if unknown.
	Window Window
	// ResetAt is the earliest time at which another try can succeed, by the local
	// clock; zero if unknown. It is a lower bound, or the estimate of NextTurn if
	// that is why the request was refused.
	ResetAt time.Time
	// Wait is the time from the refusal until ResetAt; 0 if unknown.
	Wait time.Duration
	// NextTurn is the estimated time of the request's turn, counting the requests
	// that waited before it; zero if unknown. It is not before ResetAt. A response
	// can bring it forward.
	NextTurn time.Time
	// Reason names the rule that refused the request; "" if unknown.
	Reason RateLimitReason

	cause error // context.DeadlineExceeded or nil
}

// Error names the window, the reason and the time to wait.
func (e *RateLimitError) Error() string {
	if e == nil {
		return "connix: rate limit"
	}
	text := "connix: rate limit"
	if e.Window != (Window{}) {
		text += fmt.Sprintf(" of %d per %v", e.Window.Limit, e.Window.Period)
	}
	switch {
	case e.Reason != "":
		text += ": " + string(e.Reason)
	case e.Window == (Window{}) && e.Wait <= 0 && e.cause == nil:
		text += " of the server, without a usable Retry-After"
	}
	if e.Wait > 0 {
		text += fmt.Sprintf(": try again in %v", e.Wait.Round(time.Millisecond))
	}
	if e.cause != nil {
		text += ", which is after the context's deadline: " + e.cause.Error()
	}
	return text
}

// Is reports whether target is [ErrRateLimited].
func (e *RateLimitError) Is(target error) bool { return target == ErrRateLimited }

// Unwrap returns [context.DeadlineExceeded] if the context's deadline was the
// reason for the refusal, else nil.
func (e *RateLimitError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.cause
}
