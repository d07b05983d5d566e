package connix

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// maxRate is the caller's own ceiling before another limiter: a steady rate with
// bursts. A request takes its token when the next limiter grants it. Until then
// only as many requests are at the next limiter as there are tokens: if it keeps
// all back for a while, no more than a burst goes at the end.
type maxRate struct {
	queue
	next   RateLimiter
	bucket *rate.Limiter
	window Window
	ahead  int // requests at the next limiter
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
	granted := false
	defer func() { m.leave(granted) }()
	p, err := m.next.Wait(ctx, req)
	granted = err == nil
	return p, err
}

// leave notes that a request is no longer at the next limiter.
func (m *maxRate) leave(granted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ahead--
	if granted {
		m.bucket.AllowN(m.now(), 1)
	}
	m.pump()
}

// Status implements [RateLimiter]: the next limiter's, with the waiters of both and
// the later turn.
func (m *maxRate) Status() RateLimitStatus {
	s := m.next.Status()
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Waiters += m.waiters
	now := m.now()
	turn, why := m.earliest(now, m.waiters)
	if !turn.After(now) && m.waiters == 0 {
		return s
	}
	if s.BlockedBy == "" {
		s.BlockedBy = why.reason
	}
	if turn.After(now) && turn.After(s.NextTurn) {
		s.NextTurn = turn
	}
	if at, _ := m.earliest(now, 0); at.After(now) && at.After(s.BlockedUntil) {
		s.BlockedUntil = at
	}
	return s
}

func (m *maxRate) grant(now time.Time, _ *permit) (ok bool, recheck time.Time) {
	tokens := m.bucket.TokensAt(now)
	if tokens >= float64(m.ahead+1) {
		m.ahead++
		return true, time.Time{}
	}
	if m.ahead+1 > m.bucket.Burst() {
		return false, time.Time{} // only when the next limiter grants one
	}
	// The nanosecond covers the bucket's rounding: else the timer would spin.
	return false, now.Add(m.refill(float64(m.ahead+1)-tokens) + 1)
}

// earliest counts those at the next limiter as granted now.
func (m *maxRate) earliest(now time.Time, ahead int) (time.Time, blocked) {
	wait := m.refill(float64(m.ahead+ahead+1)-m.bucket.TokensAt(now)) + 1
	return now.Add(wait), blocked{m.window, RateLimitMaxRate}
}

func (m *maxRate) turn(now time.Time, ahead int) (time.Time, blocked) { return m.earliest(now, ahead) }

// cancel takes back a grant whose request is not at the next limiter yet.
func (m *maxRate) cancel(time.Time, *permit) { m.ahead-- }

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
