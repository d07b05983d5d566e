package connix_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	connix "github.com/connix-io/connix-go"
)

func TestRateLimitError_text(t *testing.T) {
	hour := connix.Window{Limit: 1000, Period: time.Hour}
	tests := map[string]struct {
		err  *connix.RateLimitError
		want string
	}{
		"nil":     {nil, "connix: rate limit"},
		"zero":    {&connix.RateLimitError{}, "connix: rate limit of the server, without a usable Retry-After"},
		"window":  {&connix.RateLimitError{Window: hour}, "connix: rate limit of 1000 per 1h0m0s"},
		"wait":    {&connix.RateLimitError{Wait: 90*time.Second + 1}, "connix: rate limit: try again in 1m30s"},
		"reason":  {&connix.RateLimitError{Reason: connix.RateLimitTokens}, "connix: rate limit: tokens spent"},
		"it all":  {&connix.RateLimitError{Window: hour, Reason: connix.RateLimitFull, Wait: time.Minute, ResetAt: time.Now()}, "connix: rate limit of 1000 per 1h0m0s: window full: try again in 1m0s"},
		"a year?": {&connix.RateLimitError{Wait: 24 * time.Hour}, "connix: rate limit: try again in 24h0m0s"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			wrapped := fmt.Errorf("call: %w", tt.err)
			if !errors.Is(wrapped, connix.ErrRateLimited) || errors.Is(wrapped, context.DeadlineExceeded) {
				t.Error("it matches the wrong errors")
			}
			if got, ok := errors.AsType[*connix.RateLimitError](wrapped); !ok || got != tt.err {
				t.Error("errors.As does not find it")
			}
		})
	}
}
