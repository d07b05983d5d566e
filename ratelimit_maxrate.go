package connix

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// maxRate is the caller's own ceiling before another limiter: a steady rate with
// bursts. Its wait comes first, so that no permit of the other limiter is held
// meanwhile.
type maxRate struct {
	queue
	next   RateLimiter
	bucket *rate.Limiter
	window Window
}

// newMaxRate puts a ceiling of perSecond requests a second, with bursts of at most
// burst, before next. Both must be above 0.
func newMaxRate(next RateLimiter, perSecond float64, burst int) RateLimiter {
	m := &maxRate{next: next, bucket: rate.NewLimiter(rate.Limit(perSecond), burst)}
	m.window = Window{Limit: burst, Period: m.refill(float64(burst))}
	m.pace = m
	return m
}

// Wait implements [RateLimiter].
func (m *maxRate) Wait(ctx context.Context, req RateLimitRequest) (Permit, error) {
	start := time.Now()
	if err := m.wait(ctx, req, nil); err != nil {
		return nil, err
	}
	if req.MaxWait > 0 {
		req.MaxWait = max(req.MaxWait-time.Since(start), 0)
	}
	served := false
	defer func() {
		if !served {
			m.giveBack()
		}
	}()
	p, err := m.next.Wait(ctx, req)
	served = err == nil
	return p, err
}

// giveBack returns the token of a request that is not sent after all.
func (m *maxRate) giveBack() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cancel(m.now(), nil)
	m.pump()
}

// Status implements [RateLimiter]: the next limiter's, with the waiters of both.
func (m *maxRate) Status() RateLimitStatus {
	s := m.next.Status()
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Waiters += m.waiters
	return s
}

func (m *maxRate) grant(now time.Time, _ *permit) (ok bool, recheck time.Time) {
	if m.bucket.AllowN(now, 1) {
		return true, time.Time{}
	}
	recheck, _ = m.earliest(now, 0)
	return false, recheck
}

func (m *maxRate) earliest(now time.Time, ahead int) (time.Time, blocked) {
	// The nanosecond covers the bucket's rounding: else the timer would spin.
	wait := m.refill(float64(ahead+1)-m.bucket.TokensAt(now)) + 1
	return now.Add(wait), blocked{m.window, RateLimitMaxRate}
}

// cancel adds a token: a reservation of the bucket could not be canceled once
// its time has come.
func (m *maxRate) cancel(now time.Time, _ *permit) { m.bucket.AllowN(now, -1) }

// refill returns the time in which so many tokens flow into the bucket, at most a
// year.
func (m *maxRate) refill(tokens float64) time.Duration {
	const year = 365 * 24 * time.Hour
	if d := tokens / float64(m.bucket.Limit()) * float64(time.Second); d < float64(year) {
		return time.Duration(d)
	}
	return year
}

// unlimited is the next limiter if the caller wants none. It grants at once.
type unlimited struct{}

func (unlimited) Wait(context.Context, RateLimitRequest) (Permit, error) { return unlimited{}, nil }
func (unlimited) Status() RateLimitStatus                                { return RateLimitStatus{} }
func (unlimited) Settle(RateLimitResult)                                 {}
func (unlimited) Cancel()                                                {}
