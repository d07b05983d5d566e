package connixtest

import (
	"errors"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
)

// Options returns the options with which an application under test calls
// [connix.NewClient] to use the server: its URL, its key, an [http.Client] that
// reaches it, no client-side rate limiter, and the default retries with delays of
// milliseconds. Options that follow them override them, but for a credential of
// another kind: see [Server.OptionsWithoutKey].
func (s *Server) Options() []connix.Option {
	return append(s.OptionsWithoutKey(), connix.WithAPIKey(s.APIKey))
}

// OptionsWithoutKey returns [Server.Options] without the key, for an application
// that has its own credential, such as an OAuth2 token source.
func (s *Server) OptionsWithoutKey() []connix.Option {
	policy := connix.DefaultRetryPolicy()
	policy.BaseDelay, policy.MaxDelay = time.Millisecond, 10*time.Millisecond
	return []connix.Option{
		connix.WithBaseURL(s.URL),
		connix.WithHTTPClient(s.HTTPClient()),
		connix.WithoutRateLimiter(),
		connix.WithRetryPolicy(policy),
	}
}

// Client returns a client of the server, made from Options followed by opts. A
// credential in opts replaces the server's key. It fails the test if
// [connix.NewClient] does.
func (s *Server) Client(tb testing.TB, opts ...connix.Option) *connix.Client {
	tb.Helper()
	options := append(s.Options(), opts...)
	c, err := connix.NewClient(options...)
	if err != nil {
		// A client has one credential, and there is no telling from outside
		// whether one of the options is one.
		withoutKey := append(s.OptionsWithoutKey(), opts...)
		if other, otherErr := connix.NewClient(withoutKey...); otherErr == nil {
			return other
		} else if !errors.Is(otherErr, connix.ErrNoCredentials) {
			err = otherErr
		}
		tb.Fatalf("connixtest: %v", err)
	}
	return c
}
