package connix

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/limit"
)

// The windows that the API documents for a key.
var apiWindows = [...]Window{{Limit: 1000, Period: time.Hour}, {Limit: 100, Period: time.Minute}}

// Values from outside are clamped to these bounds before anything depends on
// them.
const (
	maxLimit     = 1_000_000
	longestPause = 24 * time.Hour // after a 429, whatever its Retry-After
)

// NewRateLimiter returns a limiter that spends the whole budget of windows without
// a refusal by the server. No windows means the API's: 1000 requests an hour and
// 100 a minute. A Limit is clamped to 1 to 1,000,000, a Period to a millisecond to
// a year.
//
// The server's headers show one window: the window whose limit they name, or else
// the longest. The API's windows follow the headers if these name another limit.
// Windows that you give are ceilings: headers lower them and never raise them, and
// headers with a higher limit are taken to be about a window that you did not
// name. See also [WithMaxRate].
//
// The limiter does not depend on the kind of the server's windows: it exceeds
// none, whether they are fixed, sliding or token buckets. If others use the same
// key, it detects that by the server's responses and shares the budget.
func NewRateLimiter(windows ...Window) RateLimiter {
	l := &windowLimiter{ceilings: len(windows) > 0}
	l.pace = l
	if !l.ceilings {
		windows = apiWindows[:]
	}
	for _, w := range windows {
		w.Limit = min(max(w.Limit, 1), maxLimit)
		w.Period = min(max(w.Period, time.Millisecond), 365*24*time.Hour)
		l.windows = append(l.windows, limit.Window(w))
	}
	return l
}

// windowLimiter is the shell around the limiter's core: it adds a lock, a queue
// and the clock.
type windowLimiter struct {
	queue
	windows  []limit.Window
	ceilings bool        // the windows are the caller's
	core     *limit.Core // nil before the first request, which sets the start
	server   serverLimits
}

// permit is a request that was granted, or that waits to be.
type permit struct {
	limiter *windowLimiter
	call    limit.Call
	low     bool // of low priority
	done    bool
}

// Wait implements [RateLimiter].
func (l *windowLimiter) Wait(ctx context.Context, req RateLimitRequest) (Permit, error) {
	p := &permit{limiter: l, low: req.LowPriority}
	if err := l.wait(ctx, req, p); err != nil {
		return nil, err
	}
	return p, nil
}

func (l *windowLimiter) start(now time.Time) {
	l.core = limit.New(now, l.windows...)
	if l.ceilings {
		l.core.KeepBelow()
	} else {
		l.core.ShowLongest()
	}
}

func (l *windowLimiter) grant(now time.Time, p *permit) (ok bool, recheck time.Time) {
	if l.core == nil {
		l.start(now)
	}
	next, sent := l.core.Next, l.core.Sent
	if p.low {
		next, sent = l.core.NextLow, l.core.SentLow
	}
	if ok, recheck, _ = next(now); ok {
		p.call = sent(now)
	}
	return ok, recheck
}

func (l *windowLimiter) earliest(now time.Time, ahead int) (time.Time, blocked) {
	at, why := l.core.Earliest(now, ahead)
	if why.Reason == limit.None {
		if _, _, why = l.core.NextLow(now); why.Reason == limit.None {
			return at, blocked{reason: RateLimitQueue}
		}
	}
	return at, l.blocked(why)
}

func (l *windowLimiter) turn(now time.Time, ahead int) (time.Time, blocked) {
	at, why := l.core.Turn(now, ahead)
	if why.Reason == limit.None {
		return at, blocked{reason: RateLimitQueue}
	}
	return at, l.blocked(why)
}

func (l *windowLimiter) cancel(now time.Time, p *permit) { l.core.Cancelled(now, p.call) }

// reasons maps the core's reasons to the public ones.
var reasons = [...]RateLimitReason{
	limit.Start: RateLimitStart, limit.Shared: RateLimitShared, limit.Full: RateLimitFull,
	limit.Spread: RateLimitSpread, limit.Denied: RateLimitDenied, limit.Tokens: RateLimitTokens,
	limit.Unavailable: RateLimitOutage, limit.Reserved: RateLimitReserved,
}

func (l *windowLimiter) blocked(why limit.Why) blocked {
	b := blocked{reason: reasons[why.Reason]}
	if why.Window != limit.UnknownWindow {
		b.window = Window(l.core.Window(why.Window))
	}
	return b
}

// Settle implements [Permit].
func (p *permit) Settle(r RateLimitResult) {
	l := p.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.done {
		return
	}
	p.done = true
	now := l.now()
	if r.StatusCode == 0 {
		l.core.Lost(now, p.call)
	} else {
		l.core.Responded(now, p.call, l.server.read(now, r))
	}
	l.pump()
}

// Cancel implements [Permit].
func (p *permit) Cancel() {
	l := p.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.done {
		return
	}
	p.done = true
	l.cancel(l.now(), p)
	l.pump()
}

// Status implements [RateLimiter].
func (l *windowLimiter) Status() RateLimitStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.core == nil {
		l.start(now)
	}
	core := l.core.Status(now)
	s := RateLimitStatus{Server: l.server.public(), Waiters: l.waiters}
	if ok, recheck, why := l.core.Next(now); !ok || l.ahead(0) > 0 {
		s.BlockedBy = cmp.Or(reasons[why.Reason], RateLimitQueue)
		if at, _ := l.core.Earliest(now, 0); at.After(now) {
			s.BlockedUntil = at
		}
		s.NextTurn = recheck
		if at, _ := l.core.Turn(now, l.ahead(0)); at.After(now) && at.After(recheck) {
			s.NextTurn = at
		}
	}
	for _, w := range core.Windows {
		ws := WindowStatus{Window: Window(w.Window), Remaining: w.Remaining, ResetAt: w.FreeAt}
		if w.Shown {
			ws.ResetAt = l.server.reset(now, w.Period, w.FreeAt)
		}
		s.Windows = append(s.Windows, ws)
	}
	return s
}

// serverLimits holds the rate limits that the server showed last.
type serverLimits struct {
	requests, tokens serverLimit
	offset           time.Duration // the server's clock less ours
}

// serverLimit is a RateLimit by value, which no caller can change later.
type serverLimit struct {
	limit, remaining       int
	hasLimit, hasRemaining bool
	reset                  time.Time
}

func newServerLimit(r RateLimit) (s serverLimit) {
	if s.hasLimit = r.Limit != nil && *r.Limit >= 1; s.hasLimit {
		s.limit = min(*r.Limit, maxLimit)
	}
	if s.hasRemaining = r.Remaining != nil; s.hasRemaining {
		s.remaining = min(max(*r.Remaining, 0), maxLimit)
		if s.hasLimit {
			s.remaining = min(s.remaining, s.limit)
		}
	}
	s.reset = r.Reset
	return s
}

// said reports whether any field was sent.
func (s *serverLimit) said() bool { return s.hasLimit || s.hasRemaining || !s.reset.IsZero() }

func (s *serverLimit) public() RateLimit {
	r := RateLimit{Reset: s.reset}
	if s.hasLimit {
		r.Limit = new(s.limit)
	}
	if s.hasRemaining {
		r.Remaining = new(s.remaining)
	}
	return r
}

func (s *serverLimits) public() RateLimits {
	return RateLimits{Requests: s.requests.public(), Tokens: s.tokens.public()}
}

// read takes a response that has just arrived and returns the part that the core
// uses, within bounds.
func (s *serverLimits) read(now time.Time, r RateLimitResult) limit.Response {
	if !r.ServerTime.IsZero() {
		s.offset = r.ServerTime.Sub(now)
	}
	requests, tokens := newServerLimit(r.RateLimits.Requests), newServerLimit(r.RateLimits.Tokens)
	if requests.said() {
		s.requests = requests
	}
	if tokens.said() {
		s.tokens = tokens
	}
	a := limit.Response{
		Refused:     r.StatusCode == http.StatusTooManyRequests,
		Unavailable: r.StatusCode == http.StatusServiceUnavailable && r.RetryAfter > 0,
		Limit:       requests.limit,
		Remaining:   limit.Unsaid,
		RetryAfter:  min(max(r.RetryAfter, 0), longestPause),
	}
	if n := r.RateLimits.Requests.Limit; requests.hasRemaining && (n == nil || *n > 0) { // a limit of 0 is no limit
		a.Remaining = requests.remaining
	}
	// A key without a tokens budget may show a limit of 0, which is not a spent
	// budget.
	if n := r.RateLimits.Tokens.Limit; tokens.hasRemaining && tokens.remaining == 0 && (n == nil || *n > 0) {
		a.TokensGone = true
		a.TokensBack = tokens.reset.Sub(now.Add(s.offset))
	}
	return a
}

// reset returns the time at which the server's window ends, by the local clock. If
// the server shows none within the period from now, it returns ledger.
func (s *serverLimits) reset(now time.Time, period time.Duration, ledger time.Time) time.Time {
	if s.requests.reset.IsZero() {
		return ledger
	}
	if at := s.requests.reset.Add(-s.offset); at.After(now) && at.Sub(now) <= period {
		return at
	}
	return ledger
}
