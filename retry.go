package connix

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// RetryPolicy bounds the retries of one call. It is taken literally: the zero
// value never retries; see [DefaultRetryPolicy].
//
// What is retried depends on what is known of the attempt's effect, not only on
// its status: the package documentation has the table.
type RetryPolicy struct {
	// MaxRetries is how many times an attempt is repeated; 0 never.
	MaxRetries int
	// BaseDelay bounds the pause before the first retry; each further bound is
	// twice the one before. The pause is drawn evenly from 0 to its bound.
	BaseDelay time.Duration
	// MaxDelay caps the bound. A server that asks (Retry-After on a 5xx) for a
	// longer pause ends the call with its answer.
	MaxDelay time.Duration
	// MaxElapsed ends retrying once the next attempt would start later than this
	// after the call began, waits for the rate limit not counted; 0 is no bound
	// but the context's.
	MaxElapsed time.Duration
}

// DefaultRetryPolicy returns 3 retries, delays from 500 ms to 8 s, 2 minutes in
// all.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{MaxRetries: 3, BaseDelay: 500 * time.Millisecond, MaxDelay: 8 * time.Second, MaxElapsed: 2 * time.Minute}
}

// backoff draws the pause after n retries: full jitter, so that clients that
// failed together do not return together.
func (p RetryPolicy) backoff(n int, draw float64) time.Duration {
	bound := min(p.BaseDelay, p.MaxDelay)
	for range n {
		if bound >= p.MaxDelay/2 {
			bound = p.MaxDelay
			break
		}
		bound *= 2
	}
	return time.Duration(draw * float64(bound))
}

// The loop itself belongs to go-retryablehttp; everything it asks is answered
// here, from the call's state. Three things it does are worth knowing: it stops
// cleanly, with the connection pool untouched, only where checkRetry returns
// (false, nil); it never asks prepareRetry before the first attempt; and where
// ctx ends during a pause it returns without asking anything.

// exchange sends attempts until one is final. What it found is in k.last, and
// in k.why where the last answer does not say why it ended.
func (k *call) exchange() {
	k.makeRequest()
	if k.client.jar == nil {
		// Nearly every call ends here, and what the loop and http.Client would add
		// is a good part of what a call costs over the transport's share.
		k.judge(k.send(&k.sent)) //nolint:bodyclose // reading the answer closes it
		if k.next.action == stop {
			return
		}
		k.ahead = true
	}
	loop := retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: k, CheckRedirect: useLastResponse, Jar: k.client.jar},
		RetryMax:     math.MaxInt,
		CheckRetry:   k.checkRetry,
		Backoff:      k.backoff,
		PrepareRetry: k.prepareRetry,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	req := k.sent.WithContext(k.ctx)
	req.Header = http.Header{} // for the Jar's cookies
	resp, err := loop.Do(&retryablehttp.Request{Request: req})
	if resp != nil {
		_ = resp.Body.Close() // read already: judge has seen every answer
	}
	switch {
	case k.pausing:
		k.why = contextError(k.ctx)
	case k.why == nil && k.last.status == 0 && k.last.err == nil:
		k.why = err // of the loop's own: it never got as far as an attempt
	}
}

// RoundTrip is how the loop sends. Where the first attempt is over before the
// loop begins, the loop gets an answer to it that says nothing.
func (k *call) RoundTrip(req *http.Request) (*http.Response, error) {
	if k.ahead {
		return &http.Response{Body: http.NoBody}, nil
	}
	return k.send(req)
}

// checkRetry tells the loop what follows the attempt.
func (k *call) checkRetry(_ context.Context, resp *http.Response, err error) (bool, error) {
	if k.ahead {
		k.ahead = false
	} else {
		k.judge(resp, err)
	}
	k.pausing = k.next.action != stop
	return k.pausing, nil
}

// judge ends the attempt and decides what follows.
func (k *call) judge(resp *http.Response, err error) {
	k.finishAttempt(resp, err)
	if resp != nil {
		resp.Body = http.NoBody
	}
	if k.next = k.decide(); k.next.action == stop {
		k.why = k.next.why
	}
}

// backoff returns the pause that checkRetry has decided on.
func (k *call) backoff(time.Duration, time.Duration, int, *http.Response) time.Duration {
	if k.next.action == retry {
		k.observeRetry(k.next.delay)
	}
	return k.next.delay
}

// prepareRetry readies the next attempt, once the pause is over.
func (k *call) prepareRetry(req *http.Request) error {
	k.pausing = false
	switch k.next.action {
	case follow:
		k.hops++
		k.sent.URL = k.next.to
		req.URL, req.Host = k.next.to, ""
	case retry:
		k.retries++
	}
	if req.GetBody != nil {
		req.Body, _ = req.GetBody() // of bytes: it cannot fail
	}
	k.delay = k.next.delay
	k.why = k.acquire(time.Now())
	return k.why
}

// decide gathers the situation, and what the decision costs.
func (k *call) decide() verdict {
	r := &k.last
	if r.fate == fateDone || r.err != nil && k.ctx.Err() != nil {
		return verdict{} // or the context ended the attempt, and the error says so
	}
	s := situation{
		policy:      k.policy(),
		method:      k.request.method,
		unsafe:      k.config.retryUnsafe,
		replayable:  k.request.stream == nil,
		result:      r,
		retries:     k.retries,
		hops:        k.hops,
		from:        k.sent.URL,
		gated:       k.client.gated,
		maxRateWait: k.client.maxWait,
		elapsed:     r.receivedAt.Sub(k.began) - k.rateWaited,
		remaining:   -1,
		draw:        rand.Float64(),
	}
	if deadline, ok := k.ctx.Deadline(); ok {
		s.remaining = max(time.Until(deadline), 0)
	}
	if r.status == http.StatusUnauthorized && !k.renewed && s.replayable {
		k.renewed = true
		var err error
		if s.renewed, err = k.renew(k.attempt.secret); err != nil {
			return verdict{why: err}
		}
	}
	v := decide(s)
	switch {
	case v.action != stop && k.ctx.Err() != nil:
		return verdict{why: contextError(k.ctx)}
	case v.action == retry && r.fate != fateDeclined && !k.client.quota.take():
		return verdict{why: errRetryQuota}
	}
	return v
}

// policy is the client's, with what the call's options say.
func (k *call) policy() RetryPolicy {
	p := k.client.retry
	if k.config.retriesSet {
		p.MaxRetries = k.config.maxRetries
	}
	return p
}

// renew asks for another credential than the one that was refused, for as long
// as an attempt may take: a vault that hangs must not hang the call.
func (k *call) renew(refused []string) (bool, error) {
	ctx, cancel := k.client.withTimeout(k.ctx, time.Now())
	defer cancel()
	return k.client.credential.renew(ctx, k, refused)
}

func useLastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
