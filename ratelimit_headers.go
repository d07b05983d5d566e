package connix

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
	"github.com/connix-io/connix-go/internal/limit"
)

// The rate-limit headers, by their canonical names.
const (
	headerLimitRequests     = "X-Ratelimit-Limit-Requests"
	headerRemainingRequests = "X-Ratelimit-Remaining-Requests"
	headerResetRequests     = "X-Ratelimit-Reset-Requests"
	headerLimitTokens       = "X-Ratelimit-Limit-Tokens"
	headerRemainingTokens   = "X-Ratelimit-Remaining-Tokens"
	headerResetTokens       = "X-Ratelimit-Reset-Tokens"
)

// rateHeaders holds one response's rate-limit headers. The counts are in it, so
// that the pointers of a [RateLimits] cost no allocation.
type rateHeaders struct {
	limits RateLimits
	counts [4]int
}

// read replaces the headers of an earlier response.
func (h *rateHeaders) read(header http.Header) {
	*h = rateHeaders{}
	h.limits.Requests = h.budget(header, 0, headerLimitRequests, headerRemainingRequests, headerResetRequests)
	h.limits.Tokens = h.budget(header, 2, headerLimitTokens, headerRemainingTokens, headerResetTokens)
}

func (h *rateHeaders) budget(header http.Header, at int, limit, remaining, reset string) RateLimit {
	l := RateLimit{
		Limit:     h.count(header, at, limit),
		Remaining: h.count(header, at+1, remaining),
		Reset:     headers.UnixTime(headers.First(header, reset)),
	}
	if l.Limit != nil && l.Remaining != nil && *l.Remaining > *l.Limit {
		l.Remaining = nil // out of range
	}
	return l
}

func (h *rateHeaders) count(header http.Header, at int, name string) *int {
	n, ok := headers.Count(headers.First(header, name))
	if !ok {
		return nil
	}
	h.counts[at] = n
	return &h.counts[at]
}

// lastDate caches the last Date header: all responses of a second have the same.
type lastDate struct{ last atomic.Pointer[parsedDate] }

type parsedDate struct {
	text string
	at   time.Time
}

func (d *lastDate) parse(text string) time.Time {
	last := d.last.Load()
	if last == nil || last.text != text {
		last = &parsedDate{text, headers.Date(text)}
		d.last.Store(last)
	}
	return last.at
}

// serverLimits holds the rate limits that the server showed last.
type serverLimits struct {
	requests, tokens serverLimit
	offset           time.Duration // the server's clock less ours
}

// serverLimit is a RateLimit by value, which no caller can change later.
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

// said reports whether any field was sent.
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

// read takes a response that has just arrived and returns the part that the core
// uses, within bounds.
func (s *serverLimits) read(now time.Time, r RateLimitResult) limit.Response {
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
	a := limit.Response{
		Refused:     r.StatusCode == http.StatusTooManyRequests,
		Unavailable: r.StatusCode == http.StatusServiceUnavailable && r.RetryAfter > 0,
		Limit:       requests.limit,
		Remaining:   limit.Unsaid,
		RetryAfter:  min(max(r.RetryAfter, 0), longestPause),
	}
	if n := r.RateLimits.Requests.Limit; requests.hasRemaining && (n == nil || *n > 0) { // a limit of 0 is no limit
		a.Remaining = requests.remaining
	}
	// A key without a tokens budget may show a limit of 0, which is not a spent
	// budget.
	if n := r.RateLimits.Tokens.Limit; tokens.hasRemaining && tokens.remaining == 0 && (n == nil || *n > 0) {
		a.TokensGone = true
		a.TokensBack = tokens.reset.Sub(now.Add(s.offset))
	}
	return a
}

// reset returns the time at which the server's window ends, by the local clock. If
// the server shows none within the period from now, it returns ledger.
func (s *serverLimits) reset(now time.Time, period time.Duration, ledger time.Time) time.Time {
	if s.requests.reset.IsZero() {
		return ledger
	}
	if at := s.requests.reset.Add(-s.offset); at.After(now) && at.Sub(now) <= period {
		return at
	}
	return ledger
}
