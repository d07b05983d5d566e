package connix

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
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

// rateHeaders is what one answer's headers said; the counts live in it, so that
// the pointers of a [RateLimits] cost nothing.
type rateHeaders struct {
	limits RateLimits
	counts [4]int
}

// read replaces what an earlier answer said.
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
		l.Remaining = nil // absurd
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

// lastDate remembers the last Date header: all answers of a second have the same.
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
