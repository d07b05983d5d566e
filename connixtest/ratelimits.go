package connixtest

import (
	"slices"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/internal/fake/window"
)

// RateLimits is what the server holds each API key, and each access token, to.
type RateLimits struct {
	// Windows are the limits of requests, all of which hold at once. Headers
	// show the longest one only, as the API's do. None: no request is refused.
	Windows []connix.Window
	// Kind is how windows are counted, which the API does not document.
	Kind WindowKind
	// Tokens is the budget of tokens. What a token is is not documented either:
	// here every request that counts takes one. Zero: tokens are not counted.
	Tokens connix.Window
	// Skew is how far the server's clock is ahead of the client's (behind, if
	// negative). The Date header, the timestamps of records and the turns of
	// windows follow it.
	Skew time.Duration
}

// WindowKind is how a server counts requests in a window.
type WindowKind int

const (
	// FixedWindow begins anew at every multiple of the period since 1970.
	FixedWindow WindowKind = WindowKind(window.Fixed)
	// SlidingWindow remembers every request for one period.
	SlidingWindow WindowKind = WindowKind(window.Sliding)
	// TokenBucket begins full and refills steadily, wholly in one period.
	TokenBucket WindowKind = WindowKind(window.Bucket)
)

// DefaultRateLimits returns the limits that the API overview documents: 1000
// requests an hour and 100 a minute, and 10,000 tokens an hour, in fixed windows.
func DefaultRateLimits() RateLimits {
	return RateLimits{
		Windows: []connix.Window{{Limit: 1000, Period: time.Hour}, {Limit: 100, Period: time.Minute}},
		Tokens:  connix.Window{Limit: 10000, Period: time.Hour},
	}
}

// WithRateLimits has the server count requests and refuse what is over the
// limits, with 429 and RATE_LIMIT_EXCEEDED; a refused request costs nothing.
// Requests that fail to authenticate are not counted. The clients of
// [Server.Client] and [Server.Options] have no limiter of their own and meet the
// 429s; give them [connix.WithRateLimiter] where the application has one.
//
// Without this option nothing is ever refused, so that tests need not wait, and
// the headers tell of the documented limits with nothing used. Only Skew works
// without Windows and Tokens.
func WithRateLimits(limits RateLimits) Option {
	return func(c *config) {
		windows := limits.Windows
		if limits.Tokens != (connix.Window{}) {
			windows = append(slices.Clip(windows), limits.Tokens)
		}
		for _, w := range windows {
			if err := windowLimit(w).Check(); err != nil {
				c.refuse("WithRateLimits: %w", err)
			}
		}
		if limits.Kind < FixedWindow || limits.Kind > TokenBucket {
			c.refuse("WithRateLimits: no such kind of window: %d", limits.Kind)
		}
		c.limits = limits
	}
}

func windowLimit(w connix.Window) window.Limit { return window.Limit{Max: w.Limit, Period: w.Period} }

func (l RateLimits) rules() window.Rules {
	r := window.Rules{Kind: window.Kind(l.Kind), Tokens: windowLimit(l.Tokens)}
	for _, w := range l.Windows {
		r.Windows = append(r.Windows, windowLimit(w))
	}
	return r
}
