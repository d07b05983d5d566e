package window

import (
	"slices"
	"time"
)

// Rules is what one credential is held to.
type Rules struct {
	Windows []Limit // none: nothing is refused
	Kind    Kind
	Tokens  Limit // zero: no token is counted
}

// The limits that a response tells of where nothing is counted: those of the API
// overview.
var (
	shownRequests = Limit{Max: 1000, Period: time.Hour}
	shownTokens   = Limit{Max: 10000, Period: time.Hour}
)

// Budget is what is left to one credential.
type Budget struct {
	requests []*Window // the longest first
	tokens   *Window   // nil: not counted
}

// NewBudget returns a full budget.
func NewBudget(r Rules) *Budget {
	b := &Budget{}
	for _, l := range r.Windows {
		b.requests = append(b.requests, New(l, r.Kind))
	}
	slices.SortStableFunc(b.requests, func(a, c *Window) int { return int(c.limit.Period - a.limit.Period) })
	if r.Tokens.Max > 0 {
		b.tokens = New(r.Tokens, r.Kind)
	}
	return b
}

// Status is what the headers of a response say of one window.
type Status struct {
	Limit, Remaining int
	Reset            time.Time
}

// Allow takes one request, and one token, out of every window, or nothing at all
// where any of them has none left.
func (b *Budget) Allow(now time.Time) bool {
	windows := b.requests
	if b.tokens != nil {
		windows = append(slices.Clip(windows), b.tokens)
	}
	for _, w := range windows {
		if w.Remaining(now) < 1 {
			return false
		}
	}
	for _, w := range windows {
		w.Take(now)
	}
	return true
}

// Requests returns the state of the longest window of requests: the only one
// that the API shows.
func (b *Budget) Requests(now time.Time) Status {
	if len(b.requests) == 0 {
		return untouched(shownRequests, now)
	}
	return status(b.requests[0], now)
}

// Tokens returns the state of the window of tokens.
func (b *Budget) Tokens(now time.Time) Status {
	if b.tokens == nil {
		return untouched(shownTokens, now)
	}
	return status(b.tokens, now)
}

func status(w *Window, now time.Time) Status {
	return Status{Limit: w.limit.Max, Remaining: w.Remaining(now), Reset: w.Reset(now)}
}

func untouched(l Limit, now time.Time) Status { return status(New(l, Fixed), now) }
