package connix

import (
	"context"
	"time"
)

// A RateLimiter decides when a request may be sent. One value is one budget:
// clients that use the same API key share it by being given the same value.
// [NewRateLimiter] returns the one that a client has by default; a caller may
// write another, for instance one that a fleet of processes shares.
//
// It is safe for concurrent use.
type RateLimiter interface {
	// Wait returns when one request may be sent, with the permit to send it.
	// It is called once for every attempt, retries and redirects included,
	// and before the attempt's timeout starts.
	//
	// It fails with a [*RateLimitError] when it can tell that the permit comes
	// later than ctx's deadline or req.MaxWait allow, and with ctx's error
	// when ctx is canceled. After an error nothing is held.
	Wait(ctx context.Context, req RateLimitRequest) (Permit, error)

	// Status tells how things stand now.
	Status() RateLimitStatus
}

// A Permit allows one request. Exactly one of its methods must be called, on
// every path: a permit that is kept holds its part of the budget for ever. The
// first call counts, later ones do nothing. It is safe for concurrent use.
type Permit interface {
	// Settle reports how the request ended, when its answer's body has been
	// read. The zero RateLimitResult means that no answer came; the request
	// may have arrived and counts.
	Settle(RateLimitResult)

	// Cancel reports that the request was certainly not sent. What the permit
	// held returns to the budget.
	Cancel()
}

// RateLimitRequest is one request that wants to be sent.
type RateLimitRequest struct {
	Method string // of HTTP
	Route  string // the endpoint's template: /projects/{id}

	// MaxWait is the longest time to wait. Zero does not wait at all; below
	// zero only the context bounds the wait.
	MaxWait time.Duration

	// OnWait, unless nil, is called when the request has to wait: before the
	// wait, by the goroutine that waits, and once for each limiter that makes
	// it wait.
	OnWait func(RateLimitWait)
}

// RateLimitWait tells why a request waits.
type RateLimitWait struct {
	// Window is the limit that it waits for.
	Window Window
	// Delay is the least time until its turn, as far as can be told: it is
	// longer where others are served first or an answer changes things, and
	// shorter where an answer shows more budget. Zero if the turn comes with
	// the answer to a request that is under way.
	Delay time.Duration
	// Waiters is the number of requests that wait, this one included.
	Waiters int
	// Reason tells what stands in the way.
	Reason RateLimitReason
}

// RateLimitReason tells why a request has to wait. A limiter from elsewhere
// may have reasons of its own.
type RateLimitReason string

// The reasons of the limiter that [NewRateLimiter] returns and of WithMaxRate.
const (
	RateLimitFull    RateLimitReason = "window full"    // as many requests as the window may hold
	RateLimitSpread  RateLimitReason = "last requests"  // the window's last requests are spread over the rest of it
	RateLimitStart   RateLimitReason = "first answer"   // the first request goes alone
	RateLimitShared  RateLimitReason = "shared key"     // somebody else uses the key: few requests at a time
	RateLimitDenied  RateLimitReason = "denied"         // the server answered 429
	RateLimitTokens  RateLimitReason = "tokens spent"   // the Tokens budget is used up
	RateLimitMaxRate RateLimitReason = "own max rate"   // the caller's own ceiling
	RateLimitQueue   RateLimitReason = "requests ahead" // requests that came earlier are served first
)

// RateLimitResult is how one request ended. The zero value means that no
// answer came.
type RateLimitResult struct {
	StatusCode int        // 0: no answer
	RateLimits RateLimits // what the answer's headers said
	RetryAfter time.Duration

	ServerTime time.Time // the answer's Date; zero: none
	SentAt     time.Time
	ReceivedAt time.Time
}

// RateLimits is what one answer said about the budgets of the API key.
type RateLimits struct {
	Requests RateLimit // X-RateLimit-*-Requests: the hour's window
	Tokens   RateLimit // X-RateLimit-*-Tokens; the API does not document its unit
}

// RateLimit is what one answer said about one budget.
type RateLimit struct {
	Limit     *int      // nil: absent or absurd
	Remaining *int      // nil: absent or absurd
	Reset     time.Time // by the server's clock; zero: absent
}

// Window is a limit of requests: at most Limit in any Period. The zero value
// is no window.
type Window struct {
	Limit  int
	Period time.Duration
}

// RateLimitStatus is a snapshot of a limiter.
type RateLimitStatus struct {
	// Windows are the limiter's windows, the one that the server's headers
	// show with the limit that they show.
	Windows []WindowStatus
	// Server is what the latest answer said that said anything.
	Server RateLimits
	// BlockedUntil is when requests may be sent again that are all kept back
	// now, after a 429 or a spent Tokens budget; zero if they are not.
	BlockedUntil time.Time
	// BlockedBy tells why they are; "" if they are not.
	BlockedBy RateLimitReason
	// Waiters is the number of requests that wait.
	Waiters int
}

// WindowStatus is a snapshot of one window.
type WindowStatus struct {
	Window
	// Remaining is the number of requests that may be sent now as far as this
	// window goes, without those that are kept back and spread over its rest.
	Remaining int
	// ResetAt is when the whole window is free again, by the local clock and at
	// the latest; zero if nothing is used.
	ResetAt time.Time
}
