package connixtest

import (
	"errors"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
)

// Options returns what an application under test passes to [connix.NewClient]
// to use the server: its URL, its key, an http.Client that reaches it, no client-side
// rate limiter, since the server refuses nothing unless asked to, and retries
// after milliseconds.
func (s *Server) Options() []connix.Option {
	return append(s.transportOptions(), connix.WithAPIKey(s.APIKey))
}

func (s *Server) transportOptions() []connix.Option {
	return []connix.Option{
		connix.WithBaseURL(s.URL),
		connix.WithHTTPClient(s.HTTPClient()),
		connix.WithoutRateLimiter(),
		connix.WithRetryPolicy(connix.RetryPolicy{
			MaxRetries: connix.DefaultRetryPolicy().MaxRetries,
			BaseDelay:  time.Millisecond,
			MaxDelay:   10 * time.Millisecond,
			MaxElapsed: 10 * time.Second,
		}),
	}
}

// Client returns a client of the server, made from Options and then from opts.
// A credential among opts takes the place of the server's key.
func (s *Server) Client(tb testing.TB, opts ...connix.Option) *connix.Client {
	tb.Helper()
	options := append(s.Options(), opts...)
	c, err := connix.NewClient(options...)
	if err != nil {
		// A client has one credential, and there is no telling from outside
		// whether one of the options is one.
		withoutKey := append(s.transportOptions(), opts...)
		if other, otherErr := connix.NewClient(withoutKey...); otherErr == nil {
			return other
		} else if !errors.Is(otherErr, connix.ErrNoCredentials) {
			err = otherErr
		}
		tb.Fatalf("connixtest: %v", err)
	}
	return c
}
