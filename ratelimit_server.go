package connix

import (
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/limit"
)

// serverLimits is what the server said last about its limits.
type serverLimits struct {
	requests, tokens serverLimit
	offset           time.Duration // the server's clock less ours
}

// serverLimit is a RateLimit by value: nobody outside can change it later.
type serverLimit struct {
	limit, remaining       int
	hasLimit, hasRemaining bool
	reset                  time.Time
}

func newServerLimit(r RateLimit) (s serverLimit) {
	if s.hasLimit = r.Limit != nil && *r.Limit >= 1; s.hasLimit {
		s.limit = min(*r.Limit, maxLimit)
	}
	if s.hasRemaining = r.Remaining != nil; s.hasRemaining {
		s.remaining = min(max(*r.Remaining, 0), maxLimit)
		if s.hasLimit {
			s.remaining = min(s.remaining, s.limit)
		}
	}
	s.reset = r.Reset
	return s
}

// said tells whether there is anything in it.
func (s *serverLimit) said() bool { return s.hasLimit || s.hasRemaining || !s.reset.IsZero() }

func (s *serverLimit) public() RateLimit {
	r := RateLimit{Reset: s.reset}
	if s.hasLimit {
		r.Limit = new(s.limit)
	}
	if s.hasRemaining {
		r.Remaining = new(s.remaining)
	}
	return r
}

func (s *serverLimits) public() RateLimits {
	return RateLimits{Requests: s.requests.public(), Tokens: s.tokens.public()}
}

// read takes an answer that is here now and returns what the core has to know
// of it, in bounds.
func (s *serverLimits) read(now time.Time, r RateLimitResult) limit.Answer {
	if !r.ServerTime.IsZero() {
		s.offset = r.ServerTime.Sub(now)
	}
	requests, tokens := newServerLimit(r.RateLimits.Requests), newServerLimit(r.RateLimits.Tokens)
	if requests.said() {
		s.requests = requests
	}
	if tokens.said() {
		s.tokens = tokens
	}
	a := limit.Answer{
		Refused:    r.StatusCode == http.StatusTooManyRequests,
		Limit:      requests.limit,
		Remaining:  limit.Unsaid,
		RetryAfter: min(max(r.RetryAfter, 0), maxRetryAfter),
	}
	if requests.hasRemaining {
		a.Remaining = requests.remaining
	}
	// A key without a tokens budget may show a limit of 0: that is no budget
	// which is spent.
	if n := r.RateLimits.Tokens.Limit; tokens.hasRemaining && tokens.remaining == 0 && (n == nil || *n > 0) {
		a.TokensGone = true
		a.TokensBack = tokens.reset.Sub(now.Add(s.offset))
	}
	return a
}

// reset is when the server says that its window ends, by our clock; otherwise,
// if that is no time within the period from now, the ledger's word.
func (s *serverLimits) reset(now time.Time, period time.Duration, ledger time.Time) time.Time {
	if s.requests.reset.IsZero() {
		return ledger
	}
	if at := s.requests.reset.Add(-s.offset); at.After(now) && at.Sub(now) <= period {
		return at
	}
	return ledger
}
