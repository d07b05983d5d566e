package connix

import (
	"cmp"
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/connix-io/connix-go/internal/limit"
)

// maxRate is the caller's own ceiling before another limiter: a steady rate with
// bursts. A request takes its token when the next limiter grants it. Until then
// only as many requests are at the next limiter as there are tokens: if it keeps
// all back for a while, no more than a burst goes at the end.
type maxRate struct {
	queue
	next    RateLimiter
	bucket  *rate.Limiter
	window  Window
	granted int // requests at the next limiter
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
	m.granted--
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
	turn, why := m.earliest(now, m.ahead(0))
	if !turn.After(now) && m.ahead(0) == 0 {
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
	if tokens >= float64(m.granted+1) {
		m.granted++
		return true, time.Time{}
	}
	if m.granted+1 > m.bucket.Burst() {
		return false, time.Time{} // only when the next limiter grants one
	}
	// The nanosecond covers the bucket's rounding: else the timer would spin.
	return false, now.Add(m.refill(float64(m.granted+1)-tokens) + 1)
}

// earliest counts those at the next limiter as granted now.
func (m *maxRate) earliest(now time.Time, ahead int) (time.Time, blocked) {
	wait := m.refill(float64(m.granted+ahead+1)-m.bucket.TokensAt(now)) + 1
	return now.Add(wait), blocked{m.window, RateLimitMaxRate}
}

func (m *maxRate) turn(now time.Time, ahead int) (time.Time, blocked) { return m.earliest(now, ahead) }

// cancel takes back a grant whose request is not at the next limiter yet.
func (m *maxRate) cancel(time.Time, *permit) { m.granted-- }

// refill returns the time in which so many tokens flow into the bucket, at most a
// year.
func (m *maxRate) refill(tokens float64) time.Duration {
	const year = 365 * 24 * time.Hour
	if d := tokens / float64(m.bucket.Limit()) * float64(time.Second); d < float64(year) {
		return time.Duration(d)
	}
	return year
}

// ShareRateLimiter returns a limiter that takes at most the part fraction of every
// window of limiter, in any period of the window's length. It follows limiter's
// windows when headers change them. Requests wait for their share first and then for
// limiter, so that several shares of one limiter add up. Of a window with a small
// limit, a share is at least one request.
//
// It panics if limiter is nil, or if fraction is not above 0 and at most 1.
func ShareRateLimiter(limiter RateLimiter, fraction float64) RateLimiter {
	if limiter == nil {
		panic("connix: ShareRateLimiter: limiter must not be nil")
	}
	if !(fraction > 0 && fraction <= 1) {
		panic("connix: ShareRateLimiter: fraction must be above 0 and at most 1")
	}
	s := &rateShare{next: limiter, fraction: fraction}
	s.pace = s
	return s
}

// rateShare holds requests to a part of the next limiter's windows.
type rateShare struct {
	queue
	next     RateLimiter
	fraction float64
	share    *limit.Share // nil before the first request, which sets the start
}

// ownLimiter reports whether l is a limiter of this package: it honors its context and
// pauses after a 429.
func ownLimiter(l RateLimiter) bool {
	switch l := l.(type) {
	case *windowLimiter:
		return true
	case *rateShare:
		return ownLimiter(l.next)
	}
	return false
}

// sharePermit is a permit of the next limiter that counts in a share.
type sharePermit struct {
	Permit
	share *rateShare
	once  sync.Once
}

// Wait implements [RateLimiter].
func (s *rateShare) Wait(ctx context.Context, req RateLimitRequest) (Permit, error) {
	start := time.Now()
	s.update(s.next.Status().Windows)
	if err := s.wait(ctx, req, nil); err != nil {
		return nil, err
	}
	if req.MaxWait > 0 {
		req.MaxWait = max(req.MaxWait-time.Since(start), 0)
	}
	granted := false
	defer func() {
		if !granted {
			s.end((*limit.Share).Cancelled)
		}
	}()
	p, err := s.next.Wait(ctx, req)
	if err != nil {
		return nil, err
	}
	granted = true
	return &sharePermit{Permit: p, share: s}, nil
}

// update takes the windows of the next limiter.
func (s *rateShare) update(windows []WindowStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.share == nil {
		s.share = limit.NewShare(s.now())
	}
	parts := make([]limit.Window, len(windows))
	for i, w := range windows {
		parts[i] = limit.Window{Limit: max(int(float64(w.Limit)*s.fraction), 1), Period: max(w.Period, time.Millisecond)}
	}
	s.share.Update(parts)
}

// end ends a request in the share and serves the others.
func (s *rateShare) end(how func(*limit.Share, time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how(s.share, s.now())
	s.pump()
}

// Settle implements [Permit].
func (p *sharePermit) Settle(r RateLimitResult) {
	p.once.Do(func() { p.Permit.Settle(r); p.share.end((*limit.Share).Done) })
}

// Cancel implements [Permit].
func (p *sharePermit) Cancel() {
	p.once.Do(func() { p.Permit.Cancel(); p.share.end((*limit.Share).Cancelled) })
}

// Status implements [RateLimiter]: the next limiter's, with the part of its windows,
// the waiters of both and the later turn.
func (s *rateShare) Status() RateLimitStatus {
	status := s.next.Status()
	s.update(status.Windows)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for i := range status.Windows {
		w := &status.Windows[i]
		w.Limit = max(int(float64(w.Limit)*s.fraction), 1)
		w.Remaining = min(w.Remaining, s.share.Free(now, i))
	}
	status.Waiters += s.waiters
	if ok, recheck := s.share.Next(now); !ok || s.ahead(0) > 0 {
		turn, _ := s.share.Earliest(now, s.ahead(0))
		status.BlockedBy = cmp.Or(status.BlockedBy, RateLimitFull)
		if recheck.After(status.BlockedUntil) {
			status.BlockedUntil = recheck
		}
		if turn.After(now) && turn.After(status.NextTurn) {
			status.NextTurn = turn
		}
	}
	return status
}

func (s *rateShare) grant(now time.Time, _ *permit) (ok bool, recheck time.Time) {
	if ok, recheck = s.share.Next(now); ok {
		s.share.Sent(now)
	}
	return ok, recheck
}

func (s *rateShare) earliest(now time.Time, ahead int) (time.Time, blocked) {
	at, window := s.share.Earliest(now, ahead)
	return at, blocked{Window(window), RateLimitFull}
}

func (s *rateShare) turn(now time.Time, ahead int) (time.Time, blocked) {
	return s.earliest(now, ahead)
}

func (s *rateShare) cancel(now time.Time, _ *permit) { s.share.Cancelled(now) }

// unlimited is the next limiter if the caller wants none. It grants at once.
type unlimited struct{}

func (unlimited) Wait(context.Context, RateLimitRequest) (Permit, error) { return unlimited{}, nil }
func (unlimited) Status() RateLimitStatus                                { return RateLimitStatus{} }
func (unlimited) Settle(RateLimitResult)                                 {}
func (unlimited) Cancel()                                                {}
