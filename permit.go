package connix

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
	"github.com/connix-io/connix-go/internal/retry"
)

// pacing is the rate limiter's side of a call.
type pacing struct {
	permit    Permit        // of the attempt under way; nil: none
	waited    time.Duration // in the limiter, by all attempts
	notBefore time.Time     // the server's Retry-After; zero: none
}

// acquire waits for the limiter's permit for another attempt, outside of any
// attempt's timeout.
func (k *call) acquire(now time.Time) error {
	k.attempt = attempt{started: now, delay: k.loop.next.Delay}
	if k.ctx.Err() != nil {
		return contextError(k.ctx)
	}
	limiter := k.client.limiter
	if limiter == nil {
		return nil
	}
	permit, err := k.wait(RateLimitRequest{
		Method:      k.request.method,
		Route:       k.request.route,
		MaxWait:     k.maxWait(),
		LowPriority: k.config.lowPriority,
		OnWait:      k.onRateLimitWait(),
	})
	a := &k.attempt
	a.started = time.Now()
	a.rateWait = a.started.Sub(now)
	k.pacing.waited += a.rateWait
	if err != nil {
		return k.refusedByLimiter(err)
	}
	k.pacing.permit = permit
	return k.holdBack()
}

// holdBack sleeps what the limiter has not slept already of the server's
// Retry-After.
func (k *call) holdBack() error {
	rest := k.pacing.notBefore.Sub(k.attempt.started)
	if rest <= 0 {
		return nil
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		k.attempt.started = time.Now()
		k.attempt.rateWait += rest
		k.pacing.waited += rest
		return nil
	case <-k.ctx.Done():
		k.pacing.permit.Cancel()
		k.pacing.permit = nil
		return contextError(k.ctx)
	}
}

// book counts a request that was sent without a permit, as far as the budget has
// room for it now.
func (k *call) book() {
	if k.client.limiter == nil {
		return
	}
	permit, err := k.wait(RateLimitRequest{Method: k.request.method, Route: k.request.route})
	if err == nil {
		permit.Settle(RateLimitResult{})
	}
}

// wait asks the limiter. One of the caller's may not watch the context; a permit
// that comes too late is returned.
func (k *call) wait(req RateLimitRequest) (Permit, error) {
	limiter, ctx := k.client.limiter, cmp.Or(k.config.waitCtx, k.ctx)
	if !k.client.foreignLimiter || ctx.Done() == nil {
		return limiter.Wait(ctx, req)
	}
	return watched(ctx, abandonAfter, func() (Permit, error) { return limiter.Wait(ctx, req) }, Permit.Cancel)
}

// refusedByLimiter makes the refusal match the context's error too, if it is
// the context that leaves no time.
func (k *call) refusedByLimiter(err error) error {
	if k.ctx.Err() != nil {
		return alsoContext(err, k.ctx)
	}
	limit, ok := errors.AsType[*RateLimitError](err)
	deadline, has := k.ctx.Deadline()
	if ok && has && time.Until(deadline) <= limit.Wait && !errors.Is(err, context.DeadlineExceeded) {
		return join(err, context.DeadlineExceeded)
	}
	return err
}

// settle tells the limiter how the attempt ended. A stream that the server refused
// may count, although the server did nothing.
func (p *pacing) settle(h *history, dates *lastDate) {
	permit, x := p.permit, &h.last
	if permit == nil {
		return
	}
	p.permit = nil
	switch {
	case x.Outcome == retry.NotSent && !x.written:
		permit.Cancel()
	case x.Status == 0:
		permit.Settle(RateLimitResult{})
	default:
		permit.Settle(RateLimitResult{
			StatusCode: x.Status,
			RateLimits: h.limits.limits,
			RetryAfter: x.RetryAfter,
			ServerTime: dates.parse(headers.First(x.header, "Date")),
			SentAt:     x.sentAt,
			ReceivedAt: x.receivedAt,
		})
	}
}

// release settles a permit that no attempt has settled.
func (p *pacing) release() {
	if p.permit != nil {
		p.permit.Settle(RateLimitResult{})
	}
}

// errGoexit is the error of a function that ended its goroutine.
var errGoexit = errors.New("it ended its goroutine")

// watched calls f on another goroutine and returns its result, or the cause of ctx
// if f does not return within grace after that has ended: f is a caller's, and may
// not watch ctx. A result that comes later is passed to late, unless that is nil. A
// panic of f is passed on.
func watched[T any](ctx context.Context, grace time.Duration, f func() (T, error), late func(T)) (T, error) {
	if ctx.Err() != nil {
		var none T
		return none, contextError(ctx)
	}
	type result struct {
		value    T
		err      error
		panicked any
	}
	results, gone := make(chan result), make(chan struct{})
	defer close(gone)
	go func() {
		r := result{err: errGoexit}
		defer func() {
			r.panicked = recover()
			select {
			case results <- r:
			case <-gone:
				if late != nil && r.err == nil {
					late(r.value)
				}
			}
		}()
		r.value, r.err = f()
	}()
	var r result
	select {
	case r = <-results:
	case <-ctx.Done():
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case r = <-results: // which says more than the context does
		case <-timer.C:
			return r.value, contextError(ctx)
		}
	}
	if r.panicked != nil {
		panic(r.panicked) // on the caller's goroutine, which can recover it
	}
	return r.value, r.err
}

// contextError returns the error of a context that has ended, and its cause.
func contextError(ctx context.Context) error { return alsoContext(context.Cause(ctx), ctx) }

// alsoContext makes err match the error of a context that has ended.
func alsoContext(err error, ctx context.Context) error {
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		return join(err, ended)
	}
	return err
}
