package fake

import (
	"net/http"
	"strconv"
	"time"

	"github.com/connix-io/connix-go/internal/fake/window"
)

// budget returns the budget of a credential. An unauthenticated request is shown a full
// one.
func (f *Fake) budget(c *credential) *window.Budget {
	if c == nil {
		return window.NewBudget(f.config.Limits)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.budgets[c.budget]
	if b == nil {
		b = window.NewBudget(f.config.Limits)
		f.budgets[c.budget] = b
	}
	return b
}

func (f *Fake) take(b *window.Budget, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return b.Allow(now)
}

// limitHeader is a header that writeLimits sets.
const limitHeader = "X-Ratelimit-Limit-Requests"

// writeLimits tells what is left of the budget.
func (f *Fake) writeLimits(h http.Header, b *window.Budget, now time.Time) {
	f.mu.Lock()
	requests, tokens := b.Requests(now), b.Tokens(now)
	f.mu.Unlock()
	for name, s := range map[string]window.Status{"Requests": requests, "Tokens": tokens} {
		h.Set("X-RateLimit-Limit-"+name, strconv.Itoa(s.Limit))
		h.Set("X-RateLimit-Remaining-"+name, strconv.Itoa(s.Remaining))
		h.Set("X-RateLimit-Reset-"+name, strconv.FormatInt(roundUp(s.Reset), 10))
	}
}

// roundUp returns the first whole Unix second that is not before t: who waits
// until then is not too early.
func roundUp(t time.Time) int64 {
	seconds := t.Unix()
	if t.Nanosecond() > 0 {
		seconds++
	}
	return seconds
}
