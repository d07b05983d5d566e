package connix

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/retry"
	"github.com/hashicorp/go-retryablehttp"
)

// RetryPolicy bounds the retries of one call: exponential backoff with full
// jitter. It is taken literally: the zero value never retries. See
// [DefaultRetryPolicy].
//
// Whether an attempt is retried depends on its outcome, not on its status alone:
// the package documentation has the table.
type RetryPolicy struct {
	// MaxRetries is how many times an attempt is repeated; 0 never.
	MaxRetries int
	// BaseDelay bounds the delay before the first retry; each further bound is
	// twice the one before. The delay is drawn evenly from 0 to its bound.
	BaseDelay time.Duration
	// MaxDelay caps the bound. If a server asks for a longer delay (Retry-After
	// on a 5xx), the call ends with that response.
	MaxDelay time.Duration
	// MaxElapsed ends retrying if the next attempt would start later than this
	// after the call began, waits for the rate limit not counted; 0 leaves the
	// bound to the context.
	MaxElapsed time.Duration
}

// DefaultRetryPolicy returns 3 retries, delays from 500 ms to 8 s, 2 minutes in
// all.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{MaxRetries: 3, BaseDelay: 500 * time.Millisecond, MaxDelay: 8 * time.Second, MaxElapsed: 2 * time.Minute}
}

// The loop itself belongs to go-retryablehttp; everything it asks is decided
// here, from the call's state. Three things it does are worth knowing: it stops
// cleanly, with the connection pool untouched, only where checkRetry returns
// (false, nil); it never asks prepareRetry before the first attempt; and where
// ctx ends during a pause it returns without asking anything.

// loop is where the call stands in it.
type loop struct {
	next    retry.Decision
	ahead   bool // the first attempt was made ahead of the loop
	pausing bool
}

// exchange sends attempts until one is final. The result is in k.history, and in
// k.why if the last response does not say why it ended.
func (k *call) exchange() {
	// Nearly every call ends with its first attempt, and the cost of the loop and
	// http.Client is a good part of what a call costs over the transport's share.
	k.conclude(k.send())
	if k.loop.next.Action == retry.Stop {
		return
	}
	k.loop.ahead = true
	loop := retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: k},
		RetryMax:     math.MaxInt,
		CheckRetry:   k.checkRetry,
		Backoff:      k.backoff,
		PrepareRetry: k.prepareRetry,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	req := (&http.Request{URL: k.retry.URL, Header: http.Header{}}).WithContext(k.ctx)
	resp, err := loop.Do(&retryablehttp.Request{Request: req})
	if resp != nil {
		_ = resp.Body.Close()
	}
	last := &k.history.last
	switch {
	case k.loop.pausing:
		k.why = contextError(k.ctx)
	case k.why == nil && last.Status == 0 && last.Err == nil:
		k.why = err // of the loop's own: it never got as far as an attempt
	}
}

// RoundTrip is how the loop sends. The exchange goes into k.history: the loop gets
// an empty response in its place, also for the attempt that was made ahead of it.
func (k *call) RoundTrip(*http.Request) (*http.Response, error) {
	if k.loop.ahead {
		k.loop.ahead = false
	} else {
		k.conclude(k.send())
	}
	return &http.Response{Body: http.NoBody}, nil
}

// checkRetry tells the loop whether another attempt follows.
func (k *call) checkRetry(_ context.Context, _ *http.Response, err error) (bool, error) {
	k.loop.pausing = err == nil && k.loop.next.Action != retry.Stop
	return k.loop.pausing, nil
}

// conclude takes up what an attempt came to and decides what follows.
func (k *call) conclude(x exchange) {
	k.history.add(x)
	if x.Outcome == retry.Unknown && retry.IsWrite(k.request.method) {
		k.retry.Uncertain = true
	}
	k.pacing.settle(&k.history, k.client.dates)
	if !k.attempt.refused {
		for range k.attempt.trace.unseen() {
			k.book()
			k.history.listUnseen(&k.attempt, k.requestID[0])
			k.observeAttempt()
		}
		k.history.list(&k.attempt, k.requestID[0])
		k.observeAttempt()
	}
	if k.loop.next = k.decide(); k.loop.next.Action == retry.Stop {
		k.why = k.loop.next.Why
	}
}

// backoff returns the pause that checkRetry has decided on.
func (k *call) backoff(time.Duration, time.Duration, int, *http.Response) time.Duration {
	next := &k.loop.next
	if next.Action == retry.Retry {
		k.observeRetry(next.Delay)
	}
	return next.Delay
}

// prepareRetry readies the next attempt, once the pause is over.
func (k *call) prepareRetry(*http.Request) error {
	k.loop.pausing = false
	next := &k.loop.next
	k.retry.Apply(*next)
	if next.RetryAfter > 0 {
		k.pacing.notBefore = k.history.last.receivedAt.Add(next.RetryAfter)
	}
	k.why = k.acquire(time.Now())
	return k.why
}

// decide adds to the call's state what only this moment shows, and pays for the
// decision.
func (k *call) decide() retry.Decision {
	last := &k.history.last
	if last.Outcome == retry.Succeeded || last.Err != nil && k.ctx.Err() != nil {
		return retry.Decision{} // or the context ended the attempt, and the error says so
	}
	m := retry.Moment{
		Elapsed:   last.receivedAt.Sub(k.began) - k.pacing.waited,
		Remaining: -1,
		Draw:      rand.Float64(),
	}
	if deadline, ok := k.ctx.Deadline(); ok {
		m.Remaining = max(time.Until(deadline), 0)
	}
	if last.Status == http.StatusUnauthorized && !k.retry.Reauthorized && k.retry.Replayable {
		k.retry.Reauthorized = true
		var err error
		if m.NewCredential, err = k.reauthorize(k.attempt.secret); err != nil {
			return retry.Decision{Why: err}
		}
	}
	next := retry.Decide(&k.retry, &last.Attempt, m)
	switch {
	case next.Action != retry.Stop && k.ctx.Err() != nil:
		return retry.Decision{Why: contextError(k.ctx)}
	case next.Action == retry.Retry && last.Outcome != retry.Rejected && !k.client.budget.Take():
		return retry.Decision{Why: retry.ErrBudget}
	}
	if refused, ok := next.Why.(retry.RedirectRefused); ok { //nolint:errorlint // Decide returns it bare
		next.Why = fmt.Errorf("%w: %w", ErrRedirectRefused, refused)
	}
	return next
}

// reauthorize asks for another credential than the one that was refused, for as
// long as an attempt may take: a vault that hangs must not hang the call.
func (k *call) reauthorize(refused []string) (bool, error) {
	ctx, cancel := k.withTimeout(k.ctx, time.Now())
	defer cancel()
	return k.client.credential.renew(ctx, k, refused)
}
