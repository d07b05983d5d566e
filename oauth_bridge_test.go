package connix

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/oauth2"
)

// What a Client asks of a TokenSource, for tests that need no client.

func TokenOf(ctx context.Context, s *TokenSource, hc *http.Client) (*oauth2.Token, error) {
	return s.token(ctx, hc)
}

func TokenRefused(ctx context.Context, s *TokenSource, hc *http.Client, accessToken string) (*oauth2.Token, error) {
	return s.refused(ctx, hc, accessToken)
}

func WithRefreshHook(ctx context.Context, hook func(early bool, d time.Duration, expiry time.Time, err error)) context.Context {
	return withRefreshHook(ctx, func(_ context.Context, r tokenRefresh) { hook(r.Early, r.Duration, r.Expiry, r.Err) })
}
