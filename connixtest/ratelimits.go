package connixtest

import (
	"slices"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/internal/fake/window"
)

// RateLimits are the limits of each API key and of each access token.
type RateLimits struct {
	// Windows limit requests; all of them apply. The headers show the longest one
	// only, as the API's do. Nil or empty refuses no request.
	Windows []connix.Window
	// Kind is how a window counts. The API does not document it.
	Kind WindowKind
	// Tokens limits tokens. The API documents no unit; here each request that counts
	// takes one. The zero Window counts none.
	Tokens connix.Window
	// Skew is how far the server's clock is ahead of the client's; negative is
	// behind. The Date header, the timestamps of records and the resets of windows
	// follow the server's clock.
	Skew time.Duration
}

// WindowKind is how a server counts requests in a window.
type WindowKind int

const (
	// FixedWindow starts anew at every multiple of the period since 1970.
	FixedWindow WindowKind = WindowKind(window.Fixed)
	// SlidingWindow counts each request for one period.
	SlidingWindow WindowKind = WindowKind(window.Sliding)
	// TokenBucket starts full and refills at a steady rate, completely in one period.
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

// WithRateLimits makes the server count requests and refuse those over the limits
// with 429 and RATE_LIMIT_EXCEEDED. A refused request does not count, nor does one
// that fails to authenticate. The clients of [Server.Client] and [Server.Options]
// have no limiter and receive these 429s; pass [connix.WithRateLimiter] to test the
// application's limiter.
//
// Without this option the server refuses no request, so that tests need not wait,
// and the headers show the documented limits with nothing used. Skew has its effect
// without Windows and Tokens, too.
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
